"""What former runs landed: updates that Telegram delivers again are recognised by it.

Most files are never opened. An update with an id above all that were landed is new at once; for any other the names of
the files say which of them may have it.
"""

from __future__ import annotations

import hashlib
import json
import time
from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.storage.done import MOST_ID, WIDE, DoneFiles, PolledFile, names_in

_MOST_READ = 256
_MOST_WITHOUT_ID = 1000


class Unreadable(NamedTuple):
    """An update that is not JSON as we can read it: its own text, and why."""

    reason: str
    text: str
    update_id: int | None = None
    """Its id, where the text shows it."""


def usable_id(update: Any) -> int | None:
    """The id by which Telegram can be told that an update has arrived; None if it has none.

    An offset that is negative or too large means something else to Telegram, or nothing.
    """
    found = update.update_id if isinstance(update, Unreadable) else None
    if isinstance(update, dict):
        found = update.get("update_id")
    return found if type(found) is int and 0 <= found < MOST_ID else None


def digest(update: Any) -> bytes:
    """What an update is the same as another by: the digest of it as a whole, whatever the order of its members."""
    if isinstance(update, Unreadable):
        return hashlib.sha256(b"unreadable " + update.text.encode("utf-8", "surrogatepass")).digest()
    return hashlib.sha256(json.dumps(update, sort_keys=True).encode()).digest()


class LandedFiles:
    """The files that former runs landed, and whether an update is in one of them.

    For the intake's thread. It holds three numbers a file, and forgets them `window` seconds after it was made:
    Telegram has then given up whatever a former run did not confirm.
    """

    def __init__(
        self,
        folder: Path,
        done: DoneFiles,
        since: float,
        window: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read the names of the files with a first seq of at least `since`. `clock`: seconds of a steady clock."""
        self._folder = folder
        self._done = done
        self._clock = clock
        self._until = clock() + window
        waiting = [file for name in names_in(folder) if (file := PolledFile.named(name)) and file.seq >= since]
        finished, newest = done.files(since)
        self.newest_seq = max(newest, max((file.seq for file in waiting), default=0))
        found = sorted(waiting + finished)
        self.highest = max((file.highest for file in found), default=-1)
        """The highest id of any file; -1 where there is none."""
        self._keep(found)
        self._read: OrderedDict[PolledFile, frozenset[bytes]] = OrderedDict()
        self._without_id: frozenset[bytes] | None = None

    def _keep(self, found: list[PolledFile]) -> None:
        narrow = [file for file in found if file.highest - file.lowest <= WIDE and file.highest > 0]
        self._lowest = array("Q", (file.lowest for file in narrow))
        self._highest = array("Q", (file.highest for file in narrow))
        self._seqs = array("Q", (file.seq for file in narrow))
        # These are listed by themselves, so that a search among the others is short.
        self._wide = [file for file in found if file.highest - file.lowest > WIDE]
        self._zero = sorted((file for file in found if file.highest == 0), key=lambda file: file.seq)

    def __contains__(self, update: Any) -> bool:
        """Whether a former run landed this update. Raises OSError."""
        if self._clock() >= self._until:
            if self.highest >= 0:
                self.highest = -1
                self._keep([])
                self._read.clear()
                self._without_id = frozenset()
            return False
        update_id = usable_id(update)
        if update_id is None:
            return digest(update) in self._all_without_id()
        if update_id > self.highest:
            return False
        wanted = digest(update)
        return any(wanted in self._updates_in(file) for file in self._files_with(update_id))

    def _files_with(self, update_id: int) -> Iterator[PolledFile]:
        """The files that may have an id."""
        first, last = bisect_left(self._lowest, max(0, update_id - WIDE)), bisect_right(self._lowest, update_id)
        for i in range(first, last):
            if self._highest[i] >= update_id:
                yield PolledFile(self._lowest[i], self._highest[i], self._seqs[i])
        for file in (*self._wide, *(self._zero if update_id == 0 else ())):
            if file.lowest <= update_id <= file.highest:
                yield file

    def _all_without_id(self) -> frozenset[bytes]:
        """The latest updates that were landed without a usable id."""
        if self._without_id is None:
            latest = map(self._updates_in, self._zero[-_MOST_WITHOUT_ID:])
            self._without_id = frozenset[bytes]().union(*latest)
        return self._without_id

    def _updates_in(self, file: PolledFile) -> frozenset[bytes]:
        """The digests of the updates in one file, or of more: a pack has files together."""
        if file not in self._read:
            self._read[file] = frozenset(_digests(_text(self._folder, self._done, file)))
            if len(self._read) > _MOST_READ:
                self._read.popitem(last=False)
        self._read.move_to_end(file)
        return self._read[file]


def _text(folder: Path, done: DoneFiles, file: PolledFile) -> str:
    """The text of a file, which moves to the finished ones at any moment; empty if it has expired."""
    try:
        return (folder / file.name).read_text(errors="replace")
    except FileNotFoundError:
        return done.text(file)


def _digests(text: str) -> Iterator[bytes]:
    for line in text.split("\n"):
        try:
            envelope = json.loads(line)
            # Telegram does not deliver an injected update again.
            if "origin" in envelope:
                continue
            if envelope["update"] is None and "unreadable" in envelope:
                yield digest(Unreadable(envelope["unreadable"], envelope["text"]))
            else:
                yield digest(envelope["update"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue
