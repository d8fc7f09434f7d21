"""Stand-ins for what the stream works on: tables, lanes, and a journal and a landing that record their calls."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from pipeline.messages.identity import Identity
from pipeline.model.answering import Answering
from pipeline.replies.journal import Journal, Settlement
from pipeline.replies.reply import Part, PartState, Reply
from pipeline.storage.landing import Landing
from pipeline.stream.rows import Row
from pipeline.stream.table_writer import Tables
from pipeline.tables import BRONZE, QUARANTINE, SILVER, Table
from tests.support.replies import answer

Event = tuple[str, Any]


class FakeClock:
    def __init__(self, seconds: float = 1_800_000_000.0) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        return self.seconds


class FakeTable:
    """A table in memory, with Delta's rule: a version at or below the highest of an app id appends nothing."""

    def __init__(self, table: Table, events: list[Event]) -> None:
        self.table = table
        self.rows: list[dict[str, Any]] = []
        self.commits = 0
        self.fails_with: Exception | None = None
        """What the next append raises, before anything is appended."""
        self.fails_after: Exception | None = None
        """What the next append raises once it has appended."""
        self._events = events
        self._versions: dict[str, int] = {}

    def append(self, rows: Sequence[Row], query_id: str, batch_id: int) -> None:
        if not rows:
            return
        self._events.append((f"{self.table.name} append", len(rows)))
        error, self.fails_with = self.fails_with, None
        if error is not None:
            raise error
        if batch_id > self._versions.get(query_id, -1):
            self._versions[query_id] = batch_id
            self.commits += 1
            self.rows += [dict(zip(self.table.column_names, self.table.ordered(row), strict=True)) for row in rows]
        error, self.fails_after = self.fails_after, None
        if error is not None:
            raise error

    def known(self, identities: Iterable[Identity]) -> set[Identity]:
        wanted = set(identities)
        self._events.append((f"{self.table.name} known", len(wanted)))
        return wanted & {Identity(*(row[name] for name in self.table.identity)) for row in self.rows}

    def known_files(self, names: Collection[str]) -> set[str]:
        return {row["source_file"] for row in self.rows} & set(names)

    def known_lines(self, names: Collection[str]) -> set[tuple[str, str]]:
        if names:
            self._events.append((f"{self.table.name} lines", len(names)))
        return {(row["source_file"], row["raw"]) for row in self.rows if row["source_file"] in names}


class FakeTables(Tables):
    bronze: FakeTable
    silver: FakeTable
    quarantine: FakeTable

    def __init__(self, events: list[Event]) -> None:
        super().__init__(FakeTable(BRONZE, events), FakeTable(SILVER, events), FakeTable(QUARANTINE, events))


class FakeLanes:
    """Lanes that answer and deliver as soon as they are waited for, unless `slow`."""

    def __init__(self, journal: Journal, clock: FakeClock, events: list[Event]) -> None:
        self.accepted: list[str] = []
        """The texts of the questions, in the order in which they came."""
        self.ahead: list[Answering | None] = []
        """What each acceptance was to be answered by."""
        self.slow = False
        self.room: Callable[[], bool] = lambda: True
        """Whether there is room; called by each wait for it."""
        self.while_waiting: Callable[[], object] = lambda: None
        self.waited = 0.0
        """Seconds that micro-batches have waited for answers."""
        self.waited_for: list[str] = []
        self._journal = journal
        self._clock = clock
        self._events = events
        self._open: dict[str, Reply] = {}

    @property
    def open(self) -> int:
        return len(self._open)

    def accept(self, replies: Iterable[Reply], ahead: Answering | None = None) -> None:
        replies = list(replies)
        assert all(self._journal.get(reply.key) is not None for reply in replies), "accepted before it is durable"
        self._events.append(("accept", len(replies)))
        self.ahead.append(ahead)
        self.accepted += [reply.question.text for reply in replies]
        self._open |= {reply.key: reply for reply in replies}

    def wait_for_room(self, most: int, timeout: float) -> bool:
        there_is_room = self.room()
        self._clock.seconds += 0 if there_is_room else timeout
        return there_is_room

    def wait(self, keys: Iterable[str], timeout: float) -> bool:
        self.waited_for = list(keys)
        self.while_waiting()
        if not self.slow:
            self.finish()
            return True
        self._clock.seconds += timeout
        self.waited += timeout
        return self._open.keys().isdisjoint(self.waited_for)

    def finish(self) -> None:
        """Answer and deliver whatever is open."""
        sent = (Part(text="hello", state=PartState.SENT, message_id=1),)
        self._journal.record(*(reply.with_answer(answer(), sent) for reply in self._open.values()))
        self._open.clear()


class RecordingJournal(Journal):
    def __init__(self, folder: Path, events: list[Event]) -> None:
        super().__init__(folder)
        self._events = events

    def record(self, *replies: Reply) -> None:
        super().record(*replies)
        if any(reply.answer is None for reply in replies):
            self._events.append(("journal accepted", len(replies)))

    def settle(self, settlement: Settlement) -> None:
        super().settle(settlement)
        self._events.append(("journal settle", len(settlement.keys)))


class RecordingLanding(Landing):
    """A landing that records which files are finished."""

    def __init__(self, folder: Path, bot_id: int, clock: FakeClock, events: list[Event]) -> None:
        super().__init__(folder, bot_id, clock)
        self._events = events

    def finish(self, names: Iterable[str]) -> None:
        names = sorted(names)
        super().finish(names)
        if names:
            self._events.append(("finish", names))
