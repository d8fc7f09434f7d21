"""The reply journal as it grows."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from pipeline.replies.journal import Contents, read_journal, read_segment
from pipeline.replies.reply import Reply
from pipeline.storage.places import StorageError
from pipeline.storage.segments import segment_name, segment_numbers


class JournalChange(NamedTuple):
    """What a look found."""

    replies: list[tuple[Reply, float]]
    """Each reply that is new or changed, and when its latest state was recorded: seconds since 1970."""


class JournalTail:
    """The replies in the journal of a run that may be running. For one thread; it never writes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._contents = Contents()
        self._next: int | None = None
        """The number of the next segment; None before the first look."""

    @property
    def replies(self) -> dict[str, Reply]:
        """The replies that are not in silver yet, by key."""
        return self._contents.replies

    def look(self) -> JournalChange | None:
        """What changed since the last look; None if nothing did. Raises StorageError for a damaged journal, OSError."""
        if self._next is None or self._was_replaced():
            return self._read_all()
        changed: dict[str, tuple[Reply, float]] = {}
        first = self._next
        while (path := self._folder / segment_name(self._next)).exists():
            try:
                recorded_at = path.stat().st_mtime
                records = read_segment(self._folder, self._next)
            except (FileNotFoundError, StorageError):
                # Compacted between two steps: the snapshot has it all. A damage is found there, too.
                return self._read_all()
            for record in records:
                self._contents.apply(record)
                if not record.snapshot:
                    changed |= {reply.key: (reply, recorded_at) for reply in record.replies}
            self._next += 1
        return JournalChange(list(changed.values())) if self._next > first else None

    def _was_replaced(self) -> bool:
        """Whether the journal is another than the one that was read: its last segment never goes otherwise."""
        last = (self._next or 1) - 1
        return last > 0 and not (self._folder / segment_name(last)).exists()

    def _read_all(self) -> JournalChange:
        # Listed first: what is written meanwhile is applied again, and a later record replaces an earlier one.
        numbers = segment_numbers(self._folder) if self._folder.is_dir() else []
        self._contents = read_journal(self._folder) if numbers else Contents()
        self._next = numbers[-1] + 1 if numbers else 1
        newest = self._folder / segment_name(self._next - 1)
        recorded_at = newest.stat().st_mtime if numbers and newest.exists() else 0.0
        return JournalChange([(reply, recorded_at) for reply in self._contents.replies.values()])
