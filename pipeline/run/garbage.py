"""How often Python looks for garbage that only cycles keep, while a run is under way."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

_THRESHOLDS = (20_000, 20, 50)
"""Objects more than before, then how often the generation below was looked at: see `gc.set_threshold`."""


@contextlib.contextmanager
def rare_collections() -> Iterator[None]:
    """Have Python look seldom meanwhile, and never at what is there already.

    While it looks, no thread does anything else. By default it looks after 700 objects: under traffic that was a
    fifth of the time, since thousands of open replies are looked at again and again, and little of it is garbage.
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
