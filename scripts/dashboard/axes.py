"""The axes of a chart: which values they are marked at, and where a value is, in pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from itertools import pairwise
from typing import NamedTuple

from scripts.dashboard.values import number, shown

_DAY = 86400
_LABEL_WIDTH = 62
_CHARACTER = 6.6
"""Width of a character of a label, in pixels."""


class AxisMark(NamedTuple):
    """A value that is written beside the axis."""

    at: float
    label: str


class NumberAxis(NamedTuple):
    """An axis of numbers, from pixel `start` to pixel `end`."""

    lowest: float
    highest: float
    start: float
    end: float

    def at(self, value: float) -> float:
        return self.start + (value - self.lowest) / (self.highest - self.lowest) * (self.end - self.start)


def steps(lowest: float, highest: float, most: int = 5, least: float = 0.0) -> list[float]:
    """Round numbers that include 0 and span these two: about `most` steps, none smaller than `least`."""
    low, high = min(lowest, 0.0), max(highest, 0.0)
    if low == high:
        high = 1.0
    rough = max((high - low) / most, least)
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(count * step, 12) for count in range(first, last + 1)]


class PlaceAxis(NamedTuple):
    """Where the values of an axis of times or of names are: the middle of each, and the room that one has."""

    places: dict[object, float]
    room: float
    marks: tuple[AxisMark, ...]


def times(values: Sequence[object], start: float, end: float) -> PlaceAxis:
    """An axis of days or times, in proportion. A day on which there is nothing has its room all the same."""
    seconds = {value: _seconds(value) for value in values}
    known = sorted({second for second in seconds.values() if second is not None})
    if not known:
        return PlaceAxis({}, end - start, ())
    step = min((later - earlier for earlier, later in pairwise(known)), default=_DAY)
    room = (end - start) / ((known[-1] - known[0]) / step + 1)
    axis = NumberAxis(known[0] - step / 2, known[-1] + step / 2, start, end)
    # Each so many steps back from the last one, so that a label is under a mark.
    every = step * math.ceil((known[-1] - known[0] + step) / step * _LABEL_WIDTH / (end - start))
    form = "%d %b" if every >= _DAY else "%d %b %H:%M"
    marked = [known[-1] - count * every for count in range(int((known[-1] - known[0]) / every) + 1)][::-1]
    return PlaceAxis(
        {value: axis.at(second) for value, second in seconds.items() if second is not None},
        room,
        tuple(
            AxisMark(axis.at(second), f"{datetime.fromtimestamp(second, UTC):{form}}".lstrip("0")) for second in marked
        ),
    )


def names(values: Sequence[object], start: float, end: float, *, room_for_label: float | None = None) -> PlaceAxis:
    """An axis of names, evenly spaced in the order given. `room_for_label`: pixels of a label"""
    distinct = list(dict.fromkeys(values))
    room = (end - start) / max(len(distinct), 1)
    places = {value: start + (number + 0.5) * room for number, value in enumerate(distinct)}
    width = room if room_for_label is None else room_for_label
    return PlaceAxis(
        places, abs(room), tuple(AxisMark(at, shortened(shown(value), width)) for value, at in places.items())
    )


def shortened(text: str, pixels: float) -> str:
    """A text that is not wider than this; what is left out is `…`."""
    most = max(int(pixels / _CHARACTER), 1)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _seconds(value: object) -> float | None:
    if isinstance(value, datetime):
        return value.astimezone(UTC).timestamp()
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC).timestamp()
    return number(value)
