"""The archive of the classes of a start: what it is made for, how it appears, and that Java can do without it."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline.platform import class_archive
from pipeline.platform.local_spark import java_home

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SAYS = 'openjdk version "17.0.1"'


@pytest.fixture(name="jars")
def _jars(tmp_path: Path) -> Path:
    for name in ("a.jar", "b.jar"):
        (tmp_path / name).write_text(name)
    return tmp_path


def _played(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    monkeypatch.setattr(class_archive, "_PLAY", program)


def test_another_java_another_jar_and_another_place_have_another_archive(jars: Path) -> None:
    def archive(says: str = SAYS, folder: Path = jars) -> Path:
        return class_archive.archive_of(folder, says)

    first = archive()
    assert archive() == first
    found = {first, archive('openjdk version "17.0.2"')}
    os.utime(jars / "a.jar", (1, 1))
    found.add(archive())
    (jars / "b.jar").unlink()
    found.add(archive())
    moved = jars.rename(jars.with_name("moved"))
    found.add(archive(folder=moved))
    assert len({path.name for path in found}) == 5


def test_without_an_archive_java_is_not_asked_to_use_one(tmp_path: Path) -> None:
    assert class_archive.read_from(tmp_path / "none.jsa") == ""


def test_a_java_that_can_not_use_an_archive_starts_without_a_word_to_the_user(tmp_path: Path) -> None:
    archive = tmp_path / "with a space" / "damaged.jsa"
    archive.parent.mkdir()
    archive.write_bytes(b"no archive of classes" * 1000)
    options = shlex.split(class_archive.read_from(archive))
    assert f"-XX:SharedArchiveFile={archive}" in options
    done = subprocess.run(
        [str(java_home() / "bin" / "java"), "-Xshare:auto", *options, "-version"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert "version" in done.stderr


def test_a_new_archive_takes_the_place_of_earlier_ones(jars: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    earlier = class_archive.archive_of(jars, "an earlier Java")
    earlier.touch()
    archive = class_archive.archive_of(jars, SAYS)
    _played(monkeypatch, "import sys; open(sys.argv[1], 'w').write('classes')")
    class_archive.make(archive)
    assert archive.read_text() == "classes"
    assert {path.name for path in jars.iterdir()} == {"a.jar", "b.jar", archive.name}


@pytest.mark.parametrize("program", ["raise SystemExit(1)", "pass"], ids=["a start that fails", "no archive written"])
def test_what_could_not_be_archived_leaves_nothing_and_keeps_the_earlier_one(
    jars: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    earlier = class_archive.archive_of(jars, "an earlier Java")
    earlier.touch()
    _played(monkeypatch, program)
    with pytest.raises((OSError, subprocess.SubprocessError)):
        class_archive.make(class_archive.archive_of(jars, SAYS))
    assert {path.name for path in jars.iterdir()} == {"a.jar", "b.jar", earlier.name}


def test_a_java_with_an_archive_of_its_own_classes_is_not_given_another() -> None:
    class_archive.make_base(Path("/no/java"), "OpenJDK 64-Bit Server VM (mixed mode, sharing)")
    with pytest.raises(OSError, match="/no/java"):
        class_archive.make_base(Path("/no/java"), "OpenJDK 64-Bit Server VM (mixed mode)")


@pytest.mark.spark
def test_a_session_uses_the_archive_that_the_set_up_made(spark: SparkSession) -> None:
    import pyspark

    archives = list((Path(pyspark.__file__).parent / "jars").glob("telegram-lakehouse-classes-*.jsa"))
    if not archives:
        pytest.skip("the set-up could not archive the classes of this Spark")
    jvm = spark._jvm
    assert jvm is not None
    maps = Path(f"/proc/{jvm.java.lang.ProcessHandle.current().pid()}/maps")
    if not maps.exists():
        pytest.skip("this system does not tell what a process maps")
    assert archives[0].name in maps.read_text()
