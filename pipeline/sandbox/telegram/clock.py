"""The time of one simulated Telegram: it passes by itself, and a test can move it ahead."""

from collections.abc import Callable


class MovableClock:
    """Two clocks that are moved together."""

    def __init__(self, monotonic: Callable[[], float], now: Callable[[], float]) -> None:
        """`monotonic`: monotonic seconds. `now`: seconds since the epoch."""
        self._monotonic = monotonic
        self._now = now
        self.ahead = 0.0
        """By how many seconds it was moved."""

    def monotonic(self) -> float:
        return self._monotonic() + self.ahead

    def now(self) -> float:
        return self._now() + self.ahead

    def move(self, seconds: float) -> None:
        """Let `seconds` pass at once. ValueError for a negative number: time does not go back."""
        if seconds < 0:
            raise ValueError("the clock can only be moved ahead")
        self.ahead += seconds
