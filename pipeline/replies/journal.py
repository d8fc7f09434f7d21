"""The reply journal: the state of every reply, durable before anything is done that depends on it.

A write-ahead log of small immutable segments. Each segment is one atomic file of records, a line each, that hold the
full new state of one or many replies; later records replace earlier ones. Records that wait while a segment is being
written share the next one, so a burst costs few files (on a volume each is an object put). One record accepts the
replies of a whole micro-batch, all or none, which keeps the order within a chat over a crash.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from pipeline.replies.reply import Reply
from pipeline.storage.durable import write_durably
from pipeline.storage.places import StorageError

_COMPACT_ABOVE = 512


class Settlement(BaseModel):
    """The replies that one micro-batch writes to silver: durable before the append, so a replay writes the same."""

    model_config = ConfigDict(frozen=True)
    query_id: str
    batch_id: int
    keys: tuple[str, ...]


class _Record(BaseModel):
    snapshot: bool = False
    """Whether this record holds the whole state, so that earlier ones no longer count."""
    replies: list[Reply] = []
    settlements: list[Settlement] = []
    forgotten: list[str] = []
    released: list[tuple[str, int]] = []


@dataclass
class Contents:
    """What the records of a journal amount to, applied in their order."""

    replies: dict[str, Reply] = field(default_factory=dict)
    settlements: dict[tuple[str, int], Settlement] = field(default_factory=dict)
    unsettled: dict[str, Reply] = field(default_factory=dict)
    """Terminal replies that no settlement names yet."""

    def apply(self, record: _Record) -> None:
        if record.snapshot:
            self.replies.clear()
            self.settlements.clear()
            self.unsettled.clear()
        for settlement in record.settlements:
            self.settlements[settlement.query_id, settlement.batch_id] = settlement
            for key in settlement.keys:
                self.unsettled.pop(key, None)
        settling = {key for settlement in record.settlements for key in settlement.keys}
        for reply in record.replies:
            self.replies[reply.key] = reply
            if reply.terminal and reply.key not in settling:
                self.unsettled[reply.key] = reply
        for key in record.forgotten:
            self.replies.pop(key, None)
            self.unsettled.pop(key, None)
        for batch in record.released:
            released = self.settlements.pop(batch, None)
            for key in released.keys if released else ():
                if key in self.replies:
                    self.unsettled[key] = self.replies[key]


class Journal:
    """The open journal of the one running pipeline. Thread-safe.

    `_lock` guards the contents and the records that wait, and is held for moments only. `_turn` guards the segments:
    the thread that has it writes one, for all whose records wait.
    """

    def __init__(self, folder: Path) -> None:
        """Read what a former run left. Raises StorageError for a segment that can't be read."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._contents, self._numbers = _read(folder)
        self._next = (self._numbers[-1] + 1) if self._numbers else 1
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._waiting: list[_Waiting] = []

    def record(self, *replies: Reply) -> None:
        """Make the new states of replies durable before this returns. Raises OSError when it can't."""
        self._write(_Record(replies=list(replies)))

    def settle(self, settlement: Settlement) -> None:
        """Make durable which replies a micro-batch is about to append to silver."""
        self._write(_Record(settlements=[settlement]))

    def forget(self, settlements: Iterable[Settlement]) -> None:
        """Drop replies whose silver rows were committed by a micro-batch that Spark will not call again."""
        done = list(settlements)
        if done:
            keys = [key for settlement in done for key in settlement.keys]
            self._write(_Record(forgotten=keys, released=[(s.query_id, s.batch_id) for s in done]))

    def release(self, settlement: Settlement, written: Iterable[str]) -> None:
        """End a settlement of a query that no longer exists: silver has the replies in `written`, not the others."""
        self._write(
            _Record(forgotten=list(written), released=[(settlement.query_id, settlement.batch_id)]),
        )

    def get(self, key: str) -> Reply | None:
        with self._lock:
            return self._contents.replies.get(key)

    def replies(self) -> Mapping[str, Reply]:
        """All replies not yet forgotten, by key."""
        with self._lock:
            return dict(self._contents.replies)

    def settlements(self) -> list[Settlement]:
        with self._lock:
            return list(self._contents.settlements.values())

    def unsettled(self) -> list[Reply]:
        """Terminal replies that no settlement names yet, in their order of arrival."""
        with self._lock:
            done = list(self._contents.unsettled.values())
        return sorted(done, key=lambda reply: reply.question.seq)

    @property
    def unsettled_count(self) -> int:
        return len(self._contents.unsettled)

    def compact(self) -> None:
        """Replace the segments by one, if there are many."""
        if len(self._numbers) <= _COMPACT_ABOVE:
            return
        with self._turn:
            with self._lock:
                snapshot = _Record(
                    snapshot=True,
                    replies=list(self._contents.replies.values()),
                    settlements=list(self._contents.settlements.values()),
                )
            old, number = self._numbers, self._next
            write_durably(self._path(number), snapshot.model_dump_json().encode())
            self._next, self._numbers = number + 1, [number]
        for done in old:
            self._path(done).unlink(missing_ok=True)

    def _write(self, record: _Record) -> None:
        # Before others share the write: a record that can't be encoded is an error of its own caller alone.
        waiting = _Waiting(record, record.model_dump_json().encode())
        with self._lock:
            self._waiting.append(waiting)
        # The thread that gets the turn writes for all that wait; the others then find their record written.
        with self._turn:
            if not waiting.done:
                self._write_waiting()
        if waiting.error is not None:
            raise OSError(f"the journal can't be written: {waiting.error}")

    def _write_waiting(self) -> None:
        with self._lock:
            group, self._waiting = self._waiting, []
        error: OSError | None = None
        try:
            write_durably(self._path(self._next), b"\n".join(waiting.content for waiting in group))
        except OSError as failure:
            error = failure
        else:
            self._numbers.append(self._next)
            self._next += 1
            with self._lock:
                for waiting in group:
                    self._contents.apply(waiting.record)
        for waiting in group:
            waiting.done, waiting.error = True, error

    def _path(self, number: int) -> Path:
        return self._folder / _name(number)


@dataclass
class _Waiting:
    record: _Record
    content: bytes
    done: bool = False
    error: OSError | None = None


def read_journal(folder: Path) -> Contents:
    """Read the journal of a run that may still be running. Raises StorageError for a segment that can't be read."""
    for _ in range(10):
        with contextlib.suppress(FileNotFoundError):
            # A running pipeline may compact the journal between our listing and our reading.
            return _read(folder)[0]
    raise StorageError(f"the journal in {folder} changes faster than it can be read: try again")


def _name(number: int) -> str:
    return f"{number:015d}.json"


def _read(folder: Path) -> tuple[Contents, list[int]]:
    contents = Contents()
    numbers = sorted(int(path.stem) for path in folder.glob("*.json") if path.stem.isdigit())
    for number in numbers:
        path = folder / _name(number)
        try:
            records = [_Record.model_validate_json(line) for line in path.read_bytes().splitlines()]
        except ValueError:
            raise StorageError(
                f"the journal's {path} can't be read: restore it from a backup, since it says which replies were sent"
            ) from None
        for record in records:
            contents.apply(record)
    return contents, numbers
