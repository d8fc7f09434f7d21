"""Counts a minute, and what is usual among the latest durations."""

from __future__ import annotations

from collections import deque
from statistics import median

WINDOW = 60.0
"""Seconds that a rate looks back."""
_MOST = 100


class Rate:
    """How many of something came within the last minute. For one thread; times are of a steady clock."""

    def __init__(self) -> None:
        self._counts: deque[tuple[float, int]] = deque()

    def add(self, now: float, count: int) -> None:
        if self._counts and now - self._counts[-1][0] < 1.0:
            at, before = self._counts.pop()
            self._counts.append((at, before + count))
        elif count:
            self._counts.append((now, count))

    def a_minute(self, now: float) -> int:
        while self._counts and now - self._counts[0][0] > WINDOW:
            self._counts.popleft()
        return sum(count for _, count in self._counts)


class Usual:
    """The middle one of the latest durations, in seconds; None where there is none."""

    def __init__(self) -> None:
        self._latest: deque[float] = deque(maxlen=_MOST)

    def add(self, seconds: float | None) -> None:
        if seconds is not None and seconds >= 0:
            self._latest.append(seconds)

    @property
    def seconds(self) -> float | None:
        return median(self._latest) if self._latest else None
