"""The landing as it fills and empties."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from pipeline.storage.done import file_seq
from pipeline.storage.landing import is_tick

_MOST_READ = 100
"""New files that are opened at one look. Of a backlog only the latest are: the tables will have all."""
_SETTLED = 100_000_000
"""Nanoseconds after which a folder's time of change tells two changes apart on any file system."""


class LandedLine(NamedTuple):
    file: str
    text: str


class LandingTail:
    """The files that wait in a landing. For one thread."""

    def __init__(self, folder: Path, clock: Callable[[], int] = time.time_ns) -> None:
        self._folder = folder
        self._clock = clock
        self._changed_at: int | None = None
        self._known: set[str] = set()
        self.waiting: list[str] = []
        """Names of the files in the landing, oldest first, read by the stream or not. Ticks are left out."""

    def look(self) -> list[LandedLine] | None:
        """The lines of the files that came since the last look; None if nothing came or went. Raises OSError."""
        try:
            changed_at = self._folder.stat().st_mtime_ns
        except FileNotFoundError:
            return None
        if changed_at == self._changed_at:
            return None
        # A change so shortly after this one that the time stays the same must be noticed too.
        self._changed_at = changed_at if self._clock() - changed_at > _SETTLED else None
        with os.scandir(self._folder) as entries:
            names = {entry.name for entry in entries if _counts(entry.name)}
        if names == self._known:
            return None
        new = sorted(names - self._known, key=file_seq)[-_MOST_READ:]
        self._known = names
        self.waiting = sorted(names, key=file_seq)
        return [LandedLine(name, text) for name in new for text in self._lines(name)]

    def _lines(self, name: str) -> list[str]:
        try:
            text = (self._folder / name).read_bytes().decode(errors="replace")
        except FileNotFoundError:  # it is finished already: bronze has its rows
            return []
        return text.removesuffix("\n").split("\n")


def _counts(name: str) -> bool:
    return name[0] not in "._" and not is_tick(name) and file_seq(name) > 0
