"""The streaming query: one checkpointed `foreachBatch` over the landing. Only the edge to Spark is here.

A micro-batch accepts its questions into the journal and hands them to the lanes, appends bronze while the model works,
waits a moment for the answers, and appends to silver whatever has become terminal, from this batch or earlier ones.
What is still open then is owned by the journal and reaches silver in a later batch. `processor.py` has these steps.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import structlog

from pipeline.model.answering import Answering
from pipeline.replies.journal import Journal
from pipeline.storage.landing import Landing
from pipeline.stream.checkpoint import Checkpoint, Mark, MarkFile, absolute
from pipeline.stream.delta import DeltaTable
from pipeline.stream.delta_log import DeltaLog
from pipeline.stream.micro_batch import EarlierWork, files_of_earlier_queries
from pipeline.stream.processor import BatchProcessor, ReplyLanes, Stopped
from pipeline.stream.table_writer import Tables
from pipeline.tables import BRONZE, QUARANTINE, SILVER, TABLES, Table
from pipeline.telegram.bot import Bot

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.streaming.query import StreamingQuery

    from pipeline.storage.places import Storage

log = structlog.get_logger(__name__)

_MOST_FILES = 50
"""Files in one micro-batch; a file has up to 100 updates."""


class SilverStream:
    """The query and its sink. One to a run; `start` may be called again after the query has ended.

    Threads: the supervisor's thread calls `prepare`, `start`, `begin_anew` and `stop`, and reads the attributes.
    Spark's callback thread calls `_process`, one micro-batch at a time, and alone writes `busy`, `begun` and
    `processed`. `start` and `begin_anew` are called only while no query runs, so what they set up is not read at the
    same time.
    """

    def __init__(
        self,
        spark: SparkSession,
        storage: Storage,
        bot: Bot,
        landing: Landing,
        journal: Journal,
        lanes: ReplyLanes,
        *,
        allowed_chats: frozenset[int] = frozenset(),
        patience: float = 1.0,
        max_open: int = 2000,
        distribute_above: int | None = None,
        distributed: Answering | None = None,
        committed: Callable[[int, int], None] = lambda batch_id, updates: None,
        report: Callable[[str, str | None], None] = lambda service, reason: None,
    ) -> None:
        """`patience` is how many seconds a batch waits for its answers, `max_open` how many replies may be open.

        `distributed` is asked if a batch has more than `distribute_above` questions. `committed` is called at the end
        of each batch, on Spark's callback thread, with the batch's id and its number of updates. `report` is called
        with "stream" and what was found damaged and repaired, and with None once a micro-batch is through after that.
        """
        self._spark = spark
        self._storage = storage
        self._landing = landing
        self._checkpoint = Checkpoint(storage.checkpoints / "silver")
        self._mark = MarkFile(storage.root / "query.json")
        self._report = report
        self._logs = {table.name: DeltaLog.of(storage.table(table)) for table in TABLES}
        self._processor = BatchProcessor(
            bot,
            landing,
            journal,
            lanes,
            allowed_chats=allowed_chats,
            patience=patience,
            max_open=max_open,
            distribute_above=distribute_above,
            distributed=distributed,
            committed=committed,
            begun=self._write_mark,
        )
        self._started_before = False
        self.busy = threading.Event()
        """Set while a micro-batch is being processed."""
        self.begun = 0
        """How many micro-batches have begun."""
        self.processed = 0
        """How many micro-batches were processed, each counted once however often Spark called it."""
        self.callback_failed = False
        """Whether the last thing that ended in this query was a micro-batch that failed here, and not in Spark."""
        self._last_processed: tuple[str, int] = ("", -1)
        self._repair_reported = False
        """Whether a repair was reported and no micro-batch is through since."""

    def prepare(self) -> None:
        """Create the tables that are missing, and make durable what they hold.

        Raises TableError, DamagedTable, and OSError.
        """
        mark = self._mark.read()
        synced = mark.synced if mark is not None else {}
        for table in TABLES:
            delta_log = self._logs[table.name]
            removed = delta_log.repair(synced.get(table.name)) if delta_log else []
            if removed:
                log.warning("the newest commits of a table were cut and are removed", table=table.name, files=removed)
                self._report_repair(f"the newest commits of {table.name} were cut: what they had is appended again")
            self._table(table, self._spark).ensure()
            # A run that was killed may have left its last commit in memory only, and this one lets go what it holds.
            if delta_log:
                delta_log.sync()

    def begin_anew(self, reason: str) -> None:
        """Set the checkpoint aside, so that `start` begins a new one. Nothing is lost by that. Raises OSError."""
        self._checkpoint.set_aside()
        log.warning("a new checkpoint is begun", reason=reason, set_aside=str(self._checkpoint.aside))
        self._report_repair(f"a new checkpoint is begun: {reason}")

    def start(self) -> StreamingQuery:
        """Start the query, or continue from its checkpoint if it can be.

        Raises OSError, what Spark raises, and TableError where no micro-batch can succeed: a table was changed.
        """
        if self.callback_failed:
            for table in TABLES:
                self._table(table, self._spark).check()
        fault = self._checkpoint.fault(self._mark.read(), self._storage.landing)
        if fault is not None:
            self.begin_anew(fault)
        elif self.oversized:
            log.info("a new checkpoint is begun", reason="the log of files that were read has become large")
            self._checkpoint.discard()
        self.callback_failed = False
        # Files that this run has landed can't be in the tables before its first query.
        own_from = math.inf if self._started_before else self._landing.first_seq
        earlier = EarlierWork(
            planned=self._checkpoint.planned,
            files=files_of_earlier_queries((path.name for path in self._landing.waiting()), own_from),
            run_began=self._landing.first_seq,
        )
        self._processor.new_query(earlier, files_may_be_left=self._checkpoint.has_commits)
        self._started_before = True
        lines = (
            self._spark.readStream.format("text")
            .option("lineSep", "\n")
            .option("maxFilesPerTrigger", _MOST_FILES)
            # By default the source ignores, without a word, files older than a week: an outage may last longer.
            .option("maxFileAge", "36500d")
            # An injected file may be removed between its listing and its reading; that must stop nothing.
            .option("ignoreMissingFiles", True)
            .load(self._storage.landing.as_posix())
            .selectExpr("value", "_metadata.file_name as file")
        )
        return (
            lines.writeStream.queryName("silver")
            .option("checkpointLocation", self._checkpoint.folder.as_posix())
            .foreachBatch(self._process)
            .start()
        )

    def _report_repair(self, repaired: str) -> None:
        self._repair_reported = True
        self._report("stream", repaired)

    @property
    def oversized(self) -> bool:
        """Whether the checkpoint is oversized: `start` then begins a new one."""
        return self._checkpoint.oversized

    def stop(self) -> None:
        """Make a micro-batch that waits give up, and no further one begin."""
        self._processor.stop()

    def _process(self, frame: DataFrame, batch_id: int) -> None:
        # Only the callback's own thread can read the query's id.
        query_id = self._spark.sparkContext.getLocalProperty("sql.streaming.queryId") or "unknown"
        self.busy.set()
        self.begun += 1
        try:
            self.callback_failed = True
            self._process_batch(frame, str(query_id), batch_id)
            self.callback_failed = False
            if (str(query_id), batch_id) != self._last_processed:
                self._last_processed = (str(query_id), batch_id)
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

    def _process_batch(self, frame: DataFrame, query_id: str, batch_id: int) -> None:
        # A streaming query has a session of its own, with settings of its own.
        spark = frame.sparkSession
        tables = Tables(
            bronze=self._table(BRONZE, spark),
            silver=self._table(SILVER, spark),
            quarantine=self._table(QUARANTINE, spark),
        )
        self._processor.process(_lines(frame), tables, query_id, batch_id)

    def _table(self, table: Table, spark: SparkSession) -> DeltaTable:
        return DeltaTable(table, self._storage.table(table), spark, self._logs[table.name])

    def _write_mark(self, query_id: str, batch_id: int) -> None:
        synced = {name: log.synced for name, log in self._logs.items() if log and log.synced is not None}
        landing = absolute(self._storage.landing)
        self._mark.write(Mark(query_id=query_id, landing=landing, batch_id=batch_id, synced=synced))


def _lines(frame: DataFrame) -> Iterator[tuple[str, str]]:
    """The (line, source file) pairs, read when the first is asked for."""
    for row in frame.collect():
        yield row["value"], row["file"]
