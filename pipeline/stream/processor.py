"""The steps of one micro-batch, in the order that keeps the promises."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import structlog

from pipeline.messages.identity import Identity
from pipeline.messages.question import Question
from pipeline.model.answering import Answering
from pipeline.replies.journal import Journal
from pipeline.replies.reply import Reply
from pipeline.storage.landing import Landing
from pipeline.stream.micro_batch import (
    Batch,
    EarlierWork,
    RecentIdentities,
    identities_to_look_up,
    injected_without_rows,
    is_distributed,
    malformed_files,
    more_landed,
    new_malformed,
    new_updates,
    questions,
    read_batch,
    routed,
)
from pipeline.stream.table_writer import Tables, TableWriter
from pipeline.telegram.bot import Bot

log = structlog.get_logger(__name__)


class Stopped(Exception):
    """The run ends: the micro-batch is left uncommitted, and Spark calls it again in the next run."""


class ReplyLanes(Protocol):
    """What the stream needs of the lanes. `replies.lanes.Lanes` is one."""

    @property
    def open(self) -> int:
        """How many replies are not yet terminal."""

    def accept(self, replies: Iterable[Reply], ahead: Answering | None = None) -> None:
        """Take over replies that the journal has. `ahead` is asked for all their answers at once."""

    def wait(self, keys: Iterable[str], timeout: float) -> bool:
        """Wait until all of `keys` are terminal; False after `timeout` seconds."""

    def wait_for_room(self, most: int, timeout: float) -> bool:
        """Wait until fewer than `most` replies are open; False after `timeout` seconds."""


class BatchProcessor:
    """Processes micro-batches, one at a time: accepts their questions, appends to the tables, waits a moment.

    Threads: Spark's callback thread calls `process`. The supervisor's thread calls `new_query`, only while no query
    runs, and `stop`, at any time: its flag is set once and never cleared. So there is no lock.
    """

    def __init__(
        self,
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
        begun: Callable[[str, int], None] = lambda query_id, batch_id: None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`begun` is called with the query's id and the batch's before a batch releases or appends anything."""
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
        self._begun = begun
        self._now = now
        self._writer = TableWriter(landing, journal, now)
        self._earlier = EarlierWork()
        self._recent = RecentIdentities()
        self._stopping = False

    def new_query(self, earlier: EarlierWork, *, files_may_be_left: bool) -> None:
        """A query is about to start, after this earlier work."""
        self._earlier = earlier
        self._writer.new_query(files_may_be_left=files_may_be_left)

    def stop(self) -> None:
        """Let a micro-batch that waits raise Stopped."""
        self._stopping = True

    def process(self, lines: Iterable[tuple[str, str]], tables: Tables, query_id: str, batch_id: int) -> None:
        """Process the (line, source file) pairs of a micro-batch; when this returns, Spark may commit it.

        Raises Stopped, OSError when the journal or the landing can't be written, and whatever the tables raise. The
        batch then is called again, with the same lines.
        """
        began = self._now()
        if self._stopping:
            raise Stopped
        batch = read_batch(lines, self._bot.id)
        self._begun(query_id, batch_id)
        self._writer.release_committed(tables, batch, query_id, batch_id)
        updates = routed(batch, self._bot, self._allowed_chats)

        earlier = self._earlier.may_include(batch, batch_id)
        in_bronze, in_silver = self._known(tables, batch, earlier)
        asked = questions(
            updates,
            self._bot,
            in_silver=in_silver,
            recent=self._recent,
            in_journal=lambda key: self._journal.get(key) is not None,
        )
        self._accept(asked.new)

        new = new_updates(updates, in_bronze=in_bronze, recent=self._recent)
        self._writer.append_updates(tables, new, query_id, batch_id)
        malformed = new_malformed(batch, tables.quarantine.known_lines(malformed_files(batch)) if earlier else set())
        self._writer.append_malformed(tables, malformed, query_id, batch_id)
        self._recent.add(item.identity for item in updates)
        self._landing.finish(injected_without_rows(batch, new))

        self._wait([question.key for question in asked.open], batch, began)
        settled = self._writer.settle(tables, query_id, batch_id, others_wait=self._others_wait(batch))
        self._writer.mark_read(batch.files)
        self._committed(batch_id, len(batch.updates))
        log.info(
            "micro-batch",
            batch=batch_id,
            updates=len(batch.updates),
            questions=len(asked.open),
            malformed=len(malformed),
            settled=settled,
            open=self._lanes.open,
            seconds=round(self._now() - began, 2),
        )

    def _known(self, tables: Tables, batch: Batch, earlier: bool) -> tuple[set[Identity], set[Identity]]:
        """Which of the batch's messages bronze and silver have already."""
        identities = identities_to_look_up(batch, earlier)
        if not identities:
            return set(), set()
        return tables.bronze.known(identities), tables.silver.known(identities)

    def _accept(self, new: Sequence[Question]) -> None:
        """Take over questions: durable in the journal all at once, so that a chat's order holds over a crash."""
        if not new:
            return
        while not self._stopping and not self._lanes.wait_for_room(self._max_open, 1.0):
            pass
        if self._stopping:
            raise Stopped
        replies = [Reply.accepted(question) for question in new]
        self._journal.record(*replies)
        distributed = is_distributed(new, self._distribute_above)
        self._lanes.accept(replies, ahead=self._distributed if distributed else None)

    def _others_wait(self, batch: Batch) -> bool:
        return more_landed(batch, self._landing.newest_seq)

    def _wait(self, keys: Sequence[str], batch: Batch, began: float) -> None:
        """Give the answers a moment, unless other messages wait for the next batch."""
        until = began + self._patience
        while not (self._stopping or self._others_wait(batch)) and self._now() < until:
            if self._lanes.wait(keys, 0.05):
                return
