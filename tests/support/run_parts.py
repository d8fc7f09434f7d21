"""Stand-ins for time and threads in the tests of a run: nothing waits, and nothing runs by itself."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.run.end import End
from pipeline.run.threads.background import Background


class SteppedEnd(End):
    """The end of a run whose clock moves only when somebody waits."""

    def __init__(self, deadline: float | None = None, request_after: int | None = None) -> None:
        """`request_after`: how many waits it takes until the run is asked to stop."""
        self.now = 1000.0
        self.waits: list[float] = []
        self._request_after = request_after
        super().__init__(deadline, lambda: self.now)

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        assert len(self.waits) < 1000, "this never ends"
        self.now += seconds
        if len(self.waits) == self._request_after:
            self.request()


class Work:
    """Work in the background that ends when the test says so."""

    def __init__(self, name: str, action: Callable[[], None]) -> None:
        self.name = name
        self.joined: list[float | None] = []
        self.ends_when_joined = False
        self._action = action
        self._alive = True

    def end(self) -> None:
        self._action()
        self._alive = False

    def is_alive(self) -> bool:
        return self._alive

    def join(self, timeout: float | None = None) -> None:
        self.joined.append(timeout)
        if self.ends_when_joined:
            self.end()


class Works:
    """Starts such work; all of it, in order."""

    def __init__(self) -> None:
        self.all: list[Work] = []
        self.end_when_joined = False

    def __call__(self, name: str, action: Callable[[], None]) -> Background:
        work = Work(name, action)
        work.ends_when_joined = self.end_when_joined
        self.all.append(work)
        return work

    @property
    def last(self) -> Work:
        return self.all[-1]
