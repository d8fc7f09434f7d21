"""Charts as SVG: bars, lines and areas over an axis, and parts of a whole. Pure functions of rows and a size."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from scripts.dashboard.axes import NumberAxis, PlaceAxis, names, shortened, steps, times
from scripts.dashboard.specs import ChartWidget, NumberFormat, PieWidget, ShownColumn
from scripts.dashboard.values import Row, formatted, number, shown

PALETTE = (
    "#077a9d", "#ffab00", "#00a972", "#ff3621", "#8bcae7", "#ab4057", "#99ddb4", "#fca4a1", "#919191", "#bf7080",
)  # fmt: skip
"""The platform's colours, in its order."""

_TOP, _BOTTOM, _RIGHT = 10, 24, 16
_NAME_WIDTH = 120
_CHARACTER = 6.6


class Series(NamedTuple):
    """One line, or the bars of one colour: the number at each place of the axis."""

    label: str
    color: str
    values: dict[object, float | None]


class _Plot(NamedTuple):
    """What the marks of a chart are drawn with."""

    series: Sequence[Series]
    places: PlaceAxis
    numbers: NumberAxis
    form: NumberFormat


def is_horizontal(spec: ChartWidget) -> bool:
    """Whether the bars lie: their names are on the y axis."""
    return spec.widget_type == "bar" and _kind(spec, "y") == "categorical" and _kind(spec, "x") == "quantitative"


def series_of(spec: ChartWidget, rows: Sequence[Row]) -> list[Series]:
    """The series of a chart: one for each column of numbers, or for each value of the column `color`.

    Numbers of the same place and series are added.
    """
    place, columns = _roles(spec)
    color = spec.encodings.color
    found: dict[str, dict[object, float | None]] = {} if color else {column.label: {} for column in columns}
    for row in rows:
        for column in columns:
            label = shown(row.get(color.field_name)) if color else column.label
            values = found.setdefault(label, {})
            key, value = row.get(place.field_name), number(row.get(column.field_name))
            before = values.get(key)
            values[key] = value if before is None else before + (value or 0.0)
    return [Series(label, PALETTE[i % len(PALETTE)], values) for i, (label, values) in enumerate(found.items())]


def chart(spec: ChartWidget, rows: Sequence[Row], width: float, height: float) -> str:
    """A bar, line or area chart of this size in pixels."""
    series = series_of(spec, rows)
    form = _roles(spec)[1][0].format or NumberFormat()
    stacked = spec.widget_type == "area" or (spec.widget_type == "bar" and spec.mark.layout == "stack")
    # Of counts, only whole numbers are marked.
    whole = form.decimal_places is not None and form.decimal_places.places == 0 and form.type != "number-percent"
    marks = steps(*_span(series, stacked), least=1.0 if whole else 0.0)
    labels = [formatted(mark, form) for mark in marks]
    values = list(dict.fromkeys(value for one in series for value in one.values))
    if is_horizontal(spec):
        left, bottom = float(_NAME_WIDTH), height - _BOTTOM
        numbers = NumberAxis(marks[0], marks[-1], left, width - 30)
        places = names(values, _TOP, bottom, room_for_label=_NAME_WIDTH - 8)
        grid = [_line(x := numbers.at(mark), _TOP, x, bottom, mark == 0) for mark in marks]
        grid += [_label(numbers.at(mark), height - 7, text, "middle") for mark, text in zip(marks, labels, strict=True)]
        grid += [_label(left - 8, at + 4, text, "end") for at, text in places.marks]
    else:
        left, bottom = max(len(label) for label in labels) * _CHARACTER + 12, height - _BOTTOM
        numbers = NumberAxis(marks[0], marks[-1], bottom, _TOP)
        temporal = _kind(spec, "x") == "temporal"
        places = (times if temporal else names)(values, left, width - _RIGHT)
        grid = [_line(left, y := numbers.at(mark), width - _RIGHT, y, mark == 0) for mark in marks]
        grid += [_label(left - 8, numbers.at(mark) + 4, text, "end") for mark, text in zip(marks, labels, strict=True)]
        grid += [_label(at, height - 7, text, "middle") for at, text in places.marks]
    plot = _Plot(series, places, numbers, form)
    if spec.widget_type == "bar":
        drawn = _bars(plot, stacked=stacked, horizontal=is_horizontal(spec))
    elif spec.widget_type == "area":
        drawn = _areas(plot)
    else:
        drawn = _lines(plot)
    return _svg(spec.frame.title, width, height, [*grid, *drawn])


def pie(spec: PieWidget, rows: Sequence[Row], width: float, height: float) -> str:
    """A ring of the parts, largest first, with their shares beside it."""
    angle, color = spec.encodings.angle, spec.encodings.color
    amounts: dict[str, float] = {}
    for row in rows:
        label = shown(row.get(color.field_name))
        amounts[label] = amounts.get(label, 0.0) + max(number(row.get(angle.field_name)) or 0.0, 0.0)
    whole = sum(amounts.values())
    form = angle.format or NumberFormat()
    radius = min(height / 2 - 8, width / 4)
    x, y = radius + 16, height / 2
    drawn, turned = [], 0.0
    ordered = sorted(amounts.items(), key=lambda part: -part[1])
    for i, (label, amount) in enumerate(ordered):
        share = amount / whole if whole else 0.0
        fill = PALETTE[i % len(PALETTE)]
        text = f"{label}: {formatted(amount, form)} ({share:.0%})"
        drawn.append(_sector(x, y, radius, turned, share, fill, text))
        at = y - 11 * len(ordered) + 22 * i + 11
        drawn.append(f'<circle cx="{2 * radius + 44:.1f}" cy="{at:.1f}" r="5" fill="{fill}"/>')
        drawn.append(_label(2 * radius + 56, at + 4, shortened(text, width - 2 * radius - 60), "start"))
        turned += share
    return _svg(spec.frame.title, width, height, drawn)


def _roles(spec: ChartWidget) -> tuple[ShownColumn, tuple[ShownColumn, ...]]:
    """The column of places, and the columns of numbers."""
    x, y = spec.encodings.x, spec.encodings.y
    return (y.fields[0], x.fields) if is_horizontal(spec) else (x.fields[0], y.fields)


def _kind(spec: ChartWidget, side: str) -> str:
    columns = spec.encodings.x if side == "x" else spec.encodings.y
    scale = columns.scale or columns.fields[0].scale
    return scale.type if scale else "categorical"


def _span(series: Sequence[Series], stacked: bool) -> tuple[float, float]:
    """The lowest and the highest that is drawn."""
    values = [value for one in series for value in one.values.values() if value is not None]
    if not stacked:
        return min(values, default=0.0), max(values, default=0.0)
    up: dict[object, float] = {}
    down: dict[object, float] = {}
    for one in series:
        for key, value in one.values.items():
            side = up if (value or 0.0) >= 0 else down
            side[key] = side.get(key, 0.0) + (value or 0.0)
    return min(down.values(), default=0.0), max(up.values(), default=0.0)


def _bars(plot: _Plot, *, stacked: bool, horizontal: bool) -> Iterable[str]:
    room = plot.places.room * 0.72
    beside = 1 if stacked else len(plot.series)
    ends: dict[tuple[object, bool], float] = {}
    for i, one in enumerate(plot.series):
        for key, value in one.values.items():
            if not value or key not in plot.places.places:
                continue
            base = ends.get((key, value > 0), 0.0) if stacked else 0.0
            ends[key, value > 0] = base + value
            low, high = sorted((plot.numbers.at(base), plot.numbers.at(base + value)))
            thick = room / beside
            side = plot.places.places[key] - room / 2 + (0 if stacked else i * thick)
            x, y, w, h = (low, side, high - low, thick) if horizontal else (side, low, thick, high - low)
            yield (
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" fill="{one.color}">'
                f"{_tip(one, key, value, plot.form)}</rect>"
            )


def _lines(plot: _Plot) -> Iterable[str]:
    for one in plot.series:
        points = [
            (at, None if value is None else plot.numbers.at(value))
            for key, at in plot.places.places.items()
            for value in [one.values.get(key)]
        ]
        for run in _runs(sorted(points, key=lambda point: point[0])):
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in run)
            yield f'<polyline points="{path}" fill="none" stroke="{one.color}" stroke-width="2"/>'
        for key, value in one.values.items():
            if value is not None and key in plot.places.places:
                at = f'cx="{plot.places.places[key]:.1f}" cy="{plot.numbers.at(value):.1f}"'
                yield f'<circle {at} r="2.5" fill="{one.color}">{_tip(one, key, value, plot.form)}</circle>'


def _areas(plot: _Plot) -> Iterable[str]:
    base = dict.fromkeys(plot.places.places, 0.0)
    order = sorted(plot.places.places.items(), key=lambda place: place[1])
    for one in plot.series:
        top = {key: base[key] + (one.values.get(key) or 0.0) for key in base}
        path = [f"{at:.1f},{plot.numbers.at(top[key]):.1f}" for key, at in order]
        path += [f"{at:.1f},{plot.numbers.at(base[key]):.1f}" for key, at in reversed(order)]
        shape = f'points="{" ".join(path)}" fill="{one.color}" fill-opacity="0.75"'
        yield f"<polygon {shape}><title>{html.escape(one.label)}</title></polygon>"
        base = top


def _runs(points: Iterable[tuple[float, float | None]]) -> Iterable[list[tuple[float, float]]]:
    """The pieces of a line: where there is no number, it is broken."""
    run: list[tuple[float, float]] = []
    for x, y in points:
        if y is not None:
            run.append((x, y))
        elif run:
            yield run
            run = []
    if run:
        yield run


def _sector(x: float, y: float, radius: float, turned: float, share: float, fill: str, text: str) -> str:
    hole = radius * 0.55
    middle = (radius + hole) / 2
    # A stroke along the ring: its dashes are the share, and what is left.
    around = 2 * math.pi * middle
    dashes = f'stroke-dasharray="{share * around:.2f} {around:.2f}"'
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{middle:.1f}" fill="none" stroke="{fill}" '
        f'stroke-width="{radius - hole:.1f}" {dashes} transform="rotate({turned * 360 - 90:.2f} {x:.1f} {y:.1f})">'
        f"<title>{html.escape(text)}</title></circle>"
    )


def _tip(one: Series, key: object, value: float, form: NumberFormat) -> str:
    return f"<title>{html.escape(f'{shown(key)}, {one.label}: {formatted(value, form)}')}</title>"


def _line(x1: float, y1: float, x2: float, y2: float, strong: bool) -> str:
    color = "#9aa5ad" if strong else "#e6eaed"
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color}"/>'


def _label(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(text)}</text>'


def _svg(title: str, width: float, height: float, parts: Iterable[str]) -> str:
    return (
        f'<svg role="img" aria-label="{html.escape(title)}" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}">{"".join(parts)}</svg>'
    )
