"""How long to wait before the next attempt."""

from __future__ import annotations


def backoff(failures: int, first: float, longest: float) -> float:
    """Seconds to wait after so many failures: `first` after one, twice as long after each more, at most `longest`."""
    # A larger exponent makes no difference, until at last the power is too large for a float.
    return min(first * 2.0 ** min(failures - 1, 20), longest)
