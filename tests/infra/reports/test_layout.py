"""The dashboard's definition: whole, free of overlaps, and the same each time."""

from __future__ import annotations

import json
import re
from itertools import combinations
from typing import Any

import pytest

from infra.reports import layout
from infra.reports.queries import Prices, daily, failures, totals

SILVER = "cat.telegram.silver"
PRICES = Prices(0.5, 1.5)


def _dashboard(prices: Prices = PRICES) -> Any:
    return json.loads(layout.serialized(SILVER, prices))


def _widgets(prices: Prices = PRICES) -> dict[str, Any]:
    [page] = _dashboard(prices)["pages"]
    return {item["widget"]["name"]: item["widget"] for item in page["layout"]}


def _field_names(encodings: Any) -> set[str]:
    """Every column that encodings show, however deep."""
    if isinstance(encodings, dict):
        own = {encodings["fieldName"]} if "fieldName" in encodings else set()
        return own.union(*(_field_names(value) for value in encodings.values()))
    return set().union(*(_field_names(value) for value in encodings)) if isinstance(encodings, list) else set()


def test_its_datasets_are_the_queries() -> None:
    assert {dataset["name"]: "".join(dataset["queryLines"]) for dataset in _dashboard()["datasets"]} == {
        "totals": totals(SILVER, PRICES),
        "daily": daily(SILVER, PRICES),
        "failures": failures(SILVER),
    }


def test_it_shows_every_measure_with_a_readable_title() -> None:
    assert [
        (widget["spec"]["widgetType"], widget["spec"]["frame"]["title"])
        for widget in _widgets().values()
        if "spec" in widget
    ] == [
        ("counter", "Messages"),
        ("counter", "Answer time, median (s)"),
        ("counter", "Answer time, 95th percentile (s)"),
        ("counter", "Answered with the fallback"),
        ("counter", "Delivery unknown"),
        ("counter", "Delivery failed"),
        ("bar", "Messages a day"),
        ("line", "Answer time: from arrival to delivery, without fixed answers (s)"),
        ("line", "Fallback, unknown and failure rates"),
        ("line", "Model time: from arrival to answer (s)"),
        ("bar", "Tokens a day, as the model counted them"),
        ("bar", "Cost estimate a day (USD)"),
        ("table", "Latest fallback answers and replies of unknown or failed delivery"),
    ]


def test_a_widget_shows_the_columns_that_it_asks_for() -> None:
    shown = 0
    for widget in _widgets().values():
        for query in widget.get("queries", []):
            asked = {field["name"] for field in query["query"]["fields"]}
            assert _field_names(widget["spec"]["encodings"]) == asked, widget["name"]
            shown += 1
    assert shown == 13


def test_names_are_valid_and_unique() -> None:
    [page] = _dashboard()["pages"]
    names = [item["widget"]["name"] for item in page["layout"]]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9-]+", name) for name in names)


def test_widgets_are_within_the_page_and_do_not_overlap() -> None:
    [page] = _dashboard()["pages"]
    taken = []
    for item in page["layout"]:
        at = item["position"]
        assert at["x"] + at["width"] <= layout.COLUMNS
        taken.append(
            {(x, y) for x in range(at["x"], at["x"] + at["width"]) for y in range(at["y"], at["y"] + at["height"])}
        )
    assert all(one.isdisjoint(other) for one, other in combinations(taken, 2))
    # Nor is there a gap.
    height = max(y for cells in taken for _, y in cells) + 1
    assert sum(map(len, taken)) == height * layout.COLUMNS


@pytest.mark.parametrize("prices", [Prices(), Prices(input_price=0.5), Prices(output_price=1.5)])
def test_without_both_prices_the_page_says_that_the_cost_is_unknown(prices: Prices) -> None:
    widget = _widgets(prices)["cost"]
    assert "queries" not in widget
    assert "unknown" in widget["multilineTextboxSpec"]["lines"][0]
    assert "input_price and output_price" in widget["multilineTextboxSpec"]["lines"][0]


def test_its_text_depends_on_nothing_but_the_table_and_the_prices() -> None:
    text = layout.serialized(SILVER, PRICES)
    assert text == json.dumps(json.loads(text), indent=2, sort_keys=True)
    assert text != layout.serialized(SILVER, Prices(0.5, 2))
