"""The lease: a storage has one running pipeline, so that no message is answered by two.

On a local disk a lock of the operating system decides; it ends with its process. A volume has no locks: there the
lease's record decides. Its holder renews it, and a record that nobody has renewed for a minute is abandoned. A run that
was frozen for longer wakes up without knowing: so `confirm` is called before each step that would harm a successor.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
import uuid
from pathlib import Path
from typing import IO, Any

from pipeline.errors import OperatorError
from pipeline.storage.durable import on_volume, write_durably

_RENEW_EVERY = 15.0
_STALE_AFTER = 60.0
_FRESH_FOR = 30.0
"""Seconds for which a renewed record can't have been taken from us: well below the time after which it is abandoned."""
_SETTLE = 1.0
"""Seconds after which the last of two that write the record at the same moment has won."""

try:
    import fcntl
except ImportError:  # not on Windows, where the record alone decides
    fcntl = None  # type: ignore[assignment]


class LeaseHeld(OperatorError):
    """Another pipeline runs on this storage."""


class Lease:
    """Held from `acquire` to `release`.

    Threads: any thread may call `confirm`, all other methods are for the run's own thread. On a volume a thread named
    "lease" renews the record. `_renewing` is held by the one thread that reads and renews it.
    """

    def __init__(self, root: Path) -> None:
        self._record = root / "lease.json"
        self._lock_path = None if on_volume(root) or fcntl is None else root / ".lease.lock"
        self._lock: IO[bytes] | None = None
        self._owner = uuid.uuid4().hex
        self._released = threading.Event()
        self._renewing = threading.Lock()
        self._renewed = _now()
        self.lost = False
        """Whether another pipeline has taken the lease from us."""

    def acquire(self, patience: float = _STALE_AFTER) -> None:
        """Take the lease. On a volume, first watch for `patience` seconds whether its holder renews it.

        Raises LeaseHeld, and OSError where the lock or the record can't be read or written.
        """
        if self._lock_path is not None:
            self._lock = self._lock_path.open("ab")
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._lock.close()
                self._lock = None
                raise LeaseHeld(_in_use(self._record.parent, self._read())) from None
        began = _now() if self._lock is not None else self._wait_until_abandoned(patience)
        self._write()
        if self._lock is None:
            time.sleep(_seconds_to_settle(began))
            if self._read().get("owner") != self._owner:
                raise LeaseHeld(_in_use(self._record.parent, self._read()))
            self._renewed = began
            threading.Thread(target=self._renew, name="lease", daemon=True).start()

    def confirm(self) -> None:
        """Any thread: make sure that the storage is still this run's, also after a gap in time.

        Costs two looks at clocks while the record is fresh. Raises LeaseHeld, and OSError where the record of a lease
        that is not fresh can't be read or written: then nobody can know.
        """
        self._refuse_if_lost()
        # The lock of a local disk stays with a process that is frozen.
        if self._lock_path is None:
            if _since(self._renewed) < _FRESH_FOR:
                return
            with self._renewing:
                if _since(self._renewed) >= _FRESH_FOR:
                    self._renew_now()
            self._refuse_if_lost()

    def check(self) -> None:
        """Raises LeaseHeld when another pipeline has taken the lease: the run must then stop.

        Unlike `confirm` it passes while nobody can know: an outage of the volume ends no run.
        """
        with contextlib.suppress(OSError):
            self.confirm()

    def release(self) -> None:
        """Give the lease back, unless another pipeline holds it. Raises OSError."""
        self._released.set()
        try:
            if self._read().get("owner") == self._owner:
                self._record.unlink(missing_ok=True)
        finally:
            if self._lock is not None:
                self._lock.close()
                self._lock = None

    def _refuse_if_lost(self) -> None:
        if self.lost:
            root = self._record.parent
            raise LeaseHeld(f"PIPELINE_STORAGE {root} was taken over by another pipeline: stop one of them")
        # A thread that outlives the run's end, as in a cluster's process.
        if self._released.is_set():
            raise LeaseHeld(f"PIPELINE_STORAGE {self._record.parent} was given back: this run has ended")

    def _wait_until_abandoned(self, patience: float) -> tuple[float, float]:
        """Returns the moment just before the reading of the record that showed it abandoned, or gone."""
        until = time.monotonic() + patience
        began, seen = _now(), self._read()
        now = seen
        while now and _is_kept(seen):
            time.sleep(1.0)
            began, now = _now(), self._read()
            renewed = now and now.get("renewed_at") != seen.get("renewed_at")
            if renewed or (now and _is_kept(seen) and time.monotonic() >= until):
                raise LeaseHeld(_in_use(self._record.parent, now))
        return began

    def _renew(self) -> None:
        while not self._released.wait(_RENEW_EVERY):
            try:
                with self._renewing:
                    if self._released.is_set():
                        return
                    self._renew_now()
            except OSError:
                continue
            if self.lost:
                return

    def _renew_now(self) -> None:
        """Renew the record if it is ours, else set `lost`. Raises OSError. For the holder of `_renewing`."""
        if self.lost:
            return
        age, began = _since(self._renewed), _now()
        owner = self._owner_of_record()
        # A record that is gone after so long was another's, who has finished since: what we know is out of date.
        if owner not in (self._owner, None) or (owner is None and age >= _STALE_AFTER):
            self.lost = True
            return
        self._write()
        if _since(began) >= _FRESH_FOR:
            # Frozen between the reading and the writing: we may have replaced another's record.
            self.lost = True
        elif _since(self._renewed) >= _STALE_AFTER:
            time.sleep(_seconds_to_settle(began))
            self.lost = self._owner_of_record() != self._owner
        if not self.lost:
            self._renewed = began

    def _owner_of_record(self) -> object:
        """Who holds the lease, by its record; None where there is none that can be understood. Raises OSError."""
        try:
            holder = json.loads(self._record.read_text())
        except (FileNotFoundError, ValueError):
            return None
        return holder.get("owner") if isinstance(holder, dict) else None

    def _write(self) -> None:
        holder = {"owner": self._owner, "host": socket.gethostname(), "pid": os.getpid(), "renewed_at": time.time()}
        write_durably(self._record, json.dumps(holder).encode())

    def _read(self) -> dict[str, Any]:
        try:
            holder = json.loads(self._record.read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return holder if isinstance(holder, dict) and isinstance(holder.get("renewed_at"), (int, float)) else {}


def _now() -> tuple[float, float]:
    """The wall clock, and a steady one; where there is one that goes on while the machine is suspended, that one."""
    boot_time = getattr(time, "CLOCK_BOOTTIME", None)
    return time.time(), time.monotonic() if boot_time is None else time.clock_gettime(boot_time)


def _since(moment: tuple[float, float]) -> float:
    """Seconds since a moment, by the clock that shows more; not fresh if the wall clock was set back."""
    wall, steady = (now - then for now, then in zip(_now(), moment, strict=True))
    return max(wall, steady) if wall >= -1.0 else max(_FRESH_FOR, steady)


def _is_kept(record: dict[str, Any]) -> bool:
    return time.time() - float(record.get("renewed_at", 0)) < _STALE_AFTER


def _seconds_to_settle(read: tuple[float, float]) -> float:
    """How long to wait after a write of a record that was read at a moment, before a look at who wrote last.

    Of two that find it abandoned at the same moment, the last to write holds the lease, and the other sees that. After
    a freeze between the reading and the writing, the other may have gone on already: it notices when it isn't fresh.
    """
    return _SETTLE if _since(read) < _SETTLE else _FRESH_FOR


def _in_use(root: Path, holder: dict[str, Any]) -> str:
    who = f"process {holder['pid']} on {holder['host']}" if {"pid", "host"} <= holder.keys() else "another process"
    return f"PIPELINE_STORAGE {root} is in use by {who}: stop that pipeline, or give another storage"
