"""An archive of the classes that a start of Spark loads: its JVM maps them, and needs neither read nor check them.

Most of a start is the loading of 17,000 classes. So the set-up plays a start once and has Java write down, at the end,
what was loaded. Java compares the archive with itself and with the jars, and does without it where they differ.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import RunFailed

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_PREFIX = "telegram-lakehouse-classes-"
_RECIPE = "1"
"""Rises with each change of what is played, so that a set-up archives anew."""
_PLAYED_WITHIN = 300
_WRITTEN_WITHIN = 120
"""Seconds."""
_PLAY = """
import sys
from pathlib import Path
from pipeline.platform import class_archive, local_spark
archive, folder = map(Path, sys.argv[1:])
landing = folder / "landing"
landing.mkdir()
class_archive.play(
    local_spark.session("local[2]", folder / "logs", landing=landing, jvm_options=class_archive.written_to(archive)),
    folder,
)
"""


def archive_of(jars: Path, java_says: str) -> Path:
    """Where the archive for these jars is, or would be. `java_says` is what Java prints as its version."""
    made_of = [_RECIPE, java_says, str(jars.absolute())]
    for jar in sorted(jars.glob("*.jar")):
        found = jar.stat()
        made_of.append(f"{jar.name} {found.st_size} {found.st_mtime_ns}")
    digest = hashlib.sha256("\n".join(made_of).encode()).hexdigest()
    return jars / f"{_PREFIX}{digest[:16]}.jsa"


def read_from(archive: Path) -> str:
    """The JVM's options to use an archive; none if it does not exist."""
    if not archive.exists():
        return ""
    # Java says on standard output, which is the user's, why it does without one.
    return f"-Xlog:disable -Xlog:all=warning:stderr {_quoted(f'-XX:SharedArchiveFile={archive}')}"


def written_to(archive: Path) -> str:
    """The JVM's options to write an archive at its end."""
    return f"-Xlog:disable {_quoted(f'-XX:ArchiveClassesAtExit={archive}')}"


def _quoted(option: str) -> str:
    """As Spark's launcher reads it."""
    return '"' + option.replace("\\", "\\\\").replace('"', '\\"') + '"'


def make_base(java: Path, java_says: str) -> None:
    """Give a Java that lacks one the archive of its own classes, on which others build. It takes a second.

    Raises SubprocessError and OSError.
    """
    if "sharing" not in java_says:
        subprocess.run([str(java), "-Xshare:dump"], capture_output=True, timeout=_WRITTEN_WITHIN, check=True)


def make(archive: Path) -> None:
    """Play a start in a process of its own, and put the archive in place of earlier ones.

    Raises SubprocessError, and OSError also where Java wrote none.
    """
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory(dir=archive.parent, prefix=".") as beside:
        unfinished = Path(beside) / archive.name
        command = [sys.executable, "-c", _PLAY, str(unfinished), folder]
        subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PLAYED_WITHIN, check=True)
        with unfinished.open("rb") as written:
            os.fsync(written.fileno())  # Java crashes on an archive that a power cut has cut
        # Another set-up may be running: the rename makes the archive appear whole or not at all.
        unfinished.rename(archive)
    for other in archive.parent.glob(f"{_PREFIX}*.jsa"):
        if other != archive:
            other.unlink(missing_ok=True)


def play(spark: SparkSession, folder: Path) -> None:
    """Do once what a start of the pipeline does: tables, appends and a streaming query. The JVM ends with it.

    The session's landing is the folder `landing` in `folder`.
    """
    table = f"delta.`{folder / 'table'}`"
    columns = "update_id bigint COMMENT 'id', raw string, at timestamp, chats array<bigint>"
    properties = "'delta.checkpointInterval' = '100'"
    spark.sql(f"CREATE TABLE IF NOT EXISTS {table} ({columns}) USING delta COMMENT 'a' TBLPROPERTIES ({properties})")
    for _ in range(2):
        spark.sql(f"CREATE TABLE IF NOT EXISTS {table} ({columns}) USING delta")
        spark.sql(f"SHOW TBLPROPERTIES {table}").collect()
        _append(spark, folder / "table")
    spark.sql(f"ALTER TABLE {table} SET TBLPROPERTIES ({properties})")
    frame = spark.read.format("delta").load(str(folder / "table"))
    frame.where(frame["update_id"].isin([1, 2])).select("update_id", "raw").collect()
    _stream(spark, folder)
    gateway = spark.sparkContext._gateway
    spark.stop()
    assert gateway is not None
    gateway.shutdown()
    # Its end is an orderly one only when its input is closed.
    gateway.proc.stdin.close()
    if gateway.proc.wait(_WRITTEN_WITHIN):
        raise RunFailed("the JVM did not end well")


def _append(spark: SparkSession, place: Path) -> None:
    import pyarrow as pa

    types = {"update_id": pa.int64(), "raw": pa.string(), "at": pa.timestamp("us", tz="UTC")}
    schema = pa.schema([*types.items(), ("chats", pa.list_(pa.int64()))])
    rows = pa.Table.from_pylist([{"update_id": 1, "raw": "text", "chats": [1]}], schema)
    spark.createDataFrame(rows).coalesce(1).write.format("delta").mode("append").save(str(place))


def _stream(spark: SparkSession, folder: Path) -> None:
    def process(frame: DataFrame, _: int) -> None:
        frame.collect()

    landing = folder / "landing"
    (landing / "1-1-1.jsonl").write_text("{}\n")
    lines = spark.readStream.format("text").option("lineSep", "\n").option("maxFilesPerTrigger", 50)
    chosen = lines.load(landing.as_posix()).selectExpr("value", "_metadata.file_name as file")
    writer = chosen.writeStream.option("checkpointLocation", (folder / "checkpoint").as_posix())
    query = writer.foreachBatch(process).start()
    query.processAllAvailable()
    query.stop()
