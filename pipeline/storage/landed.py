"""What former runs landed: updates that Telegram delivers again are recognised by it.

Most files are never opened. An update with an id above all that were landed is new at once; for any other the names of
the files say which of them may have it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

DONE = "_done"
_NAME = re.compile(r"(?:0|[1-9][0-9]{0,18})(?:-(?:0|[1-9][0-9]{0,18})){2}\.jsonl$")
_MOST_ID = 2**63 - 1
_WIDE = 1000
"""Files that span more ids than this are listed by themselves, so that a search among the others is short."""
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
    return found if type(found) is int and 0 <= found < _MOST_ID else None


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

    def __init__(self, folder: Path, since: float, window: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Read the names of the files with a first seq of at least `since`. `clock`: seconds of a steady clock."""
        self._folder = folder
        self._clock = clock
        self._until = clock() + window
        found = _files(folder, since)
        self.newest_seq = max((seq for _, _, seq in found), default=0)
        self.highest = max((highest for _, highest, _ in found), default=-1)
        """The highest id of any file; -1 where there is none."""
        self._keep(found)
        self._read: OrderedDict[str, frozenset[bytes]] = OrderedDict()
        self._without_id: frozenset[bytes] | None = None

    def _keep(self, found: list[tuple[int, int, int]]) -> None:
        narrow = [entry for entry in found if entry[1] - entry[0] <= _WIDE and entry[1] > 0]
        self._lowest = array("Q", (lowest for lowest, _, _ in narrow))
        self._highest = array("Q", (highest for _, highest, _ in narrow))
        self._seqs = array("Q", (seq for _, _, seq in narrow))
        self._wide = [entry for entry in found if entry[1] - entry[0] > _WIDE]
        self._zero = sorted((entry for entry in found if entry[1] == 0), key=lambda entry: entry[2])

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
        return any(wanted in self._updates_in(name) for name in self._names_with(update_id))

    def _names_with(self, update_id: int) -> Iterator[str]:
        """The files that may have an id, by their names."""
        first, last = bisect_left(self._lowest, max(0, update_id - _WIDE)), bisect_right(self._lowest, update_id)
        for i in range(first, last):
            if self._highest[i] >= update_id:
                yield _name(self._lowest[i], self._highest[i], self._seqs[i])
        for entry in (*self._wide, *(self._zero if update_id == 0 else ())):
            if entry[0] <= update_id <= entry[1]:
                yield _name(*entry)

    def _all_without_id(self) -> frozenset[bytes]:
        """The latest updates that were landed without a usable id."""
        if self._without_id is None:
            latest = (self._updates_in(_name(*entry)) for entry in self._zero[-_MOST_WITHOUT_ID:])
            self._without_id = frozenset[bytes]().union(*latest)
        return self._without_id

    def _updates_in(self, name: str) -> frozenset[bytes]:
        """The digests of the updates in one file."""
        if name not in self._read:
            self._read[name] = frozenset(_digests(_text(self._folder, name)))
            if len(self._read) > _MOST_READ:
                self._read.popitem(last=False)
        self._read.move_to_end(name)
        return self._read[name]


def _files(folder: Path, since: float) -> list[tuple[int, int, int]]:
    """(lowest id, highest id, first seq) of each file of the intake's. Only those have exactly three numbers."""
    found = []
    for place in (folder, *(folder / DONE / day for day in _names(folder / DONE))):
        for name in _names(place):
            if name.endswith(".jsonl") and _NAME.match(name):
                seq, lowest, highest = map(int, name[:-6].split("-"))
                if since <= seq <= _MOST_ID and lowest <= highest <= _MOST_ID:
                    found.append((lowest, highest, seq))
    found.sort()
    return found


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - a million paths take three times as long
    except (FileNotFoundError, NotADirectoryError):
        return []


def _name(lowest: int, highest: int, seq: int) -> str:
    return f"{seq}-{lowest}-{highest}.jsonl"


def _text(folder: Path, name: str) -> str:
    """The text of a file, which moves to the finished ones at any moment; empty if it has expired."""
    try:
        return (folder / name).read_text(errors="replace")
    except FileNotFoundError:
        for path in folder.glob(f"{DONE}/*/{name}"):
            return path.read_text(errors="replace")
    return ""


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
