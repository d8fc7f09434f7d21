"""The lock against two rotations of a deployment at the same time: a key in the scope that both write.

A scope has no compare-and-swap. So the lock is written, and read again after a pause: of two callers that write at the
same time, the last one has it. The holder checks it before each step, and writes nothing when its time is nearly over;
clocks must agree within half a minute. What remains is a window of one request, between that check and the write. If
AWS is used, it refuses the second of two such writes. In a scope the second value stays, and both values were proved.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import BaseModel, SecretStr, ValidationError

from rotation.scope_store import Scope
from rotation.steps import RotationFailed

KEY = "rotation.lock"
LIFETIME = 150.0
"""Seconds that a lock is valid. A caller that died without releasing it makes others wait no longer than this."""
_MARGIN = 80.0
"""Seconds before the end in which the holder begins no step: a step is four requests of 20 s at most."""
_SETTLE_SECONDS = 1.5
"""Seconds between writing the lock and reading it again. A caller that needs longer to check and write starts over."""
_POLL_SECONDS = 1.0


class Holder(BaseModel):
    """Who holds the lock."""

    id: str
    owner: str
    host: str
    pid: int
    machine: str
    """Identifies the machine, and the container on it. Empty if unknown."""
    secret: str
    taken_at: datetime
    expires_at: datetime


def holder_of(scope: Scope) -> Holder | None:
    """The current holder of the lock."""
    kept = scope.get(KEY)
    try:
        holder = Holder.model_validate_json(kept.get_secret_value()) if kept else None
    except ValidationError:
        return None
    return holder if holder is not None and _holds(holder) else None


def caller() -> str:
    """Who runs this process, as user@host."""
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):
        return f"{os.getuid()}@{socket.gethostname()}"


class Lock:
    """The lock on a deployment's secrets, for one call."""

    def __init__(self, scope: Scope, secret: str, waiting: Callable[[Holder], None]) -> None:
        """`waiting` is called once with the holder, if somebody else has the lock."""
        self._scope = scope
        self._secret = secret
        self._waiting = waiting
        self._mine: Holder | None = None
        self._until = 0.0

    @contextlib.contextmanager
    def held(self, patience: float) -> Iterator[None]:
        """Hold the lock in this block. Raises RotationFailed if somebody else still has it after `patience` seconds."""
        try:
            self._take(time.monotonic() + patience)
            yield
        finally:
            self._release()

    def check(self) -> None:
        """Raises RotationFailed if the lock is lost, or nearly over."""
        kept = holder_of(self._scope)
        if self._mine is None or kept is None or kept.id != self._mine.id or time.monotonic() > self._until - _MARGIN:
            raise RotationFailed(
                "this call has lost its lock, or took too long; run the same command again to continue, "
                "or with --rollback to undo"
            )

    def _take(self, give_up_at: float) -> None:
        announced = False
        while True:
            checked_at = time.monotonic()
            other = holder_of(self._scope)
            if other is None or (self._mine is not None and other.id == self._mine.id):
                mine = self._write()
                written_at = time.monotonic()
                if written_at - checked_at < _SETTLE_SECONDS:
                    time.sleep(_SETTLE_SECONDS)
                    kept = holder_of(self._scope)
                    if kept is not None and kept.id == mine.id:
                        self._until = written_at + LIFETIME
                        return
                if time.monotonic() >= give_up_at:
                    raise RotationFailed(
                        f"the lock in scope {self._scope.name} could not be taken: the workspace is too slow, or "
                        "others take it too; nothing was changed; run it again"
                    )
                continue
            if not announced:
                announced = True
                self._waiting(other)
            if time.monotonic() >= give_up_at:
                raise RotationFailed(
                    f"{other.owner} is rotating {other.secret} (process {other.pid}, until "
                    f"{other.expires_at:%H:%M:%S} UTC); nothing was changed; run it again afterwards"
                )
            time.sleep(_POLL_SECONDS)

    def _write(self) -> Holder:
        now = datetime.now(UTC)
        mine = Holder(
            id=str(uuid.uuid4()),
            owner=caller(),
            host=socket.gethostname(),
            pid=os.getpid(),
            machine=_machine(),
            secret=self._secret,
            taken_at=now,
            expires_at=now + timedelta(seconds=LIFETIME),
        )
        self._mine = mine
        self._scope.put(KEY, SecretStr(mine.model_dump_json()))
        return mine

    def _release(self) -> None:
        mine, self._mine = self._mine, None
        with contextlib.suppress(Exception):  # it expires by itself
            kept = holder_of(self._scope)
            if mine is not None and kept is not None and kept.id == mine.id:
                self._scope.delete(KEY)


def _holds(holder: Holder) -> bool:
    if datetime.now(UTC) >= holder.expires_at:
        return False
    # A process of this machine that has ended will not release its lock.
    return holder.machine != _machine() or not holder.machine or _is_alive(holder.pid)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _machine() -> str:
    """Identifies this machine and container; empty if the system does not tell."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""
