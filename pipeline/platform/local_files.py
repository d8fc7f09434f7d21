"""Hadoop's file system for this machine: no process for each file, few listings of a landing in which nothing changed.

Without its native library, which Spark does not ship, Hadoop calls the program `chmod` for each file that it creates.
A micro-batch creates six files, and a small machine pays for each call. And Spark finds new files by listing a folder
again and again: a listing takes 2 ms of CPU, so that it should be rare, and a person waits for it, so that it should
be frequent. So the set-up compiles a file system, with the Scala compiler that Spark ships, into Spark's jars: it sets
modes itself, and it answers the listing of an unchanged landing as soon as that changes, at the latest after 250 ms.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

JAR = "telegram-lakehouse-local-files-2.jar"
"""Its number rises with each change of the source, so that a set-up compiles it anew."""

CLASS = "telegram.lakehouse.LocalFiles"

_LANDING = "telegram.lakehouse.landing"
"""Hadoop's key for the folder of which an unchanged listing waits."""

_SOURCE = """
package telegram.lakehouse

import java.io.{IOException, InterruptedIOException}
import java.nio.file.{Files, Path => JavaPath, WatchKey}
import java.nio.file.StandardWatchEventKinds.{ENTRY_CREATE, ENTRY_DELETE, OVERFLOW}
import java.nio.file.attribute.PosixFilePermissions
import java.util.concurrent.TimeUnit.MILLISECONDS
import org.apache.hadoop.fs.{FileStatus, LocalFileSystem, Path, RawLocalFileSystem}
import org.apache.hadoop.fs.permission.FsPermission
import scala.jdk.CollectionConverters._

class LocalFiles extends LocalFileSystem(new FilesWithModes) {
  private lazy val landing = Option(getConf.get("LANDING_KEY")).map(folder => new Landing(new java.io.File(folder)))

  override def listStatus(path: Path): Array[FileStatus] = {
    landing.filter(_.folder == pathToFile(path)).foreach(_.awaitChange())
    super.listStatus(path)
  }
}

class Landing(val folder: java.io.File) {
  private val watcher = orNone(folder.toPath.getFileSystem.newWatchService())
  private var watched: Option[WatchKey] = None
  // Spark may leave files of a listing for the next one, which then finds the folder unchanged.
  private var unchanged = 0

  // An interrupt is how Spark stops a query: it knows this exception.
  def awaitChange(): Unit = synchronized {
    try await() catch { case _: InterruptedException => throw new InterruptedIOException }
  }

  private def await(): Unit = {
    if (watched.exists(_.isValid)) {
      if (changesWithin(if (unchanged == 0) 0 else 250)) unchanged = 0 else unchanged += 1
    } else {
      watched = watcher.flatMap(service => orNone(folder.toPath.register(service, ENTRY_CREATE, ENTRY_DELETE)))
      unchanged = 0
      // Linux gives each user few of these.
      if (watched.isEmpty) Thread.sleep(50)
    }
  }

  private def changesWithin(milliseconds: Long): Boolean = {
    val end = System.nanoTime + MILLISECONDS.toNanos(milliseconds)
    var changed = false
    var left = milliseconds
    do {
      val key = watcher.get.poll(left, MILLISECONDS)
      if (key != null) {
        // A name with a dot is a file that is still being written.
        changed = key.pollEvents.asScala.exists { event =>
          event.kind == OVERFLOW || !event.context.asInstanceOf[JavaPath].toString.startsWith(".")
        }
        key.reset()
      }
      left = (end - System.nanoTime) / 1000000
    } while (!changed && left > 0)
    changed
  }

  private def orNone[T](value: => T): Option[T] = try Some(value) catch { case _: IOException => None }
}

class FilesWithModes extends RawLocalFileSystem {
  override def setPermission(path: Path, mode: FsPermission): Unit = {
    val text = Seq(mode.getUserAction, mode.getGroupAction, mode.getOtherAction).map(_.SYMBOL).mkString
    Files.setPosixFilePermissions(pathToFile(path).toPath, PosixFilePermissions.fromString(text))
  }
}
""".replace("LANDING_KEY", _LANDING)


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


def settings(jars: Path, spark_master: str, spark_version: str, landing: Path | None = None) -> dict[str, str]:
    """Spark's settings for local files; `jars` is its folder of jars, `spark_version` as in "4.2.0".

    `landing` is the folder that a streaming query of this Spark reads, if there is one.
    """
    # Spark 4.0 has the class one package higher.
    package = "streaming" if spark_version.startswith("4.0.") else "streaming.checkpointing"
    chosen = {
        # Spark's and Delta's own choices ask the program `readlink` before each rename, several times, so that of two
        # writers one fails. A storage has one writer, by its lease; these rename just as atomically.
        "spark.sql.streaming.checkpointFileManagerClass": (
            f"org.apache.spark.sql.execution.{package}.FileSystemBasedCheckpointFileManager"
        ),
        "spark.delta.logStore.file.impl": "io.delta.storage.LocalLogStore",
        "spark.sql.streaming.pollingDelay": "50ms",
    }
    # Executors on other machines may have been set up without the jar.
    if spark_master.startswith("local") and (jars / JAR).exists():
        chosen["spark.hadoop.fs.file.impl"] = CLASS
        if landing is not None:
            chosen[f"spark.hadoop.{_LANDING}"] = str(landing.absolute())
            # The listing itself waits for what is new.
            chosen["spark.sql.streaming.pollingDelay"] = "5ms"
    return chosen
