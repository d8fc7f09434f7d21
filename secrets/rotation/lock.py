"""The lock that keeps two rotations of a deployment apart: a key in the scope that both write to.

A scope has no compare-and-swap, so the lock is written, left to settle, and read back: of two that write at once, the
last to write has it. The holder looks again before each step and writes nothing once its time is nearly up; clocks must
agree to half a minute. What is left is a window of one request, between that look and the write. AWS, where it is used,
refuses the later of two such writes; in a scope the later value stands, and each of the two was proved.
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
LASTS = 150.0
"""Seconds that a lock is valid: a caller that died without releasing it holds others up for no longer."""
_MARGIN = 80.0
"""Seconds before that at which the holder begins no further step: a step is four requests of 20 s at most."""
_SETTLES = 1.5
"""Seconds between writing the lock and reading it back; one who needs longer to look and write starts over."""
_LOOKS_EVERY = 1.0


class Holder(BaseModel):
    """Who holds the lock."""

    id: str
    owner: str
    host: str
    pid: int
    machine: str
    """What tells this machine, and this container of it, from others."""
    secret: str
    taken_at: datetime
    expires_at: datetime


def holder_of(scope: Scope) -> Holder | None:
    """Who holds the lock now."""
    kept = scope.get(KEY)
    try:
        holder = Holder.model_validate_json(kept.get_secret_value()) if kept else None
    except ValidationError:
        return None
    return holder if holder is not None and _holds(holder) else None


def caller() -> str:
    """Who runs this."""
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):
        return f"{os.getuid()}@{socket.gethostname()}"


class Lock:
    """The lock on a deployment's secrets, for one call."""

    def __init__(self, scope: Scope, secret: str, waiting: Callable[[Holder], None]) -> None:
        """`waiting` is told once who holds it, if another does."""
        self._scope = scope
        self._secret = secret
        self._waiting = waiting
        self._mine: Holder | None = None
        self._until = 0.0

    @contextlib.contextmanager
    def held(self, patience: float) -> Iterator[None]:
        """Hold the lock in this block. Raises RotationFailed where another holds it beyond `patience` seconds."""
        try:
            self._take(time.monotonic() + patience)
            yield
        finally:
            self._release()

    def still_ours(self) -> None:
        """Raises RotationFailed where the lock is lost, or nearly over."""
        kept = holder_of(self._scope)
        if self._mine is None or kept is None or kept.id != self._mine.id or time.monotonic() > self._until - _MARGIN:
            raise RotationFailed(
                "this call has lost its lock, or took too long; run the same command again to go on, "
                "or with --rollback to undo"
            )

    def _take(self, give_up_at: float) -> None:
        told = False
        while True:
            looked_at = time.monotonic()
            other = holder_of(self._scope)
            if other is None or (self._mine is not None and other.id == self._mine.id):
                mine = self._write()
                written_at = time.monotonic()
                if written_at - looked_at < _SETTLES:
                    time.sleep(_SETTLES)
                    kept = holder_of(self._scope)
                    if kept is not None and kept.id == mine.id:
                        self._until = written_at + LASTS
                        return
                if time.monotonic() >= give_up_at:
                    raise RotationFailed(
                        f"the lock in scope {self._scope.name} could not be taken: the workspace is too slow, or "
                        "others try too; nothing was changed; run it again"
                    )
                continue
            if not told:
                told = True
                self._waiting(other)
            if time.monotonic() >= give_up_at:
                raise RotationFailed(
                    f"{other.owner} is rotating {other.secret} (process {other.pid}, until "
                    f"{other.expires_at:%H:%M:%S} UTC); nothing was changed; run it again afterwards"
                )
            time.sleep(_LOOKS_EVERY)

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
            expires_at=now + timedelta(seconds=LASTS),
        )
        self._mine = mine
        self._scope.put(KEY, SecretStr(mine.model_dump_json()))
        return mine

    def _release(self) -> None:
        mine, self._mine = self._mine, None
        with contextlib.suppress(Exception):  # it runs out by itself
            kept = holder_of(self._scope)
            if mine is not None and kept is not None and kept.id == mine.id:
                self._scope.delete(KEY)


def _holds(holder: Holder) -> bool:
    if datetime.now(UTC) >= holder.expires_at:
        return False
    # A process of this very machine that is gone will not come back for its lock.
    return holder.machine != _machine() or not holder.machine or _lives(holder.pid)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _machine() -> str:
    """Empty where the system does not tell."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""
