"""The reply journal: the state of every reply, durable before anything is done that depends on it.

A write-ahead log of small immutable segments. Each segment is one atomic file of records, a line each, that hold the
full new state of one or many replies; later records replace earlier ones. Records that wait while a segment is being
written share the next one, so a burst costs few files (on a volume each is an object put). One record accepts the
replies of a whole micro-batch, all or none, which keeps the order within a chat over a crash.

What is read is whole or refused: from the newest snapshot (or the first segment) to the last, no number is missing and
no segment is damaged. Segments older than that snapshot do not count. A power cut can bring some of them back, since
their removal is not made durable, and it need not be.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, Field

from pipeline.errors import OperatorError
from pipeline.replies.reply import Reply
from pipeline.storage.durable import DurableFolder
from pipeline.storage.places import StorageError
from pipeline.storage.segments import DamagedSegment, opened, sealed, segment_name, segment_numbers

_COMPACT_ABOVE = 512


class _Record(BaseModel):
    snapshot: bool = False
    """Whether this record holds the whole state, so that earlier ones no longer count."""
    # Factories, since pydantic copies a default list deeply for each record.
    replies: list[Reply] = Field(default_factory=list)
    forgotten: list[str] = Field(default_factory=list)


@dataclass
class Contents:
    """What the records of a journal amount to, applied in their order."""

    replies: dict[str, Reply] = field(default_factory=dict)
    finished: dict[str, Reply] = field(default_factory=dict)
    """The terminal ones."""

    def apply(self, record: _Record) -> None:
        if record.snapshot:
            self.replies.clear()
            self.finished.clear()
        for reply in record.replies:
            self.replies[reply.key] = reply
            if reply.terminal:
                self.finished[reply.key] = reply
        for key in record.forgotten:
            self.replies.pop(key, None)
            self.finished.pop(key, None)


class Journal:
    """The open journal of the one running pipeline. Thread-safe.

    `_lock` guards the contents and the records that wait, and is held for moments only. `_turn` guards the segments.
    Of the threads whose records wait, the first writes a segment for all of them and then wakes them: they go on at
    once, and the first of those that came meanwhile writes the next.
    """

    def __init__(self, folder: Path, confirm: Callable[[], None] = lambda: None) -> None:
        """Read what a former run left. Raises StorageError for a segment that is missing or damaged.

        `confirm` is called by any thread before each write. It raises what `Lease.confirm` raises if the storage is no
        longer this run's: then nothing is written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.confirm = confirm
        """Any thread: raises if the journal is no longer this run's."""
        self._folder = folder
        self._written = DurableFolder(folder)
        self._contents, self._numbers, left_over = _read(folder)
        with contextlib.suppress(OSError):
            self._remove(left_over)
        self._next = (self._numbers[-1] + 1) if self._numbers else 1
        self._attempted: tuple[bytes, ...] = ()
        """What writes that failed may have left as the next segment: the last one may have left that of one before."""
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._waiting: list[_Waiting] = []
        self._writing = False
        """Whether a thread writes, and will see to what waits."""

    def record(self, *replies: Reply) -> None:
        """Make the new states of replies durable before this returns. Raises OSError when it can't."""
        self._write(_Record(replies=list(replies)))

    def forget(self, keys: Iterable[str]) -> None:
        """Drop replies whose rows are durable in silver. Raises OSError when it can't."""
        forgotten = list(keys)
        if forgotten:
            self._write(_Record(forgotten=forgotten))

    def get(self, key: str) -> Reply | None:
        with self._lock:
            return self._contents.replies.get(key)

    def replies(self) -> Mapping[str, Reply]:
        """All replies not yet forgotten, by key."""
        with self._lock:
            return dict(self._contents.replies)

    def finished(self) -> list[Reply]:
        """The terminal replies, in their order of arrival: silver may lack them."""
        with self._lock:
            done = list(self._contents.finished.values())
        return sorted(done, key=lambda reply: reply.question.seq)

    @property
    def finished_count(self) -> int:
        return len(self._contents.finished)

    def compact(self) -> None:
        """Replace the segments by one, if there are many."""
        if len(self._numbers) <= _COMPACT_ABOVE:
            return
        with self._turn:
            with self._lock:
                snapshot = _Record(snapshot=True, replies=list(self._contents.replies.values()))
            old = list(self._numbers)
            self._write_segment([snapshot.model_dump_json().encode()], snapshot=True)
            self._numbers = self._numbers[-1:]
        self._remove(old)

    def _write(self, record: _Record) -> None:
        # Before others share the write: a record that can't be encoded is an error of its own caller alone.
        waiting = _Waiting(record, record.model_dump_json().encode())
        with self._lock:
            self._waiting.append(waiting)
            others_write, self._writing = self._writing, True
        if others_write:
            waiting.woken.acquire()
        if not waiting.done:
            self._write_waiting()
        if isinstance(waiting.error, OperatorError):
            raise type(waiting.error)(str(waiting.error))
        if isinstance(waiting.error, OSError):
            reason = waiting.error.strerror or waiting.error
            raise OSError(waiting.error.errno, f"the journal can't be written: {reason}")
        if waiting.error is not None:
            raise OSError(f"the journal can't be written: {type(waiting.error).__name__}")

    def _write_waiting(self) -> None:
        """Write what waits, wake those that wait for it, and have the first of the others go on."""
        group: list[_Waiting] = []
        error: Exception | None = InterruptedError("interrupted")
        try:
            with self._turn:
                with self._lock:
                    group, self._waiting = self._waiting, []
                self._write_segment([waiting.content for waiting in group])
                with self._lock:
                    for waiting in group:
                        self._contents.apply(waiting.record)
            error = None
        except Exception as failure:  # whatever it is, those that wait must learn that nothing was written
            error = failure
        finally:
            with self._lock:
                self._writing = bool(self._waiting)
                following = self._waiting[0] if self._waiting else None
            # First the one that writes next: all others wait for it.
            if following is not None:
                following.woken.release()
            for waiting in group:
                waiting.done, waiting.error = True, error
                waiting.woken.release()

    def _write_segment(self, records: list[bytes], *, snapshot: bool = False) -> None:
        """Write the next segment. For the thread that has the turn."""
        number, content = self._next, sealed(self._next, records, snapshot=snapshot)
        path = self._folder / segment_name(number)
        self.confirm()
        # The lease decides whose journal this is. Should it fail, no segment of another run is replaced all the same.
        left = path.read_bytes() if path.exists() else None
        if left is not None and left not in self._attempted:
            raise StorageError(f"{path} was written by another pipeline: stop one of them")
        self._attempted = (content,) if left is None else (left, content)
        self._written.write(path.name, content)
        self._attempted = ()
        self._numbers.append(number)
        self._next = number + 1

    def _remove(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            (self._folder / segment_name(number)).unlink(missing_ok=True)


def _held_lock() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


@dataclass
class _Waiting:
    record: _Record
    content: bytes
    done: bool = False
    """Whether the attempt to write it has been made."""
    error: Exception | None = None
    woken: threading.Lock = field(default_factory=_held_lock)
    """Released when it is done, and when its thread is to write."""


def read_journal(folder: Path) -> Contents:
    """Read the journal of a run that may still be running.

    Raises StorageError for a segment that is missing or damaged, OSError.
    """
    for _ in range(10):
        listed = segment_numbers(folder)
        # A running pipeline may compact the journal between our listing and our reading, or during either.
        try:
            return _read(folder)[0]
        except StorageError:
            if segment_numbers(folder) == listed:
                raise
    raise StorageError(f"the journal in {folder} changes faster than it can be read: try again")


def _read(folder: Path) -> tuple[Contents, list[int], list[int]]:
    """The contents, the numbers of the segments they are in, and those of older segments. Raises StorageError."""
    numbers = segment_numbers(folder)
    newest_first: list[list[_Record]] = []
    for number in range(numbers[-1] if numbers else 0, 0, -1):
        newest_first.append(read_segment(folder, number))
        if any(record.snapshot for record in newest_first[-1]):
            break
    contents = Contents()
    for records in reversed(newest_first):
        for record in records:
            contents.apply(record)
    counted = numbers[len(numbers) - len(newest_first) :]
    return contents, counted, numbers[: len(numbers) - len(newest_first)]


def read_segment(folder: Path, number: int) -> list[_Record]:
    """The records of one segment, for `Contents.apply`. Raises StorageError if it is missing or damaged."""
    path = folder / segment_name(number)
    why = "restore it from a backup, since it says which replies were sent"
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise StorageError(f"the journal's {path} is missing: {why}") from None
    try:
        segment = opened(number, content)
    except DamagedSegment as damage:
        raise StorageError(f"the journal's {path} can't be read ({damage}): {why}") from None
    try:
        records = [_Record.model_validate_json(line) for line in segment.records]
    except ValueError:
        raise StorageError(f"the journal's {path} can't be read (a line is damaged): {why}") from None
    if segment.snapshot is not None and segment.snapshot != any(record.snapshot for record in records):
        raise StorageError(f"the journal's {path} can't be read (its first line is damaged): {why}")
    return records
