"""Ages and durations in words, for people."""

from __future__ import annotations

from datetime import UTC, datetime


def duration(seconds: float) -> str:
    """A duration in the largest unit that says enough of it."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def ago(then: datetime, now: datetime | None = None) -> str:
    """How long ago a time was. A time in the future counts as now: clocks differ."""
    return f"{duration(max(0.0, ((now or datetime.now(UTC)) - then).total_seconds()))} ago"
