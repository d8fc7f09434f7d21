"""The table writer: appends to the tables in rounds, beside the answering, and lets go what is durable there.

A landing file leaves the folder once its rows are in bronze, feedback and quarantine; a reply leaves the journal once
its row is in silver. Whoever dies before that leaves them where they are. Where it is not known whether a table has a
row (an append has failed, or an earlier run may have written it), the table is asked first, so no row is written twice.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

import structlog

from pipeline.messages.identity import Identity
from pipeline.replies.journal import Journal
from pipeline.replies.reply import Reply
from pipeline.storage.landing import Landing
from pipeline.stream.micro_batch import LineKey, MalformedLine, RoutedUpdate, may_be_known
from pipeline.stream.rows import Row, bronze_row, feedback_row, quarantine_row, silver_row

log = structlog.get_logger(__name__)

EARLIER = -1
"""In place of a micro-batch's id, where an earlier run's read the line."""
ROUND_AFTER = 2.0
"""Seconds that the first row of a round waits for others. So a table gets no two appends within two seconds."""
SILVER_LAG = 5.0
"""Seconds after its end in which a reply is being written to silver, at most: a round may have to wait for another."""
_MOST_ROWS = 5_000
"""Rows of a table in one round."""
_ROOM = 10_000
"""Updates that may wait; micro-batches then wait too."""


class AppendOnlyTable(Protocol):
    """What the writer needs of a table. `delta.DeltaTable` is one."""

    def append(self, rows: Sequence[Row]) -> None:
        """Append rows. When this returns, these and earlier ones are durable."""

    def known(self, identities: Iterable[Identity]) -> set[Identity]:
        """Those of these messages that the table has a row of."""

    def known_lines(self, names: Collection[str]) -> set[tuple[str, str]]:
        """The lines of these landing files that the table has, as (file, raw text)."""


@dataclass(frozen=True)
class Tables:
    bronze: AppendOnlyTable
    silver: AppendOnlyTable
    quarantine: AppendOnlyTable
    feedback: AppendOnlyTable


@dataclass(frozen=True)
class _Landed:
    """What a micro-batch has handed over."""

    updates: Sequence[RoutedUpdate]
    malformed: Sequence[MalformedLine]
    files: Collection[str]
    batch_id: int
    read_at: datetime
    tried: bool = False
    """Whether an append of it has failed, so that it may be in the tables all the same."""


class TableWriter:
    """Appends to the tables in rounds.

    Threads: any thread calls `add` and `wait_for_room` and reads `idle`; what waits is used under the lock of
    `_changed`. Everything else is for the writer's own thread, which is the only one that appends.
    """

    def __init__(
        self,
        tables: Tables,
        landing: Landing,
        journal: Journal,
        *,
        round_after: float = ROUND_AFTER,
        made_durable: Callable[[], None] = lambda: None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`round_after`: seconds that the first row waits for others. `made_durable` is called after the appends of a
        table and before what they hold is let go; it may raise OSError.
        """
        self._tables = tables
        self._landing = landing
        self._journal = journal
        self._round_after = round_after
        self._made_durable = made_durable
        self._now = now
        self._waiting: deque[_Landed] = deque()
        self._updates = 0
        """How many updates wait, or are being appended."""
        self._writing = False
        self._changed = threading.Condition()
        self._since: float | None = None
        """When the first row that waits was noticed."""
        self._batch_id = EARLIER
        self._doubtful = {reply.key for reply in journal.finished()}
        """Keys of finished replies that may be in silver already."""

    def add(
        self, updates: Sequence[RoutedUpdate], malformed: Sequence[MalformedLine], files: Collection[str], batch_id: int
    ) -> None:
        """Take what a micro-batch brought, to be appended in a later round."""
        if not files:
            return
        with self._changed:
            self._waiting.append(_Landed(updates, malformed, files, batch_id, datetime.now(UTC)))
            self._batch_id = batch_id
            self._updates += len(updates)

    def wait_for_room(self, timeout: float) -> bool:
        """Wait until fewer updates wait than fit into memory; False after `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._updates < _ROOM, timeout)

    @property
    def idle(self) -> bool:
        """Whether nothing waits to be appended."""
        with self._changed:
            return not (self._waiting or self._writing or self._journal.finished_count)

    @property
    def due(self) -> bool:
        """Whether a round should be written now."""
        with self._changed:
            landed, full = bool(self._waiting), self._updates >= _MOST_ROWS
        if not landed and not self._journal.finished_count:
            self._since = None
            return False
        if self._since is None:
            self._since = self._now()
        return full or self._now() - self._since >= self._round_after

    def write(self) -> None:
        """Write one round: updates to bronze, of which presses to feedback too, malformed lines to quarantine, finished
        replies to silver.

        Raises what a table, the journal or the landing raises. What failed is written by a later round; the failure of
        one table does not keep the others from being written.
        """
        began = self._now()
        self._since = None
        with self._changed:
            self._writing = True
        failure: Exception | None = None
        updates = 0
        # Before the updates are taken: those of these replies are among them, so a row of silver comes after bronze's.
        finished = self._journal.finished()[:_MOST_ROWS]
        try:
            try:
                updates = self._write_landed()
            except Exception as error:  # whatever it is, silver does not wait for bronze and quarantine
                failure = error
            replies = self._write_replies(finished)
            if failure is not None:
                raise failure
        finally:
            with self._changed:
                self._writing = False
                self._changed.notify_all()
        log.info("tables written", replies=replies, updates=updates, seconds=round(self._now() - began, 2))

    def _write_replies(self, replies: Sequence[Reply]) -> int:
        """Append finished replies to silver, and let the journal forget them; returns how many."""
        if not replies:
            return 0
        doubtful = [reply.question.identity for reply in replies if reply.key in self._doubtful]
        in_silver = self._tables.silver.known(doubtful) if doubtful else set()
        # Until the journal has forgotten them, each of these may be in silver.
        keys = [reply.key for reply in replies]
        self._doubtful.update(keys)
        now = datetime.now(UTC)
        rows = [
            silver_row(reply, processed_at=now, batch_id=self._batch_id)
            for reply in replies
            if reply.question.identity not in in_silver
        ]
        self._journal.confirm()
        self._tables.silver.append(rows)
        self._made_durable()
        self._journal.forget(keys)
        self._doubtful.difference_update(keys)
        return len(rows)

    def _write_landed(self) -> int:
        """Append what micro-batches handed over, and let its files leave the landing; returns how many updates."""
        taken = self._take()
        if not taken:
            return 0
        try:
            written = self._append_landed(taken)
        except BaseException:
            with self._changed:
                self._waiting.extendleft(replace(landed, tried=True) for landed in reversed(taken))
            raise
        with self._changed:
            self._updates -= sum(len(landed.updates) for landed in taken)
        return written

    def _take(self) -> list[_Landed]:
        """The first of what waits: at least one, and more up to the most rows of a round."""
        taken: list[_Landed] = []
        rows = 0
        with self._changed:
            while self._waiting and (not taken or rows + len(self._waiting[0].updates) <= _MOST_ROWS):
                taken.append(self._waiting.popleft())
                rows += len(taken[-1].updates)
        return taken

    def _append_landed(self, taken: Sequence[_Landed]) -> int:
        # What two micro-batches brought, or a micro-batch and a file that an earlier run had left, counts once.
        updates: dict[Identity, tuple[RoutedUpdate, _Landed]] = {}
        votes: dict[Identity, tuple[RoutedUpdate, _Landed]] = {}
        malformed: dict[LineKey, tuple[MalformedLine, _Landed]] = {}
        for landed in taken:
            for item in landed.updates:
                updates.setdefault(item.identity, (item, landed))
                if (vote := item.vote_identity) is not None:
                    votes.setdefault(vote, (item, landed))
            for line in landed.malformed:
                malformed.setdefault(line.key, (line, landed))
        in_bronze = self._known(self._tables.bronze, updates)
        bronze = [
            bronze_row(
                item.update,
                item.disposition,
                source_file=item.file,
                ingested_at=landed.read_at,
                batch_id=landed.batch_id,
            )
            for identity, (item, landed) in updates.items()
            if identity not in in_bronze
        ]
        # Each table is asked by itself: a run may have died between the append to one and that to another.
        in_feedback = self._known(self._tables.feedback, votes)
        feedback = [
            feedback_row(item.update, source_file=item.file, ingested_at=landed.read_at, batch_id=landed.batch_id)
            for identity, (item, landed) in votes.items()
            if identity not in in_feedback
        ]
        in_quarantine = self._in_quarantine(malformed)
        quarantine = [
            quarantine_row(line.malformed, source_file=line.file, ingested_at=landed.read_at, batch_id=landed.batch_id)
            for key, (line, landed) in malformed.items()
            if key not in in_quarantine
        ]
        self._journal.confirm()
        if updates:
            self._tables.bronze.append(bronze)
        if votes:
            self._journal.confirm()
            self._tables.feedback.append(feedback)
        if malformed:
            self._journal.confirm()
            self._tables.quarantine.append(quarantine)
        self._made_durable()
        self._landing.finish(sorted({name for landed in taken for name in landed.files}))
        return len(bronze)

    def _known(self, table: AppendOnlyTable, updates: Mapping[Identity, tuple[RoutedUpdate, _Landed]]) -> set[Identity]:
        """Those that a table has, as far as that is in doubt."""
        doubtful = [key for key, (item, landed) in updates.items() if self._may_be_written(item.file, landed)]
        return table.known(doubtful) if doubtful else set()

    def _in_quarantine(self, malformed: dict[LineKey, tuple[MalformedLine, _Landed]]) -> set[tuple[str, str]]:
        files = {line.file for line, landed in malformed.values() if self._may_be_written(line.file, landed)}
        return self._tables.quarantine.known_lines(files) if files else set()

    def _may_be_written(self, file: str, landed: _Landed) -> bool:
        return landed.tried or may_be_known(file, self._landing.first_seq)
