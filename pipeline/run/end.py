"""When a run ends: once it is asked to stop, or at its deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from pipeline.errors import RunFailed


class End:
    """The end of one run. Any thread may call it; `request` is safe in a signal handler too."""

    def __init__(self, deadline: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """`deadline`: seconds from now, None for no deadline. `clock`: seconds of a steady clock."""
        self.clock = clock
        self.requested = threading.Event()
        """Set once the run was asked to stop. A deadline does not set it."""
        self._deadline_at = None if deadline is None else clock() + deadline

    def request(self) -> None:
        """Ask the run to stop."""
        self.requested.set()

    def check(self) -> None:
        """Raises RunFailed once the run was asked to stop, for a step that can't be interrupted itself."""
        if self.requested.is_set():
            raise RunFailed("the run was stopped while it started")

    @property
    def has_deadline(self) -> bool:
        return self._deadline_at is not None

    @property
    def reached(self) -> bool:
        """Whether the run was asked to stop, or its deadline has passed."""
        return self.requested.is_set() or (self._deadline_at is not None and self.clock() >= self._deadline_at)

    def wait(self, seconds: float) -> None:
        """Wait; a request to stop ends the wait early."""
        self.requested.wait(seconds)
