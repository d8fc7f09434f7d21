"""The run's record: what a running pipeline says about itself, in one small file that anybody may read."""

from __future__ import annotations

import os
import socket
import threading
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from pipeline.storage.durable import write_durably

RECORD_FILE = "record.json"


class Problem(BaseModel):
    reason: str
    since: datetime


class Spending(BaseModel):
    """What all users together have spent. Days and months are of UTC; a ceiling of 0 is none."""

    day: date
    tokens: int
    """On that day."""
    tokens_a_day: int
    price: float | None
    """USD in the month of that day; None where the prices are unknown."""
    price_a_month: float


class Record(BaseModel):
    """What the current run says, or the last one. Times are UTC."""

    state: Literal["starting", "serving", "stopped"] = "starting"
    pid: int = 0
    host: str = ""
    bot_id: int | None = None
    bot_username: str | None = None
    started_at: datetime | None = None
    said_at: datetime | None = None
    landed_at: datetime | None = None
    landed: int = 0
    batch_id: int | None = None
    batch_at: datetime | None = None
    problems: dict[str, Problem] = {}
    """What fails now, by service."""
    last_error: Problem | None = None
    conflict_at: datetime | None = None
    """When another poller of the same bot was last noticed."""
    spending: Spending | None = None
    """None until the tables were read."""


def read_record(root: Path) -> Record | None:
    """The record in a storage, if there is one that can be read."""
    try:
        return Record.model_validate_json((root / RECORD_FILE).read_bytes())
    except (OSError, ValueError):
        return None


class Recorder:
    """Keeps the record of this run. Any thread may call it; the supervisor calls `save` from time to time."""

    def __init__(self, root: Path) -> None:
        self._path = root / RECORD_FILE
        self._lock = threading.Lock()
        before = read_record(root)
        self._record = Record(
            pid=os.getpid(),
            host=socket.gethostname(),
            started_at=datetime.now(UTC),
            last_error=before.last_error if before else None,
            conflict_at=before.conflict_at if before else None,
        )
        self._changed = True

    def set(self, **values: object) -> None:
        """Set fields of `Record`; `save` writes them."""
        with self._lock:
            self._record = self._record.model_copy(update=values)
            self._changed = True

    def report(self, service: str, reason: str | None) -> None:
        """A service fails, for this reason, or (None) works again."""
        with self._lock:
            problems = dict(self._record.problems)
            if reason is None:
                problems.pop(service, None)
                self._record = self._record.model_copy(update={"problems": problems})
            else:
                problem = Problem(reason=reason, since=datetime.now(UTC))
                problems.setdefault(service, problem)
                last = Problem(reason=f"{service}: {reason}", since=problem.since)
                self._record = self._record.model_copy(update={"problems": problems, "last_error": last})
                if reason.startswith("409"):
                    self._record = self._record.model_copy(update={"conflict_at": problem.since})
            self._changed = True

    def landed(self, count: int) -> None:
        """Add a poll's updates to the count of those that this run landed."""
        with self._lock:
            changes = {"landed": self._record.landed + count, "landed_at": datetime.now(UTC)}
            self._record = self._record.model_copy(update=changes)
            self._changed = True

    def save(self, always: bool = False) -> None:
        """Write the record if it has changed, or `always`. Raises OSError; the next call then tries again."""
        with self._lock:
            if not (self._changed or always):
                return
            self._changed = False
            content = self._record.model_copy(update={"said_at": datetime.now(UTC)}).model_dump_json(indent=1)
        try:
            write_durably(self._path, content.encode())
        except OSError:
            self._changed = True
            raise
