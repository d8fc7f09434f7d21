"""The lease: a storage has one running pipeline, so that no message is answered by two.

On a local disk a lock of the operating system decides; it ends with its process. A volume has no locks: there the
lease's record decides. Its holder renews it, and a record that nobody has renewed for a minute is abandoned.
"""

from __future__ import annotations

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

try:
    import fcntl
except ImportError:  # not on Windows, where the record alone decides
    fcntl = None  # type: ignore[assignment]


class LeaseHeld(OperatorError):
    """Another pipeline runs on this storage."""


class Lease:
    """Held from `acquire` to `release`.

    Threads: all methods are for the run's own thread. On a volume a thread named "lease" renews the record, and sets
    `lost`; it changes nothing else.
    """

    def __init__(self, root: Path) -> None:
        self._record = root / "lease.json"
        self._lock_path = None if on_volume(root) or fcntl is None else root / ".lease.lock"
        self._lock: IO[bytes] | None = None
        self._owner = uuid.uuid4().hex
        self._released = threading.Event()
        self.lost = False
        """Whether another pipeline has taken the lease from us."""

    def acquire(self, patience: float = _STALE_AFTER) -> None:
        """Take the lease. On a volume, first watch for `patience` seconds whether its holder renews it.

        Raises LeaseHeld.
        """
        if self._lock_path is not None:
            self._lock = self._lock_path.open("ab")
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                self._lock.close()
                self._lock = None
                raise LeaseHeld(_in_use(self._record.parent, self._read())) from None
        else:
            self._wait_until_abandoned(patience)
        self._write()
        if self._lock is None:
            # If two find the record abandoned at the same moment, the last to write holds the lease.
            time.sleep(1.0)
            if self._read().get("owner") != self._owner:
                raise LeaseHeld(_in_use(self._record.parent, self._read()))
            threading.Thread(target=self._renew, name="lease", daemon=True).start()

    def check(self) -> None:
        """Raises LeaseHeld when another pipeline has taken the lease: the run must then stop."""
        if self.lost:
            root = self._record.parent
            raise LeaseHeld(f"PIPELINE_STORAGE {root} was taken over by another pipeline: stop one of them")

    def release(self) -> None:
        """Give the lease back, unless another pipeline holds it. Raises OSError."""
        self._released.set()
        if self._read().get("owner") == self._owner:
            self._record.unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _wait_until_abandoned(self, patience: float) -> None:
        until = time.monotonic() + patience
        seen = self._read()
        while seen and time.time() - float(seen.get("renewed_at", 0)) < _STALE_AFTER:
            now = self._read()
            if (now and now.get("renewed_at") != seen.get("renewed_at")) or time.monotonic() >= until:
                raise LeaseHeld(_in_use(self._record.parent, now))
            if not now:
                return
            time.sleep(1.0)

    def _renew(self) -> None:
        while not self._released.wait(_RENEW_EVERY):
            try:
                if self._read().get("owner") not in (self._owner, None):
                    self.lost = True
                    return
                self._write()
            except OSError:
                continue

    def _write(self) -> None:
        holder = {"owner": self._owner, "host": socket.gethostname(), "pid": os.getpid(), "renewed_at": time.time()}
        write_durably(self._record, json.dumps(holder).encode())

    def _read(self) -> dict[str, Any]:
        try:
            holder = json.loads(self._record.read_text())
        except (OSError, ValueError):
            return {}
        return holder if isinstance(holder, dict) and isinstance(holder.get("renewed_at"), (int, float)) else {}


def _in_use(root: Path, holder: dict[str, Any]) -> str:
    who = f"process {holder['pid']} on {holder['host']}" if {"pid", "host"} <= holder.keys() else "another process"
    return f"PIPELINE_STORAGE {root} is in use by {who}: stop that pipeline, or give another storage"
