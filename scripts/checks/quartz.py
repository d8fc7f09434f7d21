"""Quartz cron expressions, as a job's schedule has them: when a schedule was last due.

https://www.quartz-scheduler.org/documentation/quartz-2.3.0/tutorials/crontrigger.html
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_BOUNDS = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (1, 7), (1970, 2099))
_LOOK_BACK = timedelta(days=400)


def last_due(expression: str, zone: str, now: datetime, count: int = 2) -> list[datetime] | None:
    """The last times, newest first, at which a schedule was due before `now`, to the minute.

    Fewer than `count` if it was due less often within 400 days. None if the expression uses L, W or #, which are not
    supported here, or if the time zone is unknown.
    """
    pieces = expression.upper().split()
    if len(pieces) not in (6, 7):
        return None
    try:
        seconds, minutes, hours, days, months, weekdays, years = (
            _values(piece, *bounds) for piece, bounds in zip([*pieces, "*"][:7], _BOUNDS, strict=True)
        )
        local = now.astimezone(ZoneInfo(zone))
    except (ValueError, ZoneInfoNotFoundError):
        return None
    if not seconds:
        return None
    found: list[datetime] = []
    day = local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    oldest = day - _LOOK_BACK
    while day >= oldest and len(found) < count:
        # Quartz counts from Sunday, Python from Monday.
        if day.year in years and day.month in months and day.day in days and (day.weekday() + 1) % 7 + 1 in weekdays:
            times = [
                (day + timedelta(hours=hour, minutes=minute)).replace(tzinfo=local.tzinfo)
                for hour in sorted(hours, reverse=True)
                for minute in sorted(minutes, reverse=True)
            ]
            found += [time for time in times if time <= local][: count - len(found)]
        day -= timedelta(days=1)
    return found


def _values(piece: str, lowest: int, highest: int) -> frozenset[int]:
    """The numbers that one field means. Raises ValueError."""
    if piece in ("*", "?"):
        return frozenset(range(lowest, highest + 1))
    return frozenset(number for part in piece.split(",") for number in _part(part, lowest, highest))


def _part(part: str, lowest: int, highest: int) -> Sequence[int]:
    span, slash, step = part.partition("/")
    first, dash, last = span.partition("-")
    begin = lowest if first == "*" else _number(first)
    open_ended = slash or first == "*"
    end = _number(last) if dash else highest if open_ended else begin
    if not lowest <= begin <= highest or not lowest <= end <= highest:
        raise ValueError(part)
    return range(begin, end + 1, int(step) if slash else 1)


def _number(text: str) -> int:
    for names in (_MONTHS, _DAYS):
        if text in names:
            return names.index(text) + 1
    return int(text)
