"""The wheel: the same bytes wherever it is built, under a name that tells its content."""

from __future__ import annotations

import base64
import io
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.utils import parse_wheel_filename

import pipeline
from infra.artifact import ROOT, BuildError, Wheel, build_wheel

SOURCES = ("pyproject.toml", "README.md", "LICENSE")


def copied(folder: Path) -> Path:
    for name in SOURCES:
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "pipeline", folder / "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture(scope="module")
def wheel() -> Wheel:
    return build_wheel()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return copied(tmp_path)


def names(wheel: Wheel) -> list[str]:
    return zipfile.ZipFile(io.BytesIO(wheel.content)).namelist()


def test_the_wheel_holds_the_pipeline_and_nothing_else(wheel: Wheel) -> None:
    tops = {name.split("/")[0] for name in names(wheel)}
    assert tops == {"pipeline", f"telegram_lakehouse-{pipeline.__version__}.dist-info"}
    sources = {str(path.relative_to(ROOT)) for path in (ROOT / "pipeline").rglob("*.py")}
    assert {name for name in names(wheel) if name.endswith(".py")} == sources
    assert [name for name in names(wheel) if "__pycache__" in name] == []


def test_the_texts_that_the_bot_and_its_model_need_are_in_the_wheel(wheel: Wheel) -> None:
    assert {"pipeline/messages/phrases.toml", "pipeline/model/instructions/1.txt"} <= set(names(wheel))


def test_the_jobs_entry_point_is_in_the_wheel(wheel: Wheel) -> None:
    with zipfile.ZipFile(io.BytesIO(wheel.content)) as archive:
        (entries,) = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
        assert "pipeline = pipeline.cli:main" in archive.read(entries).decode()


def test_the_name_is_a_wheels_name_with_the_content_in_its_build_tag(wheel: Wheel) -> None:
    name, version, build, tags = parse_wheel_filename(wheel.name)
    assert (name, str(version)) == ("telegram-lakehouse", pipeline.__version__)
    assert {str(tag) for tag in tags} == {"py3-none-any"}
    assert build
    # PEP 427: a build tag begins with a digit; two contents that differ differ in it.
    assert Wheel(wheel.content + b"\0", wheel.built_name).name != wheel.name
    for content in range(200):
        assert parse_wheel_filename(Wheel(bytes([content]), wheel.built_name).name)[2]


def test_the_uploaded_text_is_the_content(wheel: Wheel) -> None:
    assert base64.b64decode(wheel.base64) == wheel.content


def test_neither_the_folder_nor_other_files_in_it_make_a_difference(wheel: Wheel, copy: Path) -> None:
    cache = copy / "pipeline" / "__pycache__"
    cache.mkdir()
    (cache / "cli.cpython-311.pyc").write_bytes(b"x")
    for other in ("tests", "infra", "spark-warehouse", "dist"):
        (copy / other).mkdir()
        (copy / other / "file.py").write_text("x = 1\n")
    for source in (copy / "pipeline").glob("*.py"):
        os.utime(source, (1_000_000_000, 1_000_000_000))
        source.chmod(0o600)
    built = build_wheel(copy)
    assert (built.name, built.content) == (wheel.name, wheel.content)


def test_another_process_builds_the_same_wheel_whatever_its_environment(wheel: Wheel) -> None:
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000", "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    code = "from infra.artifact import build_wheel; print(build_wheel().name)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [wheel.name]


def test_a_changed_source_gives_another_wheel(wheel: Wheel, copy: Path) -> None:
    source = copy / "pipeline" / "platform" / "scope.py"
    source.write_text(source.read_text() + "\nCHANGED = True\n")
    assert build_wheel(copy).name != wheel.name


def test_a_build_changes_neither_the_folder_nor_the_current_folder(copy: Path) -> None:
    before, here = sorted(copy.rglob("*")), Path.cwd()
    build_wheel(copy)
    assert (sorted(copy.rglob("*")), Path.cwd()) == (before, here)


def test_sources_that_can_not_be_built_are_one_line(tmp_path: Path) -> None:
    here = Path.cwd()
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'telegram-lakehouse'\n")
    with pytest.raises(BuildError) as fault:
        build_wheel(tmp_path)
    assert str(fault.value).startswith(f"the wheel of {tmp_path.name} can't be built (")
    assert "\n" not in str(fault.value)
    assert Path.cwd() == here
