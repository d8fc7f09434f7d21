"""How long a call to another party may take in all, and how many bytes its response may have.

The timeouts of HTTP clients are for one read: they begin again with each byte, so a peer that sends a byte a second
outlives them, and no client limits what it reads into memory. Here a call has one deadline for everything, from the
first connection to the last byte of the body. Whoever reads from a socket asks before each read what is left.
"""

from __future__ import annotations

import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

MIB = 1 << 20

_NEAR_ENOUGH = 1.01
"""How much longer than what is left of a call a socket may wait."""
_LOOK_EVERY = 0.2
"""Seconds between two looks whether the response is still wanted."""


class TooLate(TimeoutError):
    """The call's deadline has passed."""


class TooLarge(OSError):
    """The response has more bytes than the call allows."""


class GivenUp(OSError):
    """Nobody wants the response any more."""


class Bounds:
    """What is left of one call's time and size. For the one thread that makes the call."""

    def __init__(
        self,
        seconds: float,
        most_bytes: int,
        clock: Callable[[], float] = time.monotonic,
        given_up: Callable[[], bool] | None = None,
    ) -> None:
        """`clock`: seconds of a steady clock. `given_up`: whether nobody wants the response any more."""
        self.most_bytes = most_bytes
        self.broken: str | None = None
        """Which of the bounds the response broke, in words; None if it kept them."""
        self.longest_read = math.inf if given_up is None else _LOOK_EVERY
        """Seconds after which a read that has brought nothing asks again what is left."""
        self._clock = clock
        self._given_up = given_up
        self._seconds = seconds
        self._deadline = clock() + seconds
        self._bytes = 0

    def begin(self) -> None:
        """Count the seconds from now on, since connecting had a time of its own."""
        self._deadline = self._clock() + self._seconds

    def left(self) -> float:
        """Seconds that are left, more than none. Raises TooLate, and GivenUp."""
        if self._given_up is not None and self._given_up():
            raise GivenUp("given up")
        left = self._deadline - self._clock()
        if left <= 0:
            raise self.late()
        return left

    def shorten(self, seconds: float) -> None:
        """Leave no more than so many seconds."""
        self._deadline = min(self._deadline, self._clock() + seconds)

    def late(self) -> TooLate:
        """The error to raise after a read that took all the time that was left."""
        self.broken = "no response in time"
        return TooLate(self.broken)

    def take(self, count: int) -> None:
        """Count bytes that were read. Raises TooLarge."""
        self._bytes += count
        if self._bytes > self.most_bytes:
            self.broken = f"the response has more than {self.most_bytes} bytes"
            raise TooLarge(self.broken)


_calls = threading.local()


@contextmanager
def bounded(bounds: Bounds) -> Iterator[Bounds]:
    """Apply bounds to every call that this thread makes in the block."""
    before = getattr(_calls, "bounds", None)
    _calls.bounds = bounds
    try:
        yield bounds
    finally:
        _calls.bounds = before


def current_bounds() -> Bounds:
    """The bounds of this thread's call. Raises RuntimeError outside `bounded`: no call is without bounds."""
    bounds: Bounds | None = getattr(_calls, "bounds", None)
    if bounds is None:
        raise RuntimeError("a call without bounds")
    return bounds


def wait_at_most(connection: socket.socket, seconds: float, least: float) -> None:
    """Have each read and write of a socket wait so long at most, and at least `least` seconds.

    What it has is kept while that is near enough: each system call also lets all other threads go first.
    """
    timeout = connection.gettimeout()
    if timeout is None or not least <= timeout <= _NEAR_ENOUGH * seconds:
        connection.settimeout(seconds)
