"""What must hold of the repository as a whole."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_the_standard_secrets_module_is_not_shadowed_from_the_root() -> None:
    code = "import secrets; print(len(secrets.token_hex()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "64\n"
    assert not (ROOT / "secrets" / "__init__.py").exists()


def test_no_test_folder_is_a_package() -> None:
    assert list((ROOT / "tests").rglob("__init__.py")) == []


def test_the_locks_have_a_hash_for_every_package_and_no_address() -> None:
    for lock in ("requirements.lock", "requirements-jre.lock"):
        text = (ROOT / lock).read_text()
        packages = re.findall(r"^[a-z][^\n]*==[^\n]*\\\n {4}--hash=sha256:", text, re.MULTILINE)
        assert len(packages) == len(re.findall(r"^[a-z]", text, re.MULTILINE))
        assert "://" not in text
