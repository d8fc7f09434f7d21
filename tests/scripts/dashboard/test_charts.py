"""Charts as SVG: each number has its mark, in proportion, with its words."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any
from xml.etree import ElementTree

import pytest

from scripts.dashboard.charts import PALETTE, chart, is_horizontal, pie, series_of
from scripts.dashboard.specs import ChartWidget, PieWidget

DAYS = [date(2026, 11, 24) + timedelta(days=day) for day in range(3)]
ROWS = [
    {"day": DAYS[0], "asked": 10, "replayed": 5},
    {"day": DAYS[1], "asked": 20, "replayed": None},
    {"day": DAYS[2], "asked": 40, "replayed": 0},
]


def _spec(kind: str = "bar", layout: str = "stack", **more: Any) -> ChartWidget:
    encodings = {
        "x": {"fieldName": "day", "scale": {"type": "temporal"}},
        "y": {
            "scale": {"type": "quantitative"},
            "fields": [
                {"fieldName": "asked", "displayName": "Asked"},
                {"fieldName": "replayed", "displayName": "Replayed"},
            ],
        },
        **more,
    }
    frame = {"title": "Messages <a day>", "showTitle": True}
    return ChartWidget.model_validate(
        {"widgetType": kind, "encodings": encodings, "mark": {"layout": layout}, "frame": frame}
    )


def _parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)  # noqa: S314 (our own)


def _drawn(svg: str, tag: str) -> list[dict[str, str]]:
    """The marks of a chart that say what they are, with their words as `title`."""
    root = _parsed(svg)
    return [{**mark.attrib, "title": mark.findtext("title") or ""} for mark in root.iter(tag)]


def test_bars_stand_on_each_other_in_proportion() -> None:
    asked, second, third, replayed = _drawn(chart(_spec(), ROWS, 500, 300), "rect")
    assert float(third["height"]) == pytest.approx(4 * float(asked["height"]), abs=0.3)
    assert float(second["height"]) == pytest.approx(2 * float(asked["height"]), abs=0.3)
    assert float(replayed["y"]) + float(replayed["height"]) == pytest.approx(float(asked["y"]), abs=0.2)
    assert (asked["fill"], replayed["fill"]) == PALETTE[:2]
    assert replayed["title"] == "2026-11-24, Replayed: 5"


def test_grouped_bars_stand_beside_each_other() -> None:
    asked, *_, replayed = _drawn(chart(_spec(layout="group"), ROWS, 500, 300), "rect")
    assert float(asked["x"]) + float(asked["width"]) == pytest.approx(float(replayed["x"]), abs=0.2)


def test_everything_is_within_the_picture() -> None:
    for kind in ("bar", "line", "area"):
        svg = chart(_spec(kind), ROWS, 500, 300)
        for mark in (*_drawn(svg, "rect"), *_drawn(svg, "circle"), *_drawn(svg, "line")):
            for name, value in mark.items():
                if name in ("x", "x1", "x2", "cx"):
                    assert 0 <= float(value) <= 500
                if name in ("y", "y1", "y2", "cy"):
                    assert 0 <= float(value) <= 300


def test_a_line_is_broken_where_there_is_no_number() -> None:
    svg = chart(_spec("line"), ROWS, 500, 300)
    lines = re.findall(r'<polyline points="([^"]+)"[^>]*stroke="([^"]+)"', svg)
    assert [(len(points.split()), color) for points, color in lines] == [
        (3, PALETTE[0]),
        (1, PALETTE[1]),
        (1, PALETTE[1]),
    ]
    assert [mark["title"] for mark in _drawn(svg, "circle")][-1] == "2026-11-26, Replayed: 0"


def test_areas_are_stacked() -> None:
    assert len(_drawn(chart(_spec("area"), ROWS, 500, 300), "polygon")) == 2


def test_the_values_of_a_column_can_be_the_series_and_equal_places_are_added() -> None:
    y = {"fieldName": "n", "scale": {"type": "quantitative"}}
    spec = _spec(y=y, color={"fieldName": "model"})
    rows = [{"day": DAYS[0], "n": 1, "model": "a"}, {"day": DAYS[0], "n": 2, "model": "a"}, {"day": DAYS[0], "n": 3}]
    assert [(one.label, one.values) for one in series_of(spec, rows)] == [("a", {DAYS[0]: 3.0}), ("–", {DAYS[0]: 3.0})]


def test_bars_with_names_on_the_y_axis_lie() -> None:
    x, y = (
        {"fieldName": "n", "scale": {"type": "quantitative"}},
        {"fieldName": "chat", "scale": {"type": "categorical"}},
    )
    spec = _spec(x=x, y=y)
    assert is_horizontal(spec)
    one, two = _drawn(chart(spec, [{"chat": "A", "n": 1}, {"chat": "B", "n": 2}], 500, 300), "rect")
    assert float(two["width"]) == pytest.approx(2 * float(one["width"]), abs=0.3)
    assert one["x"] == two["x"]


def test_a_chart_without_any_number_has_an_axis_all_the_same() -> None:
    svg = chart(_spec("line"), [{"day": DAYS[0], "asked": None, "replayed": None}], 500, 300)
    assert _drawn(svg, "line")
    assert not _drawn(svg, "circle")


def test_a_ring_shows_the_shares_largest_first() -> None:
    spec = PieWidget.model_validate(
        {"widgetType": "pie", "encodings": {"angle": {"fieldName": "n"}, "color": {"fieldName": "verdict"}}}
    )
    rows = [{"verdict": "bad <1>", "n": 1}, {"verdict": "good", "n": 3}]
    titles = [mark["title"] for mark in _drawn(pie(spec, rows, 400, 200), "circle") if mark["title"]]
    assert titles == ["good: 3 (75%)", "bad <1>: 1 (25%)"]
    assert pie(spec, [], 400, 200)


def test_a_picture_names_itself_and_escapes_what_it_shows() -> None:
    root = _parsed(chart(_spec(), ROWS, 500, 300))
    assert (root.get("role"), root.get("aria-label")) == ("img", "Messages <a day>")
