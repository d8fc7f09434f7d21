"""The landing: raw updates, one durable file per poll. Once they are durable here, Telegram may delete them.

A file is named `{first seq}-{lowest update_id}-{highest update_id}.jsonl` and has one envelope a line,
`{"seq", "bot_id", "received_at", "update"}`. An update that can't be read as JSON is kept as its `text`, with the
reason as `unreadable`. The ids in the name are 0 for updates without an id that could be confirmed. The stream lists
this folder; finished files move to `_done/{day}/`, which Spark's listing ignores, and are packed by the hour there.

A check's probe and an operator's replay are processed like messages but do not come from Telegram: they are injected,
also while the pipeline runs. `injected_file` gives such a file; its lines have an `origin` too. Its writer puts it into
the folder as a whole (on a volume with one put, elsewhere with `write_durably`). It is named
`{first seq}-injected-{digest}.jsonl`: the seq gives its place in the order of arrival, the rest keeps it out of the
search for re-polled updates and out of our numbering. A line that is injected again, in the same file or in another,
takes effect once. A file that is still in the folder may be removed: the stream continues without it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import structlog

from pipeline.errors import OperatorError
from pipeline.messages.origin import Origin
from pipeline.storage.done import DoneFiles
from pipeline.storage.durable import write_durably
from pipeline.storage.landed import LandedFiles, Unreadable, usable_id

log = structlog.get_logger(__name__)

REPOLL_WINDOW = timedelta(hours=48)
"""How far back a re-polled update is recognised; Telegram keeps an unconfirmed one for 24 hours."""

_INJECTED = "-injected-"
_TICK = "-tick.jsonl"


class InjectedFile(NamedTuple):
    name: str
    content: bytes


def injected_file(lines: Sequence[tuple[Origin, dict[str, Any]]], bot_id: int, now: datetime) -> InjectedFile:
    """The file that injects updates, each with its origin, in their order. `now` has a time zone.

    One micro-batch takes all lines of a file: give at most a hundred, as a poll brings, and write more files for more.
    """
    first_seq = int(now.timestamp() * 1e6)
    envelopes = [
        {
            "seq": first_seq + i,
            "bot_id": bot_id,
            "received_at": now.astimezone(UTC).isoformat(),
            "update": update,
            "origin": origin.model_dump(mode="json", exclude_none=True),
        }
        for i, (origin, update) in enumerate(lines)
    ]
    content = "".join(json.dumps(envelope) + "\n" for envelope in envelopes).encode()
    # Two writers may have the same microsecond, but not the same content.
    return InjectedFile(f"{first_seq}{_INJECTED}{hashlib.sha256(content).hexdigest()[:16]}.jsonl", content)


def is_injected(name: str) -> bool:
    """Whether a landing file was injected, by its name."""
    return _INJECTED in name


def is_tick(name: str) -> bool:
    """Whether a landing file only asks for a micro-batch, by its name."""
    return name.endswith(_TICK)


class Landing:
    """The landing folder of the one running pipeline.

    Threads: any thread may call `land`, `tick`, `waiting`, `read`, `finish` and `keep_house`; a lock guards the
    numbering. Only the intake's thread calls `unseen`.
    """

    def __init__(
        self,
        folder: Path,
        bot_id: int,
        now: Callable[[], float] = time.time,
        *,
        confirm: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Create the folder if it is missing, and read the names in it. Raises OSError.

        `now`: seconds since 1970. `clock`: seconds of a steady clock. `confirm` is called before each write, and raises
        what `Lease.confirm` raises if the storage is no longer this run's: then nothing is written.
        """
        self._folder = folder
        self._bot_id = bot_id
        self._now = now
        self.confirm = confirm
        """Any thread: raises if the landing is no longer this run's."""
        self._lock = threading.Lock()
        self._housekeeping = threading.Lock()
        self._done = DoneFiles(folder)
        folder.mkdir(parents=True, exist_ok=True)
        window = REPOLL_WINDOW.total_seconds()
        self._earlier = LandedFiles(folder, self._done, (now() - window) * 1e6, window, clock)
        self._seq = self._earlier.newest_seq + 100
        self.first_seq = max(self._seq + 1, int(now() * 1e6))
        """Files that this run lands have a first seq of at least this."""

    def land(self, updates: Sequence[Any]) -> Path | None:
        """Make updates durable, in order, in one file: when this returns, Telegram may delete them. Raises OSError."""
        if not updates:
            return None
        self.confirm()
        ids = [update_id for update_id in map(usable_id, updates) if update_id is not None]
        lowest, highest = min(ids, default=0), max(ids, default=0)
        received_at = datetime.fromtimestamp(self._now(), UTC).isoformat()
        with self._lock:
            first = self._take_seq(len(updates))
            lines = [
                _line({"seq": first + i, "bot_id": self._bot_id, "received_at": received_at, "update": update})
                for i, update in enumerate(updates)
            ]
            path = self._folder / f"{first}-{lowest}-{highest}.jsonl"
            # Spark reads files in the order of their times, so these must increase even if the clock was set back.
            write_durably(path, ("\n".join(lines) + "\n").encode(), modified_at=first / 1e6)
        return path

    def tick(self) -> None:
        """Land a line without an update: it makes a micro-batch begin. Raises OSError."""
        self.confirm()
        with self._lock:
            seq = self._take_seq(1)
            content = json.dumps({"seq": seq, "tick": "start"}) + "\n"
            write_durably(self._folder / f"{seq}{_TICK}", content.encode())

    def unseen(self, updates: Sequence[Any]) -> list[Any]:
        """The updates that no former run landed within the 48 hours before this run. Raises OSError."""
        return [update for update in updates if update not in self._earlier]

    def waiting(self) -> list[Path]:
        """Files that are not finished: the stream may still have to read them."""
        with os.scandir(self._folder) as entries:
            return [Path(entry.path) for entry in entries if entry.name[0] not in "._" and entry.is_file()]

    def read(self, name: str) -> list[str] | None:
        """The lines of a file as the stream reads them; None where it is not in the folder any more. Raises OSError."""
        try:
            text = (self._folder / name).read_bytes().decode(errors="replace")
        except FileNotFoundError:
            return None
        return text.removesuffix("\n").split("\n")

    def finish(self, names: Iterable[str]) -> None:
        """Move files whose rows are in the tables out of the listed folder; a tick is removed."""
        self.confirm()
        day = self._done.day(self._now())
        for name in names:
            path = self._folder / name
            if is_tick(name):
                path.unlink(missing_ok=True)
            elif path.exists():
                day.mkdir(parents=True, exist_ok=True)
                # The writer of an injected file may remove it at any moment.
                with contextlib.suppress(FileNotFoundError):
                    path.rename(day / name)

    def keep_house(self) -> None:
        """Remove finished files that are too old, and pack one hour of the others. At most one thread does it.

        A fault is logged, and what was left is done the next time.
        """
        if not self._housekeeping.acquire(blocking=False):
            return
        try:
            self._done.expire(self._now())
            self._done.pack(self._now(), self.confirm)
        except OSError as error:
            log.error("finished files can't be packed", reason=error.strerror or str(error))
        except OperatorError:
            pass  # Another run has the storage: the supervisor finds that out by itself.
        finally:
            self._housekeeping.release()

    def _take_seq(self, count: int) -> int:
        """Microseconds since 1970, always increasing even if the clock is not. They fit 53 bits until the year 2255."""
        # Spark sees a file's time in milliseconds, so files differ by at least one.
        first = max((self._seq // 1000 + 1) * 1000, int(self._now() * 1e6))
        self._seq = first + count - 1
        return first


def _line(envelope: dict[str, Any]) -> str:
    update = envelope["update"]
    if isinstance(update, Unreadable):
        # It goes to quarantine.
        return json.dumps({**envelope, "update": None, "unreadable": update.reason, "text": update.text})
    return json.dumps(envelope)
