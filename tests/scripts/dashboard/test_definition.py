"""The dashboard's definition is read whole, and what can't be drawn is named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra.reports.queries import TokenPrices
from scripts.dashboard.definition import DefinitionError, current, read
from scripts.dashboard.grid import overlapping
from scripts.dashboard.specs import ChartWidget, CounterWidget


def _definition(widget: dict[str, Any]) -> str:
    place = {"x": 0, "y": 0, "width": 6, "height": 2}
    return json.dumps({"datasets": [], "pages": [{"name": "p", "layout": [{"widget": widget, "position": place}]}]})


def _widget(kind: str, **encodings: Any) -> dict[str, Any]:
    return {"name": "w", "spec": {"widgetType": kind, "encodings": encodings}}


@pytest.mark.parametrize("prices", [TokenPrices(), TokenPrices(0.5, 1.5), TokenPrices(0.5, 1.5, 20)])
def test_what_is_deployed_can_be_drawn_and_no_widget_overlaps_another(prices: TokenPrices) -> None:
    dashboard = read(current(prices))
    assert dashboard.pages
    for page in dashboard.pages:
        assert page.layout
        assert overlapping(page) == []
        for item in page.layout:
            query = item.widget.query
            assert query is None or dashboard.dataset(query.dataset_name) is not None, item.widget.name


def test_a_widget_says_what_it_shows_and_asks() -> None:
    counter = _widget("counter", value={"fieldName": "n", "displayName": "Number"})
    counter["queries"] = [{"name": "q", "query": {"datasetName": "d", "fields": [], "disaggregated": True}}]
    [item] = read(_definition(counter)).pages[0].layout
    assert isinstance(item.widget.spec, CounterWidget)
    assert item.widget.spec.encodings.value.label == "Number"
    assert item.widget.query is not None
    assert item.widget.query.dataset_name == "d"


@pytest.mark.parametrize("y", [{"fieldName": "n"}, {"fields": [{"fieldName": "n"}]}])
def test_an_axis_has_one_column_or_several(y: dict[str, Any]) -> None:
    [item] = read(_definition(_widget("bar", x={"fieldName": "day"}, y=y))).pages[0].layout
    assert isinstance(item.widget.spec, ChartWidget)
    assert [column.field_name for column in item.widget.spec.encodings.y.fields] == ["n"]


def test_an_unknown_kind_of_widget_is_named_with_its_place() -> None:
    with pytest.raises(DefinitionError, match=r"widget 'w' of page 'p' is of the kind 'hologram'.* it knows counter"):
        read(_definition(_widget("hologram")))


def test_a_widget_of_nothing_is_named() -> None:
    with pytest.raises(DefinitionError, match="widget 'w' of page 'p' has neither a spec nor a text"):
        read(_definition({"name": "w"}))


def test_a_missing_field_is_named() -> None:
    with pytest.raises(DefinitionError, match=r"spec\.counter\.encodings\.value: Field required"):
        read(_definition(_widget("counter")))


def test_what_is_not_json_is_refused_in_one_line() -> None:
    with pytest.raises(DefinitionError, match="is not JSON"):
        read("{")
