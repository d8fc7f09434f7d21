"""The stream: one checkpointed `foreachBatch` over the landing, its tables written idempotently.

A micro-batch accepts its questions into the journal and hands them to the lanes, appends bronze while the model works,
waits a moment for the answers, and appends to silver whatever has become terminal, from this batch or earlier ones.
What is still open then is owned by the journal and reaches silver in a later batch.
"""

from __future__ import annotations

import math
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from pipeline.messages.identity import Identity
from pipeline.messages.question import Question
from pipeline.model.answering import Answering
from pipeline.replies.journal import Journal, Settlement
from pipeline.replies.lanes import Lanes
from pipeline.replies.reply import Reply
from pipeline.storage.landing import Landing, file_seq, is_injected
from pipeline.stream.delta import DeltaTable
from pipeline.stream.micro_batch import Batch, question_of, read_batch
from pipeline.stream.rows import bronze_row, silver_row
from pipeline.tables import BRONZE, QUARANTINE, SILVER
from pipeline.telegram.bot import Bot
from pipeline.telegram.routing import Disposition, disposition

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.streaming.query import StreamingQuery

    from pipeline.storage.places import Storage

log = structlog.get_logger(__name__)

_MOST_FILES = 50
"""Files in one micro-batch; a file has up to 100 updates."""
_REMEMBERED = 200_000
_OVERSIZED_FROM = 8_000_000
"""Bytes: about 60,000 files."""
_SILVER_LAG = 3.0
"""Seconds that silver may lag behind while messages stream in."""


class Stopped(Exception):
    """The run ends: the micro-batch is left uncommitted, to be called again."""


class SilverStream:
    """The query's sink, and the query. One to a run; `start` may be called again after a failure."""

    def __init__(
        self,
        spark: SparkSession,
        storage: Storage,
        bot: Bot,
        landing: Landing,
        journal: Journal,
        lanes: Lanes,
        *,
        allowed_chats: frozenset[int] = frozenset(),
        patience: float = 1.0,
        max_open: int = 2000,
        distribute_above: int | None = None,
        distributed: Answering | None = None,
        committed: Callable[[int, int], None] = lambda batch_id, updates: None,
    ) -> None:
        """`distributed` is asked where a batch has more than `distribute_above` questions. `committed` hears of all."""
        self._spark = spark
        self._storage = storage
        self._bot = bot
        self._landing = landing
        self._journal = journal
        self._lanes = lanes
        self._allowed_chats = allowed_chats
        self._patience = patience
        self._max_open = max_open
        self._distribute_above = distribute_above
        self._distributed = distributed
        self._committed = committed
        self._bronze, self._silver, self._quarantine = (
            DeltaTable(table, storage.table(table)) for table in (BRONZE, SILVER, QUARANTINE)
        )
        self._stopping = False
        self._recent: OrderedDict[Identity, None] = OrderedDict()
        self._read_files: set[str] = set()
        self._left_files: frozenset[str] = frozenset()
        self._planned = -1
        self._may_be_left = False
        self._settled_at = time.monotonic()
        self._starts = 0
        self.busy = threading.Event()
        """Whether a micro-batch is being processed."""
        self.begun = 0
        """How many micro-batches have begun."""

    def prepare(self) -> None:
        """Make the tables. Raises TableError."""
        for table in (self._bronze, self._silver, self._quarantine):
            table.ensure(self._spark)

    def start(self) -> StreamingQuery:
        """Start, or go on from the checkpoint."""
        checkpoint = self._storage.checkpoints / "silver"
        if self.oversized:
            # All that a checkpoint knows can be told from the tables and the journal; its log alone only grows.
            log.info("a new checkpoint is begun", reason="the log of files that were read has become large")
            shutil.rmtree(checkpoint)
        # A batch that Spark may call again, and files that were there before this query: there, and only there, rows
        # may be in the tables already.
        self._planned = max(_numbers(checkpoint / "offsets"), default=-1)
        # Files that this run has landed can't be in the tables before its first query.
        before = self._landing.began if self._starts == 0 else math.inf
        names = (path.name for path in self._landing.waiting())
        self._left_files = frozenset(name for name in names if file_seq(name) < before or is_injected(name))
        self._starts += 1
        self._read_files = set()
        self._may_be_left = bool(_numbers(checkpoint / "commits"))
        lines = (
            self._spark.readStream.format("text")
            .option("lineSep", "\n")
            .option("maxFilesPerTrigger", _MOST_FILES)
            # The default of a week would pass over, unsaid, what an outage of ours left lying longer.
            .option("maxFileAge", "36500d")
            # A file from outside may be taken back between its listing and its reading, and must stop nobody.
            .option("ignoreMissingFiles", True)
            .load(self._storage.landing.as_posix())
            .selectExpr("value", "_metadata.file_name as file")
        )
        return (
            lines.writeStream.queryName("silver")
            .option("checkpointLocation", checkpoint.as_posix())
            .foreachBatch(self._process)
            .start()
        )

    @property
    def oversized(self) -> bool:
        """Whether the source's log of files is too large: Spark rewrites all of it every tenth micro-batch."""
        log_of_files = self._storage.checkpoints / "silver" / "sources" / "0"
        return max((path.stat().st_size for path in log_of_files.glob("*")), default=0) > _OVERSIZED_FROM

    def stop(self) -> None:
        """Make a micro-batch that waits give up."""
        self._stopping = True

    def _process(self, frame: DataFrame, batch_id: int) -> None:
        # The query's id can be read in the callback's own thread only.
        query_id = self._spark.sparkContext.getLocalProperty("sql.streaming.queryId") or "unknown"
        self.busy.set()
        self.begun += 1
        try:
            self._process_batch(frame, str(query_id), batch_id)
        except Stopped:
            raise RuntimeError("stopped") from None
        except Exception as error:
            # A long text in an error out of this callback has overflowed the stack of Spark's stream thread.
            log.error("micro-batch failed", batch=batch_id, error=type(error).__name__, text=str(error)[:300])
            raise RuntimeError(f"micro-batch {batch_id}: {type(error).__name__}") from None
        finally:
            self.busy.clear()

    def _process_batch(self, frame: DataFrame, query_id: str, batch_id: int) -> None:
        began = time.monotonic()
        if self._stopping:
            raise Stopped
        batch = read_batch(((row.value, row.file) for row in frame.collect()), self._bot.id)
        spark = frame.sparkSession
        self._begin(spark, batch, query_id, batch_id)
        decided = [
            (update, file, disposition(update, self._bot, self._allowed_chats)) for update, file in batch.updates
        ]
        # A file that is older than this run, by its name, may have been put back from those that are done.
        put_back = any(file_seq(file) < self._landing.began for file in batch.files)
        in_doubt = batch_id <= self._planned or bool(batch.files & self._left_files) or put_back
        in_bronze, in_silver = self._known(spark, batch, in_doubt)
        questions = [
            question_of(update, self._bot)
            for update, _, what in decided
            if what is Disposition.ANSWER and update.identity not in in_silver and update.identity not in self._recent
        ]
        self._accept([q for q in questions if self._journal.get(q.key) is None])

        now = datetime.now(UTC)
        new = [item for item in decided if item[0].identity not in in_bronze and item[0].identity not in self._recent]
        rows = [
            bronze_row(update, what, source_file=file, ingested_at=now, batch_id=batch_id) for update, file, what in new
        ]
        self._bronze.append(spark, rows, query_id, batch_id)
        in_quarantine = self._quarantined(spark, batch) if in_doubt else set()
        bad = [
            (malformed.reason, malformed.raw, file, now, batch_id)
            for malformed, file in batch.malformed
            if (file, malformed.raw) not in in_quarantine
        ]
        self._quarantine.append(spark, bad, query_id, batch_id)
        self._remember(update.identity for update, _ in batch.updates)
        # A file from outside that brought nothing new leaves no row by which it could be told later as read.
        told = {file for _, file, _ in new} | {file for _, file in batch.malformed}
        self._landing.finish(file for file in batch.files - told if is_injected(file))

        self._wait([question.key for question in questions], batch, began)
        settled = self._settle(spark, query_id, batch_id) if self._may_settle(batch, query_id, batch_id) else 0
        self._read_files |= batch.files
        self._committed(batch_id, len(batch.updates))
        log.info(
            "micro-batch",
            batch=batch_id,
            updates=len(batch.updates),
            questions=len(questions),
            malformed=len(bad),
            settled=settled,
            open=self._lanes.open,
            seconds=round(time.monotonic() - began, 2),
        )

    def _begin(self, spark: SparkSession, batch: Batch, query_id: str, batch_id: int) -> None:
        """That this batch begins says that earlier ones are committed: what they settled can be let go."""
        settlements = self._journal.settlements()
        self._journal.forget(s for s in settlements if s.query_id == query_id and s.batch_id < batch_id)
        for settlement in settlements:
            if settlement.query_id != query_id:
                self._reconcile(spark, settlement)
        self._landing.finish(self._read_files - batch.files)
        self._read_files &= batch.files
        if self._may_be_left:
            self._may_be_left = False
            left = {path.name for path in self._landing.waiting()} - batch.files
            self._landing.finish(self._committed_files(spark, left, min(map(file_seq, batch.files), default=0)))

    def _committed_files(self, spark: SparkSession, names: set[str], before: int) -> Collection[str]:
        """Files of the last batch of a former run, which nobody moved when it was committed: the tables know them."""
        ticks = [name for name in names if name.endswith("-tick.jsonl") and file_seq(name) < before]
        some = sorted(names.difference(ticks))[:1000]
        if not some:
            return ticks
        found = set(ticks)
        for table in (self._bronze, self._quarantine):
            frame = table.read(spark)
            rows = frame.where(frame["source_file"].isin(some)).select("source_file").distinct().collect()
            found.update(row.source_file for row in rows)
        return found

    def _reconcile(self, spark: SparkSession, settlement: Settlement) -> None:
        """End a settlement of a query whose checkpoint is gone: nobody will call its batch again."""
        replies = [reply for key in settlement.keys if (reply := self._journal.get(key)) is not None]
        known = self._silver.known(spark, (reply.question.identity for reply in replies), "channel_id")
        self._journal.release(settlement, [reply.key for reply in replies if reply.question.identity in known])

    def _known(self, spark: SparkSession, batch: Batch, in_doubt: bool) -> tuple[set[Identity], set[Identity]]:
        """Which of the batch's updates bronze and silver have already."""
        # What comes from outside may have been landed before, by anybody and at any time.
        identities = [update.identity for update, _ in batch.updates if in_doubt or update.origin is not None]
        if not identities:
            return set(), set()
        return self._bronze.known(spark, identities), self._silver.known(spark, identities, "channel_id")

    def _quarantined(self, spark: SparkSession, batch: Batch) -> set[tuple[str, str]]:
        """Which of the batch's malformed lines quarantine has already, by file and text."""
        files = sorted({file for _, file in batch.malformed})
        if not files:
            return set()
        frame = self._quarantine.read(spark)
        rows = frame.where(frame["source_file"].isin(files)).select("source_file", "raw").collect()
        return {(row.source_file, row.raw) for row in rows}

    def _accept(self, questions: Sequence[Question]) -> None:
        """Take over questions: durable in the journal all at once, so that a chat's order holds over a crash."""
        if not questions:
            return
        while not self._lanes.wait_for_room(self._max_open, 1.0):
            if self._stopping:
                break
        if self._stopping:
            raise Stopped
        replies = [Reply.accepted(question) for question in questions]
        self._journal.record(*replies)
        over = self._distribute_above is not None and len(replies) > self._distribute_above
        self._lanes.accept(replies, ahead=self._distributed if over else None)

    def _others_wait(self, batch: Batch) -> bool:
        """Whether more was landed while this batch was being processed."""
        return self._landing.newest > max(map(file_seq, batch.files), default=0)

    def _wait(self, keys: Sequence[str], batch: Batch, began: float) -> None:
        """Give the answers a moment, unless other messages wait for the next batch."""
        until = began + self._patience
        while not (self._stopping or self._others_wait(batch)) and time.monotonic() < until:
            if self._lanes.wait(keys, 0.05):
                return

    def _may_settle(self, batch: Batch, query_id: str, batch_id: int) -> bool:
        """Silver may lag a little behind while messages stream in: an append takes longer than many an answer."""
        if any((s.query_id, s.batch_id) == (query_id, batch_id) for s in self._journal.settlements()):
            return True
        return not self._others_wait(batch) or time.monotonic() - self._settled_at > _SILVER_LAG

    def _settle(self, spark: SparkSession, query_id: str, batch_id: int) -> int:
        """Append terminal replies to silver. A replayed batch appends those of its first time, and Delta skips them."""
        mine = next((s for s in self._journal.settlements() if (s.query_id, s.batch_id) == (query_id, batch_id)), None)
        if mine is None:
            keys = tuple(reply.key for reply in self._journal.unsettled())
            if not keys:
                return 0
            mine = Settlement(query_id=query_id, batch_id=batch_id, keys=keys)
            self._journal.settle(mine)
        replies = [reply for key in mine.keys if (reply := self._journal.get(key)) is not None]
        now = datetime.now(UTC)
        rows = [silver_row(reply, processed_at=now, batch_id=batch_id) for reply in replies]
        self._silver.append(spark, rows, query_id, batch_id)
        self._settled_at = time.monotonic()
        return len(rows)

    def _remember(self, identities: Iterable[Identity]) -> None:
        """Recognise what is landed twice within a run; bronze has it when this is called."""
        for identity in identities:
            self._recent[identity] = None
        while len(self._recent) > _REMEMBERED:
            self._recent.popitem(last=False)


def _numbers(folder: Path) -> list[int]:
    """Batch ids that a checkpoint's log has."""
    return [int(path.name) for path in folder.glob("*") if path.name.isdigit()] if folder.is_dir() else []
