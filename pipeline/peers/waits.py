"""Waits that another party names: a finite number of seconds within bounds of ours, or none.

What comes over the network may be of any type and size: a header's text, a date, a number of 400 digits, NaN. A wait
that nobody can mean is none: whoever asked then waits as long as it does without being told.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST = 3600.0
"""Seconds. After an hour we ask again, even if we are told to wait for longer."""
_BELIEVED = 86_400.0
"""Seconds. A longer wait is a mistake of the other side, such as a point in time in place of a span."""


def named_wait(said: object, now: datetime | None = None) -> float | None:
    """The seconds to wait, from 0 to `LONGEST`; None if nothing was said that can be a wait.

    `said`: a number, or a header's text: seconds, or a date as HTTP writes it. `now`: for such a date.
    """
    seconds = _seconds(said, now)
    return None if seconds is None or seconds > _BELIEVED else min(max(seconds, 0.0), LONGEST)


def finite(said: object) -> float | None:
    """A number, or the text of one, as a finite float; None for anything else."""
    if isinstance(said, bool) or not isinstance(said, (int, float, str)):
        return None
    try:
        number = float(said)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _seconds(said: object, now: datetime | None) -> float | None:
    number = finite(said)
    if number is not None or not isinstance(said, str):
        return number
    try:
        date = parsedate_to_datetime(said)
        left = (date.replace(tzinfo=date.tzinfo or UTC) - (now or datetime.now(UTC))).total_seconds()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    # A date that has passed says nothing: the clocks differ, or the response was long on its way.
    return left if left > 0 else None
