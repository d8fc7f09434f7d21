"""Files of local Spark: with the modes that are asked for, and without a process for each."""

from __future__ import annotations

import importlib.util
import os
import stat
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline.platform import local_files
from pipeline.platform.local_spark import java_home

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CHOSEN = "spark.hadoop.fs.file.impl"


def test_a_spark_on_this_machine_alone_is_given_the_compiled_file_system(tmp_path: Path) -> None:
    assert CHOSEN not in local_files.settings(tmp_path, "local[2]", "4.2.0")
    (tmp_path / local_files.JAR).touch()
    assert local_files.settings(tmp_path, "local[2]", "4.2.0")[CHOSEN] == local_files.CLASS
    assert CHOSEN not in local_files.settings(tmp_path, "spark://127.0.0.1:7077", "4.2.0")


def test_the_class_that_renames_files_of_a_checkpoint_is_named_as_this_spark_has_it(tmp_path: Path) -> None:
    def package(version: str) -> str:
        chosen = local_files.settings(tmp_path, "local[2]", version)
        return chosen["spark.sql.streaming.checkpointFileManagerClass"].rpartition(".")[0].rpartition("execution.")[2]

    assert (package("4.0.1"), package("4.2.0")) == ("streaming", "streaming.checkpointing")


def test_a_landing_whose_listing_waits_for_files_is_asked_for_without_a_pause(tmp_path: Path) -> None:
    delay = "spark.sql.streaming.pollingDelay"
    without = local_files.settings(tmp_path, "local[2]", "4.2.0", landing=tmp_path / "landing")
    (tmp_path / local_files.JAR).touch()
    waiting = local_files.settings(tmp_path, "local[2]", "4.2.0", landing=tmp_path / "landing")
    assert (without[delay], waiting[delay]) == ("50ms", "5ms")
    assert str(tmp_path / "landing") in waiting.values()
    assert local_files.settings(tmp_path, "local[2]", "4.2.0")[delay] == "50ms"


@pytest.mark.spark
def test_an_unchanged_landing_is_listed_again_as_soon_as_a_file_is_there(spark: SparkSession, tmp_path: Path) -> None:
    jvm = spark._jvm
    assert jvm is not None
    landing = jvm.telegram.lakehouse.Landing(jvm.java.io.File(str(tmp_path)))

    def waited() -> float:
        began = time.monotonic()
        landing.awaitChange()
        return time.monotonic() - began

    # The first listing has something to find, and Spark may leave some of it for a second.
    assert max(waited(), waited()) < 0.2
    assert waited() >= 0.24
    (tmp_path / "1.jsonl").touch()
    assert max(waited(), waited()) < 0.2
    (tmp_path / ".2.jsonl.tmp").touch()
    assert waited() >= 0.24
    rename = threading.Timer(0.05, (tmp_path / ".2.jsonl.tmp").rename, [tmp_path / "2.jsonl"])
    rename.start()
    assert waited() < 0.2
    (tmp_path / "1.jsonl").unlink()
    assert max(waited(), waited()) < 0.2


@pytest.mark.spark
def test_modes_are_set_without_a_process(tmp_path: Path) -> None:
    pyspark = importlib.util.find_spec("pyspark")
    assert pyspark is not None
    assert pyspark.origin is not None
    jars, java = Path(pyspark.origin).parent / "jars", java_home() / "bin" / "java"
    local_files.compile_into(tmp_path, jars, java)
    # Where the PATH has no programs, Hadoop's own file system can't create a file.
    (tmp_path / "bin").mkdir()

    def create(file: Path, implementation: str, umask: str) -> subprocess.CompletedProcess[str]:
        values = {"fs.file.impl": implementation, "fs.permissions.umask-mode": umask}
        properties = "".join(f"<property><name>{k}</name><value>{v}</value></property>" for k, v in values.items())
        (tmp_path / "core-site.xml").write_text(f"<configuration>{properties}</configuration>")
        shell = ["org.apache.hadoop.fs.FsShell", "-touchz", str(file)]
        command = [str(java), "-cp", f"{tmp_path}:{tmp_path}/*:{jars}/*", *shell]
        environment = {**os.environ, "PATH": str(tmp_path / "bin")}
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)

    def mode(file: Path) -> int:
        return stat.S_IMODE(file.stat().st_mode)

    assert "chmod" in create(tmp_path / "other", "org.apache.hadoop.fs.LocalFileSystem", "077").stderr
    for name, umask, expected in (("private", "077", 0o600), ("group", "027", 0o640)):
        assert create(tmp_path / name, local_files.CLASS, umask).returncode == 0
        assert [mode(tmp_path / file) for file in (name, f".{name}.crc")] == [expected, expected]
