"""Files of local Spark: with the modes that are asked for, and without a process for each."""

from __future__ import annotations

import importlib.util
import os
import stat
import subprocess
from pathlib import Path

import pytest

from pipeline.platform import local_files
from pipeline.platform.local_spark import java_home

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
