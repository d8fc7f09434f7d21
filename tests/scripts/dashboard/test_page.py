"""The pages as HTML: what a widget shows, in its place, whatever its rows are."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.dashboard.definition import DashboardDefinition
from scripts.dashboard.page import dashboard_html
from scripts.dashboard.results import QueryFailure, Result
from scripts.dashboard.specs import WidgetQuery


def _dashboard(*widgets: dict[str, Any], dataset: str = "d") -> DashboardDefinition:
    asked = {"queries": [{"query": {"datasetName": dataset, "fields": [], "disaggregated": True}}]}
    layout = [
        {
            "widget": {**({} if "textbox_spec" in widget else asked), **widget},
            "position": {"x": 0, "y": 5 * i, "width": 6, "height": 5},
        }
        for i, widget in enumerate(widgets)
    ]
    page = {"name": "feedback", "displayName": "Feed & back", "layout": layout}
    return DashboardDefinition.model_validate(
        {"datasets": [{"name": "d", "queryLines": ["SELECT\n", "1"]}], "pages": [page]}
    )


def _widget(kind: str, encodings: dict[str, Any], name: str = "w") -> dict[str, Any]:
    frame = {"title": "Title <1>", "showTitle": True}
    return {"name": name, "spec": {"widgetType": kind, "encodings": encodings, "frame": frame}}


def _html(result: Result, *widgets: dict[str, Any], **more: Any) -> str:
    return dashboard_html(_dashboard(*widgets, **more), lambda sql, query: result, "Rows of <nobody>")


COUNTER = _widget("counter", {"value": {"fieldName": "n", "displayName": "N"}})
TABLE = _widget("table", {"columns": [{"fieldName": "n", "displayName": "N"}, {"fieldName": "who", "title": "Who"}]})
BAR = _widget("bar", {"x": {"fieldName": "who"}, "y": {"fieldName": "n", "displayName": "Votes"}})


def test_a_page_has_its_title_and_a_note_on_its_rows() -> None:
    html = _html([], {"name": "t", "textbox_spec": "Some **bold** words"})
    assert (
        '<section class="page" id="page-feedback"><h2>Feed &amp; back<small>Rows of &lt;nobody&gt;</small></h2>' in html
    )
    assert '<a href="#page-feedback">Feed &amp; back</a>' in html
    assert "<strong>bold</strong>" in html


def test_a_counter_shows_its_number_or_that_there_is_none() -> None:
    assert '<p class="value">12</p>' in _html([{"n": 12}], COUNTER)
    assert '<p class="value">–</p>' in _html([{"n": None}], COUNTER)
    assert '<p class="value">–</p>' in _html([], COUNTER)
    assert "<h3>Title &lt;1&gt;</h3>" in _html([], COUNTER)


def test_a_table_has_a_row_for_each_row() -> None:
    html = _html([{"n": 1, "who": "<Ada>"}, {"n": None, "who": "Bob"}], TABLE)
    assert '<th class="number">N</th><th>Who</th>' in html
    assert (
        '<tr><td class="number">1</td><td>&lt;Ada&gt;</td></tr><tr><td class="number">–</td><td>Bob</td></tr>' in html
    )


def test_a_chart_has_a_legend() -> None:
    html = _html([{"who": "Ada", "n": 3}], BAR)
    assert "</i>Votes</li>" in html
    assert "<title>Ada, Votes: 3</title>" in html


@pytest.mark.parametrize("widget", [TABLE, BAR])
def test_a_widget_without_rows_says_so(widget: dict[str, Any]) -> None:
    assert '<p class="empty">No data</p>' in _html([], widget)


def test_a_failed_query_is_shown_in_its_widgets_place_and_the_others_stay() -> None:
    asked: list[str] = []

    def ask(sql: str, query: WidgetQuery) -> Result:
        asked.append(sql)
        return QueryFailure("no column <x>") if len(asked) == 1 else [{"n": 7}]

    html = dashboard_html(_dashboard(TABLE, {**COUNTER, "name": "other"}), ask, "")
    assert asked == ["SELECT\n1"] * 2
    failed, other = html.split('data-widget="other"')
    assert "This can’t be shown: no column &lt;x&gt;" in failed
    assert '<p class="value">7</p>' in other


def test_a_dataset_that_does_not_exist_is_named_in_the_widgets_place() -> None:
    assert "the definition has no dataset &#x27;nowhere&#x27;" in _html([], TABLE, dataset="nowhere")


def test_a_filter_is_shown_and_filters_nothing() -> None:
    assert '<p class="filter">All</p>' in _html([], _widget("filter-multi-select", {}))


def test_html_in_a_text_is_text_and_a_script_is_no_link() -> None:
    html = _html([], {"name": "t", "textbox_spec": "<script>alert(1)</script> [x](javascript:alert(1))"})
    assert "<script" not in html
    assert 'href="javascript' not in html
