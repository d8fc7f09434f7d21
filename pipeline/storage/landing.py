"""The landing: raw updates, one durable file per poll. What is durable here may be confirmed to Telegram.

A file is named `{first seq}-{lowest update_id}-{highest update_id}.jsonl` and has one envelope a line,
`{"seq", "bot_id", "received_at", "update"}`. The stream lists the folder itself; finished files move to `_done/{day}/`,
which Spark's listing passes over.

What goes the way of a message but is not Telegram's, a check's probe or an operator's replay, is landed from outside
while the pipeline runs: `injected_file` makes the file, its lines with an `origin` more. It is put there whole (on a
volume by one put, elsewhere by `write_durably`), under the name `{first seq}-injected-{digest}.jsonl`: the head keeps
the order of arrival, the rest keeps it out of the search for re-polled updates and out of our numbering. A line that
is landed again, in this file or another, acts once. A file that is still there may be taken back: the stream goes on.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.messages.origin import Origin
from pipeline.storage.durable import write_durably

REPOLL_WINDOW = timedelta(hours=48)
"""How far back a re-polled update is recognised; Telegram keeps an unconfirmed one for 24 hours."""

KEEP_DONE = timedelta(days=7)
"""How long finished files stay; bronze has their content."""

_DONE = "_done"
_INJECTED = "-injected-"
_MOST_ID = 2**63 - 1


def file_seq(name: str) -> int:
    """The first seq of a landing file, by its name; 0 where it has none."""
    head = name.partition("-")[0]
    return int(head) if head.isascii() and head.isdigit() else 0


class InjectedFile(NamedTuple):
    name: str
    content: bytes


def injected_file(lines: Sequence[tuple[Origin, dict[str, Any]]], bot_id: int, now: datetime) -> InjectedFile:
    """The file that lands updates from outside, each with its origin, in their order. `now` has a zone.

    All lines of a file are taken up at once: a hundred are as many as a poll brings, and more go in files of their own.
    """
    first = int(now.timestamp() * 1e6)
    envelopes = [
        {
            "seq": first + i,
            "bot_id": bot_id,
            "received_at": now.astimezone(UTC).isoformat(),
            "update": update,
            "origin": origin.model_dump(mode="json", exclude_none=True),
        }
        for i, (origin, update) in enumerate(lines)
    ]
    content = "".join(json.dumps(envelope) + "\n" for envelope in envelopes).encode()
    # Whoever else writes at the same microsecond writes something else.
    return InjectedFile(f"{first}{_INJECTED}{hashlib.sha256(content).hexdigest()[:16]}.jsonl", content)


def is_injected(name: str) -> bool:
    """Whether a landing file was written from outside, by its name."""
    return _INJECTED in name


class _Name(NamedTuple):
    """What a landing file's name says, so that most files need not be opened to look for an update."""

    seq: int
    lowest: int
    highest: int

    @classmethod
    def parse(cls, path: Path) -> _Name | None:
        try:
            # update_ids may be negative in malformed input; the sign then makes more than three pieces.
            seq, lowest, highest = (int(piece) for piece in path.stem.split("-"))
        except ValueError:
            return None
        return cls(seq, lowest, highest)


class Landing:
    """The landing folder of the one running pipeline. Thread-safe."""

    def __init__(self, folder: Path, bot_id: int, now: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._bot_id = bot_id
        self._now = now
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        self._earlier = list(self._recent())
        self._seq = max((name.seq for name, _ in self._earlier), default=0) + 100
        self._read: dict[Path, set[str]] = {}
        self.began = max(self._seq + 1, int(now() * 1e6))
        """Files of this run have a first seq of at least this."""
        self.newest = 0
        """The first seq of the file that this run landed last."""

    def land(self, updates: Sequence[Any]) -> Path | None:
        """Make updates durable, in order, in one file: when this returns they may be confirmed. Raises OSError."""
        if not updates:
            return None
        ids = [u["update_id"] for u in updates if isinstance(u, dict) and isinstance(u.get("update_id"), int)]
        ids = [min(max(update_id, 0), _MOST_ID) for update_id in ids]
        lowest, highest = min(ids, default=0), max(ids, default=0)
        received_at = datetime.fromtimestamp(self._now(), UTC).isoformat()
        with self._lock:
            first = self._take_seq(len(updates))
            lines = [
                _line({"seq": first + i, "bot_id": self._bot_id, "received_at": received_at, "update": update})
                for i, update in enumerate(updates)
            ]
            path = self._folder / f"{first}-{lowest}-{highest}.jsonl"
            # Spark reads files in the order of their times, which are ours to say where the clock was set back.
            write_durably(path, ("\n".join(lines) + "\n").encode(), modified_at=first / 1e6)
            self.newest = first
        return path

    def tick(self) -> None:
        """Land a line that carries no update, so that a micro-batch begins and finished replies reach silver."""
        with self._lock:
            seq = self.newest = self._take_seq(1)
            write_durably(
                self._folder / f"{seq}-tick.jsonl", (json.dumps({"seq": seq, "tick": "settle"}) + "\n").encode()
            )

    def unseen(self, updates: Sequence[Any]) -> list[Any]:
        """Those updates of a poll after a restart that no former run landed within the last 48 hours."""
        return [update for update in updates if not self._landed(update)]

    def waiting(self) -> list[Path]:
        """Files that the stream may still have to read."""
        return [path for path in self._folder.iterdir() if path.is_file() and path.name[0] not in "._"]

    def finish(self, names: Iterable[str]) -> None:
        """Move files whose micro-batch is committed out of the listed folder; a tick is removed."""
        day = self._folder / _DONE / datetime.fromtimestamp(self._now(), UTC).date().isoformat()
        for name in names:
            path = self._folder / name
            if path.stem.endswith("-tick"):
                path.unlink(missing_ok=True)
            elif path.exists():
                day.mkdir(parents=True, exist_ok=True)
                # Whoever landed a file from outside may take it back at this very moment.
                with contextlib.suppress(FileNotFoundError):
                    path.rename(day / name)

    def expire(self) -> None:
        """Remove finished files older than KEEP_DONE."""
        oldest = datetime.fromtimestamp(self._now(), UTC).date() - KEEP_DONE
        for day in (self._folder / _DONE).glob("????-??-??"):
            if day.name < oldest.isoformat():
                shutil.rmtree(day, ignore_errors=True)

    def _take_seq(self, count: int) -> int:
        """Microseconds since 1970, made to rise even where the clock does not: fits 53 bits until the year 2255."""
        # Files differ by a millisecond at least, which is how finely Spark sees their times.
        first = max((self._seq // 1000 + 1) * 1000, int(self._now() * 1e6))
        self._seq = first + count - 1
        return first

    def _recent(self) -> Iterable[tuple[_Name, Path]]:
        since = (self._now() - REPOLL_WINDOW.total_seconds()) * 1e6
        for path in (*self._folder.glob("*.jsonl"), *self._folder.glob(f"{_DONE}/*/*.jsonl")):
            name = _Name.parse(path)
            if name is not None and name.seq >= since:
                yield name, path

    def _landed(self, update: Any) -> bool:
        update_id = update.get("update_id") if isinstance(update, dict) else None
        if not isinstance(update_id, int):
            return False
        wanted = json.dumps(update, sort_keys=True)
        return any(
            wanted in self._updates_in(path) for name, path in self._earlier if name.lowest <= update_id <= name.highest
        )

    def _updates_in(self, path: Path) -> set[str]:
        """The updates of one file of a former run. The whole update is compared: a re-polled one is the same."""
        if path not in self._read:
            if not path.exists():
                moved = next(self._folder.glob(f"{_DONE}/*/{path.name}"), None)
                text = moved.read_text() if moved else ""
            else:
                text = path.read_text()
            self._read[path] = set(map(_update_in, text.splitlines()))
        return self._read[path]


def _line(envelope: dict[str, Any]) -> str:
    try:
        return json.dumps(envelope)
    except RecursionError:
        # Nothing that Telegram sends; it ends in quarantine.
        return json.dumps({**envelope, "update": None, "unreadable": "nested too deeply"})


def _update_in(line: str) -> str:
    try:
        envelope = json.loads(line)
        # What was landed from outside is no update that Telegram would deliver again.
        return json.dumps(envelope["update"], sort_keys=True) if "origin" not in envelope else ""
    except (ValueError, KeyError, TypeError):
        return ""
