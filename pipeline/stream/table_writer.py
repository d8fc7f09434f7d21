"""The table writer: appends each micro-batch's rows, and releases what no committed micro-batch needs any more."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from pipeline.messages.identity import Identity
from pipeline.replies.journal import Journal, Settlement
from pipeline.replies.reply import Reply
from pipeline.storage.landing import Landing
from pipeline.stream.micro_batch import Batch, MalformedLine, RoutedUpdate, may_settle, split_left_files
from pipeline.stream.rows import Row, bronze_row, quarantine_row, silver_row


class AppendOnlyTable(Protocol):
    """What the stream needs of a table. `delta.DeltaTable` is one."""

    def append(self, rows: Sequence[Row], query_id: str, batch_id: int) -> None:
        """Append rows once for (query, batch)."""

    def known(self, identities: Iterable[Identity]) -> set[Identity]:
        """Those of these messages that the table has a row of."""

    def known_files(self, names: Collection[str]) -> set[str]:
        """Those of these landing files that the table has a row of."""

    def known_lines(self, names: Collection[str]) -> set[tuple[str, str]]:
        """The lines of these landing files that the table has, as (file, raw text)."""


@dataclass(frozen=True)
class Tables:
    bronze: AppendOnlyTable
    silver: AppendOnlyTable
    quarantine: AppendOnlyTable


class TableWriter:
    """Appends to the tables.

    Threads: Spark's callback thread calls everything but `new_query`, which the supervisor's thread calls while no
    query runs. So nothing here is called by two threads at once, and there is no lock.
    """

    def __init__(self, landing: Landing, journal: Journal, now: Callable[[], float] = time.monotonic) -> None:
        self._landing = landing
        self._journal = journal
        self._now = now
        self._read_files: set[str] = set()
        self._files_may_be_left = False
        self._settled_at = now()

    def new_query(self, *, files_may_be_left: bool) -> None:
        """A query is about to start. `files_may_be_left`: an earlier one committed batches, whose files may be here."""
        self._read_files = set()
        self._files_may_be_left = files_may_be_left

    def release_committed(self, tables: Tables, batch: Batch, query_id: str, batch_id: int) -> None:
        """Release what earlier batches hold: Spark begins a batch only when the one before is committed."""
        settlements = self._journal.settlements()
        self._journal.forget(s for s in settlements if s.query_id == query_id and s.batch_id < batch_id)
        for settlement in settlements:
            if settlement.query_id != query_id:
                self._end_settlement(tables, settlement)
        # A file may be read in two batches: it stays while the present one has a part of it.
        self._landing.finish(self._read_files - batch.files)
        self._read_files &= batch.files
        if self._files_may_be_left:
            self._files_may_be_left = False
            names = {path.name for path in self._landing.waiting()} - batch.files
            ticks, candidates = split_left_files(names, batch)
            read = {name for table in (tables.bronze, tables.quarantine) for name in table.known_files(candidates)}
            self._landing.finish([*ticks, *read])

    def append_updates(self, tables: Tables, new: Iterable[RoutedUpdate], query_id: str, batch_id: int) -> None:
        """Append updates to bronze."""
        now = datetime.now(UTC)
        rows = [
            bronze_row(item.update, item.disposition, source_file=item.file, ingested_at=now, batch_id=batch_id)
            for item in new
        ]
        self._journal.confirm()
        tables.bronze.append(rows, query_id, batch_id)

    def append_malformed(self, tables: Tables, lines: Iterable[MalformedLine], query_id: str, batch_id: int) -> None:
        """Append malformed lines to quarantine."""
        now = datetime.now(UTC)
        rows = [
            quarantine_row(line.malformed, source_file=line.file, ingested_at=now, batch_id=batch_id) for line in lines
        ]
        self._journal.confirm()
        tables.quarantine.append(rows, query_id, batch_id)

    def settle(self, tables: Tables, query_id: str, batch_id: int, *, others_wait: bool) -> int:
        """Append terminal replies to silver, unless that may wait; returns how many. Raises OSError from the journal.

        The journal names these replies before the append: called again, the batch appends the same ones, and Delta
        skips them.
        """
        settlement = self._settlement_of(query_id, batch_id)
        since_settled = self._now() - self._settled_at
        if not may_settle(named=settlement is not None, others_wait=others_wait, since_settled=since_settled):
            return 0
        if settlement is None:
            keys = tuple(reply.key for reply in self._journal.unsettled())
            if not keys:
                return 0
            settlement = Settlement(query_id=query_id, batch_id=batch_id, keys=keys)
            self._journal.settle(settlement)
        now = datetime.now(UTC)
        rows = [silver_row(reply, processed_at=now, batch_id=batch_id) for reply in self._replies_of(settlement)]
        self._journal.confirm()
        tables.silver.append(rows, query_id, batch_id)
        self._settled_at = self._now()
        return len(rows)

    def mark_read(self, files: Iterable[str]) -> None:
        """All rows of these files are appended: they are finished once a later batch begins."""
        self._read_files.update(files)

    def _end_settlement(self, tables: Tables, settlement: Settlement) -> None:
        """End a settlement of a query whose checkpoint is gone: Spark never calls that batch again."""
        replies = self._replies_of(settlement)
        in_silver = tables.silver.known(reply.question.identity for reply in replies)
        self._journal.release(settlement, [reply.key for reply in replies if reply.question.identity in in_silver])

    def _settlement_of(self, query_id: str, batch_id: int) -> Settlement | None:
        return next((s for s in self._journal.settlements() if (s.query_id, s.batch_id) == (query_id, batch_id)), None)

    def _replies_of(self, settlement: Settlement) -> list[Reply]:
        return [reply for key in settlement.keys if (reply := self._journal.get(key)) is not None]
