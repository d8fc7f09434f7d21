"""How often a source is looked at."""

from __future__ import annotations

EVERY = 0.25
"""Seconds between two looks at a source that costs little."""
_SHARE = 0.03
"""The part of the time that looking at one source may take."""
_MOST = 10.0


class LookInterval:
    """When a source may be looked at again: the longer the last look took, the later. For one thread."""

    def __init__(self) -> None:
        self._next = 0.0

    def due(self, now: float) -> bool:
        return now >= self._next

    def took(self, now: float, seconds: float) -> None:
        """The last look took this long, and ended `now`. Both are of a steady clock."""
        self._next = now + min(_MOST, max(EVERY, seconds / _SHARE))
