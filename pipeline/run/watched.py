"""What a supervisor needs of each part of a run that it watches."""

from __future__ import annotations

from typing import Protocol


class WatchedIntake(Protocol):
    @property
    def done(self) -> bool: ...

    def check(self, now: float) -> None: ...


class WatchedQuery(Protocol):
    @property
    def begun(self) -> int: ...

    @property
    def busy(self) -> bool: ...

    @property
    def oversized(self) -> bool: ...

    def check(self, now: float) -> None: ...

    def catch_up(self) -> bool: ...

    def finish(self) -> bool: ...

    def renew(self) -> None: ...


class WatchedLanes(Protocol):
    @property
    def open(self) -> int: ...

    def check(self) -> None: ...


class WatchedWriter(Protocol):
    @property
    def idle(self) -> bool: ...

    def check(self) -> None: ...


class WatchedJournal(Protocol):
    def compact(self) -> None: ...


class WatchedLanding(Protocol):
    def keep_house(self) -> None: ...


class WatchedLease(Protocol):
    def check(self) -> None: ...


class WatchedRecorder(Protocol):
    def set(self, **values: object) -> None: ...

    def save(self, always: bool = False) -> None: ...
