"""Hadoop's file system for this machine, without a process for each file.

Without its native library, which Spark does not ship, Hadoop calls the program `chmod` for each file that it creates.
A micro-batch creates six files, and a small machine pays for each call. So the set-up compiles a file system that sets
modes itself, with the Scala compiler that Spark ships, into Spark's jars.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

JAR = "telegram-lakehouse-local-files-1.jar"
"""Its number rises with each change of the source, so that a set-up compiles it anew."""

CLASS = "telegram.lakehouse.LocalFiles"

_SOURCE = """
package telegram.lakehouse

import java.nio.file.Files
import java.nio.file.attribute.PosixFilePermissions
import org.apache.hadoop.fs.{LocalFileSystem, Path, RawLocalFileSystem}
import org.apache.hadoop.fs.permission.FsPermission

class LocalFiles extends LocalFileSystem(new FilesWithModes)

class FilesWithModes extends RawLocalFileSystem {
  override def setPermission(path: Path, mode: FsPermission): Unit = {
    val text = Seq(mode.getUserAction, mode.getGroupAction, mode.getOtherAction).map(_.SYMBOL).mkString
    Files.setPosixFilePermissions(pathToFile(path).toPath, PosixFilePermissions.fromString(text))
  }
}
"""


def compile_into(target: Path, jars: Path, java: Path) -> None:
    """Compile the file system into a jar in the `target` folder, with the compiler among Spark's `jars`.

    Raises SubprocessError and OSError.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, compiled = Path(folder) / "LocalFiles.scala", Path(folder) / JAR
        source.write_text(_SOURCE)
        command = [
            str(java),
            "-cp",
            f"{jars}/*",
            "scala.tools.nsc.Main",
            "-usejavacp",
            "-d",
            str(compiled),
            str(source),
        ]
        subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=300, check=True)
        # Another set-up may be running: the rename makes the jar appear whole or not at all.
        unfinished = target / f".{JAR}.{os.getpid()}"
        unfinished.write_bytes(compiled.read_bytes())
        unfinished.rename(target / JAR)


def settings(jars: Path, spark_master: str, spark_version: str) -> dict[str, str]:
    """Spark's settings for local files; `jars` is its folder of jars, `spark_version` as in "4.2.0"."""
    # Spark 4.0 has the class one package higher.
    package = "streaming" if spark_version.startswith("4.0.") else "streaming.checkpointing"
    chosen = {
        # Spark's and Delta's own choices ask the program `readlink` before each rename, several times, so that of two
        # writers one fails. A storage has one writer, by its lease; these rename just as atomically.
        "spark.sql.streaming.checkpointFileManagerClass": (
            f"org.apache.spark.sql.execution.{package}.FileSystemBasedCheckpointFileManager"
        ),
        "spark.delta.logStore.file.impl": "io.delta.storage.LocalLogStore",
    }
    # Executors on other machines may have been set up without the jar.
    if spark_master.startswith("local") and (jars / JAR).exists():
        chosen["spark.hadoop.fs.file.impl"] = CLASS
    return chosen
