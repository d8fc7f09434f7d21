"""What a module of `scripts/` may import, and what importing a command must not load."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.imports import imports_of, modules_of

ROOT = Path(__file__).resolve().parents[2]
ALLOWED = {
    "benches": {"benches"},
    "checks": {"checks", "target"},
    "dashboard": {"dashboard"},
    "pictures": {"pictures", "dashboard"},
    "replays": {"replays", "target"},
    "sandbox": {"sandbox"},
    "engine": {"engine"},
    "target": {"target"},
}
"""The packages of `scripts/` that each of them may import. Commands may import all of them."""
HEAVY = {"databricks", "deltalake", "pandas", "pulumi", "pyarrow", "pyspark"}

MODULES = sorted((ROOT / "scripts").glob("*/**/*.py"))
NAMES = modules_of(ROOT, "scripts")


@pytest.mark.parametrize("module", MODULES, ids=[str(path.relative_to(ROOT)) for path in MODULES])
def test_a_package_imports_only_its_own_modules_and_those_below(module: Path) -> None:
    names = imports_of(module, NAMES)
    packages = {name.split(".")[1] for name in names if name.startswith("scripts.")}
    assert packages <= ALLOWED[module.relative_to(ROOT / "scripts").parts[0]]


def test_commands_load_nothing_heavy_before_they_know_what_they_are_about() -> None:
    commands = ["scripts.bench", "scripts.smoke", "scripts.replay", "scripts.stack"]
    load = f"for name in {commands}: importlib.import_module(name)"
    script = f"import importlib, json, sys\n{load}\nprint(json.dumps([*sys.modules]))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert set(commands) <= loaded
    assert HEAVY & {name.partition(".")[0] for name in loaded} == set()
