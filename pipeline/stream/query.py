"""The streaming query: one checkpointed `foreachBatch` over the landing. Only the edge to Spark is here.

A micro-batch accepts its questions into the journal and hands them to the lanes (`processor.py`). Its rows go to the
table writer (`table_writer.py`), which appends them beside the stream: a person waits for no table.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from pipeline.stream.checkpoint import Checkpoint, MarkFile
from pipeline.stream.processor import BatchProcessor, Silver, Stopped

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.streaming.query import StreamingQuery

log = structlog.get_logger(__name__)

_MOST_FILES = 50
"""Files in one micro-batch; a file has up to 100 updates."""


class SilverStream:
    """The query and its sink. One to a run; `start` may be called again after the query has ended.

    Threads: the supervisor's thread calls `start`, `begin_anew` and `stop`, and reads the attributes. Spark's callback
    thread calls `_process`, one micro-batch at a time, and alone writes `busy`, `begun` and `processed`. `start` and
    `begin_anew` are called only while no query runs, so what they set up is not read at the same time.
    """

    def __init__(
        self,
        spark: SparkSession,
        landing: Path,
        checkpoints: Path,
        mark: MarkFile,
        processor: BatchProcessor,
        silver: Callable[[SparkSession], Silver],
        report: Callable[[str, str | None], None] = lambda service, reason: None,
    ) -> None:
        """`silver` gives the table as a session sees it. `report` is called with "stream" and what was found damaged
        and repaired, and with None once a micro-batch is through after that.
        """
        self._spark = spark
        self._landing = landing
        self._checkpoint = Checkpoint(checkpoints / "silver")
        self._mark = mark
        self._processor = processor
        self._silver = silver
        self._report = report
        self.busy = threading.Event()
        """Set while a micro-batch is being processed."""
        self.begun = 0
        """How many micro-batches have begun."""
        self.processed = 0
        """How many micro-batches were processed, each counted once however often Spark called it."""
        self.callback_failed = False
        """Whether the last thing that ended in this query was a micro-batch that failed here, and not in Spark."""
        self._last_processed: tuple[str, int] = ("", -1)
        self._repair_reported = True
        """Whether a repair may have been reported and no micro-batch is through since."""

    def begin_anew(self, reason: str) -> None:
        """Set the checkpoint aside, so that `start` begins a new one. Nothing is lost by that. Raises OSError."""
        self._checkpoint.set_aside()
        log.warning("a new checkpoint is begun", reason=reason, set_aside=str(self._checkpoint.aside))
        self._repair_reported = True
        self._report("stream", f"a new checkpoint is begun: {reason}")

    def start(self) -> StreamingQuery:
        """Start the query, or continue from its checkpoint if it can be. Raises OSError, and what Spark raises."""
        fault = self._checkpoint.fault(self._mark.read(), self._landing)
        if fault is not None:
            self.begin_anew(fault)
        elif self.oversized:
            log.info("a new checkpoint is begun", reason="the log of files that were read has become large")
            self._checkpoint.discard()
        self.callback_failed = False
        lines = (
            self._spark.readStream.format("text")
            .option("lineSep", "\n")
            .option("maxFilesPerTrigger", _MOST_FILES)
            # By default the source ignores, without a word, files older than a week: an outage may last longer.
            .option("maxFileAge", "36500d")
            # A file whose rows are in the tables leaves, also while Spark still has to commit its micro-batch.
            .option("ignoreMissingFiles", True)
            .load(self._landing.as_posix())
            .selectExpr("value", "_metadata.file_name as file")
        )
        query = (
            lines.writeStream.queryName("silver")
            .option("checkpointLocation", self._checkpoint.folder.as_posix())
            .foreachBatch(self._process)
            .start()
        )
        self._mark.note_query(str(query.id), self._landing)
        return query

    @property
    def oversized(self) -> bool:
        """Whether the checkpoint is oversized: `start` then begins a new one."""
        return self._checkpoint.oversized

    def stop(self) -> None:
        """Make a micro-batch that waits give up, and no further one begin."""
        self._processor.stop()

    def _process(self, frame: DataFrame, batch_id: int) -> None:
        # Only the callback's own thread can read the query's id.
        query_id = str(self._spark.sparkContext.getLocalProperty("sql.streaming.queryId") or "unknown")
        self.busy.set()
        self.begun += 1
        try:
            self.callback_failed = True
            # A streaming query has a session of its own, with settings of its own.
            self._processor.process(_lines(frame), self._silver(frame.sparkSession), batch_id)
            self.callback_failed = False
            if (query_id, batch_id) != self._last_processed:
                self._last_processed = (query_id, batch_id)
                self.processed += 1
            if self._repair_reported:
                self._repair_reported = False
                self._report("stream", None)
        except Stopped:
            raise RuntimeError("stopped") from None
        except Exception as error:
            # A long error text out of this callback has overflowed the stack of Spark's stream thread.
            log.error("micro-batch failed", batch=batch_id, error=type(error).__name__, text=str(error)[:300])
            raise RuntimeError(f"micro-batch {batch_id}: {type(error).__name__}") from None
        finally:
            self.busy.clear()


def _lines(frame: DataFrame) -> Iterator[tuple[str, str]]:
    """The (line, source file) pairs, read when the first is asked for."""
    for row in frame.collect():
        yield row["value"], row["file"]
