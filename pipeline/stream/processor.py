"""The steps of one micro-batch, in the order that keeps the promises: nothing here waits for a table to be written."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Protocol

import structlog

from pipeline.conversations.history import AsksSilver
from pipeline.messages.identity import Identity
from pipeline.messages.question import Question
from pipeline.model.answering import Answering
from pipeline.replies.journal import Journal
from pipeline.replies.reply import Reply
from pipeline.stream.micro_batch import (
    Albums,
    MalformedLine,
    Recent,
    RoutedUpdate,
    is_distributed,
    may_be_known,
    questions,
    read_batch,
    routed,
)
from pipeline.telegram.bot import Bot
from pipeline.telegram.progress.stop_button import pressed_stop

log = structlog.get_logger(__name__)


class Stopped(Exception):
    """The run ends: the micro-batch is left uncommitted, and Spark calls it again in the next run."""


class ReplyLanes(Protocol):
    """What the stream needs of the lanes. `replies.lanes.Lanes` is one."""

    @property
    def open(self) -> int:
        """How many replies are not yet terminal."""

    def prepare(self, questions: Iterable[Question]) -> list[Reply]:
        """Replies to accept these questions with, in their order, prepared where that can be done now."""

    def accept(self, replies: Iterable[Reply], ahead: Answering | None = None) -> None:
        """Take over replies that the journal has. `ahead` is asked at once for what is prepared."""

    def stop_writing(self, chat_id: int, draft_id: int) -> None:
        """A person wants no more of the answer whose draft this is."""

    def wait_for_room(self, most: int, timeout: float) -> bool:
        """Wait until fewer than `most` replies are open; False after `timeout` seconds."""


class Rows(Protocol):
    """What takes the rows of the tables. `table_writer.TableWriter` does."""

    def add(
        self, updates: Sequence[RoutedUpdate], malformed: Sequence[MalformedLine], files: Collection[str], batch_id: int
    ) -> None:
        """Take what a micro-batch brought, to be appended later, and the files that may leave the landing then."""

    def wait_for_room(self, timeout: float) -> bool:
        """Wait until it takes more; False after `timeout` seconds."""


class KnownMessages(Protocol):
    """What the stream asks of a table. `delta.DeltaTable` is one."""

    def known(self, identities: Iterable[Identity]) -> set[Identity]:
        """Those of these messages that the table has a row of."""


class Silver(KnownMessages, AsksSilver, Protocol):
    """What a micro-batch needs of silver. `delta.DeltaTable` is one."""


class ReadsConversations(Protocol):
    """What the stream needs of the memory. `conversations.memory.Memory` is one."""

    def read(self, questions: Iterable[Question], silver: AsksSilver) -> None:
        """Read what the context of these questions is made of, where it is not known."""


class BatchProcessor:
    """Processes micro-batches, one at a time: accepts their questions, and hands their rows to the table writer.

    Threads: Spark's callback thread calls `process`. The supervisor's thread calls `stop`, at any time: its flag is set
    once and never cleared. So there is no lock.
    """

    def __init__(
        self,
        bot: Bot,
        journal: Journal,
        lanes: ReplyLanes,
        rows: Rows,
        memory: ReadsConversations,
        *,
        run_began: int,
        allowed_chats: Collection[int] = (),
        allowed_users: Collection[int] = (),
        max_open: int = 2000,
        distribute_above: int | None = None,
        distributed: Answering | None = None,
        committed: Callable[[int, int], None] = lambda batch_id, updates: None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`run_began`: this run's own landing files have a first seq of at least this. `max_open`: how many replies may
        be open.

        `distributed` is asked if a batch has more than `distribute_above` questions. `committed` is called at the end
        of each batch, on Spark's callback thread, with the batch's id and its number of updates.
        """
        self._bot = bot
        self._journal = journal
        self._lanes = lanes
        self._rows = rows
        self._memory = memory
        self._run_began = run_began
        self._allowed_chats = allowed_chats
        self._allowed_users = allowed_users
        self._max_open = max_open
        self._distribute_above = distribute_above
        self._distributed = distributed
        self._committed = committed
        self._now = now
        self._recent = Recent[Identity]()
        self._recent_lines = Recent[bytes]()
        self._albums = Albums()
        self._stopping = False

    def stop(self) -> None:
        """Let a micro-batch that waits raise Stopped."""
        self._stopping = True

    def process(self, lines: Iterable[tuple[str, str]], silver: Silver, batch_id: int) -> None:
        """Process the (line, source file) pairs of a micro-batch; when this returns, Spark may commit it.

        Its questions are then durable in the journal. Its rows are not in the tables yet, so its files stay in the
        landing. Raises Stopped, OSError when the journal can't be written, and whatever `silver` raises. The batch then
        is called again, with the same lines.
        """
        began = self._now()
        if self._stopping:
            raise Stopped
        batch = read_batch(lines, self._bot.id)
        updates = self._albums.answered_once(routed(batch, self._bot, self._allowed_chats, self._allowed_users))
        # The journal first: a reply leaves it only once silver has its row.
        asked = questions(updates, self._bot, recent=self._recent, in_journal=self._is_in_journal)
        accepted = self._without_answered(asked, updates, silver)
        self._wait_for_room(accepted)
        self._memory.read(accepted, silver)
        replies = self._lanes.prepare(accepted)
        if replies:
            # All at once, so that a chat's order holds over a crash.
            self._journal.record(*replies)
        new = [item for item in updates if item.identity not in self._recent]
        malformed = [line for line in batch.malformed if line.digest not in self._recent_lines]
        # Before anybody is answered: a row of silver comes after that of bronze.
        self._rows.add(new, malformed, batch.files, batch_id)
        self._recent.add(item.identity for item in new)
        self._recent_lines.add(line.digest for line in malformed)
        if replies:
            distributed = is_distributed(accepted, self._distribute_above)
            self._lanes.accept(replies, ahead=self._distributed if distributed else None)
        for item in new:
            # After the replies, since after a restart both may be in one batch.
            if (stop := pressed_stop(item.update)) is not None:
                self._lanes.stop_writing(stop.chat_id, stop.draft_id)
        self._committed(batch_id, len(batch.updates))
        log.info(
            "micro-batch",
            batch=batch_id,
            updates=len(batch.updates),
            questions=len(accepted),
            malformed=len(malformed),
            open=self._lanes.open,
            seconds=round(self._now() - began, 3),
        )

    def _is_in_journal(self, key: str) -> bool:
        return self._journal.get(key) is not None

    def _without_answered(
        self, asked: Sequence[Question], updates: Sequence[RoutedUpdate], silver: KnownMessages
    ) -> list[Question]:
        """The questions without those that silver has, as far as earlier runs or others may have brought them."""
        doubtful = {item.identity for item in updates if may_be_known(item.file, self._run_began)}
        to_look_up = [question.identity for question in asked if question.identity in doubtful]
        answered = silver.known(to_look_up) if to_look_up else set()
        return [question for question in asked if question.identity not in answered]

    def _wait_for_room(self, accepted: Sequence[Question]) -> None:
        """Wait until the tables' rows and the open replies fit into memory. Raises Stopped."""
        self._wait_until(lambda: self._rows.wait_for_room(1.0))
        if accepted:
            self._wait_until(lambda: self._lanes.wait_for_room(self._max_open, 1.0))

    def _wait_until(self, there_is_room: Callable[[], bool]) -> None:
        while not self._stopping and not there_is_room():
            pass
        if self._stopping:
            raise Stopped
