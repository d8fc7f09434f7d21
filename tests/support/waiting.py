"""Waiting for another thread, with a bound."""

import time
from collections.abc import Callable


def eventually(condition: Callable[[], object], within: float = 5.0) -> None:
    """Return as soon as the condition holds; fail after `within` seconds."""
    until = time.monotonic() + within
    while not condition():
        assert time.monotonic() < until, "this never came true"
        time.sleep(0.002)
