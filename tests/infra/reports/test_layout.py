"""The dashboard's definition: whole, free of overlaps, and the same each time."""

from __future__ import annotations

import json
import re
from itertools import combinations
from typing import Any

import pytest

from infra.reports import layout, queries
from infra.reports.pages.widgets import COLUMNS
from infra.reports.queries import TokenPrices

SILVER, ANSWERS = "cat.telegram.silver", "cat.telegram.answers"
SOURCES = layout.Sources(SILVER, ANSWERS)
PRICES = TokenPrices(0.5, 1.5, price_a_month=20)
PAGES = ("overview", "feedback", "spending")


def _dashboard(prices: TokenPrices = PRICES) -> Any:
    return json.loads(layout.serialized(SOURCES, prices))


def _widgets(prices: TokenPrices = PRICES, *pages: str) -> dict[str, Any]:
    """The widgets of some pages, or of all, by their names."""
    shown = [page for page in _dashboard(prices)["pages"] if page["name"] in (pages or PAGES)]
    return {item["widget"]["name"]: item["widget"] for page in shown for item in page["layout"]}


def _titles(page: str, prices: TokenPrices = PRICES) -> list[tuple[str, str]]:
    """The kind and the title of each widget of a page that shows rows."""
    return [
        (widget["spec"]["widgetType"], widget["spec"]["frame"]["title"])
        for widget in _widgets(prices, page).values()
        if "spec" in widget
    ]


def _field_names(encodings: Any) -> set[str]:
    """Every column that encodings show, however deep."""
    if isinstance(encodings, dict):
        own = {encodings["fieldName"]} if "fieldName" in encodings else set()
        return own.union(*(_field_names(value) for value in encodings.values()))
    return set().union(*(_field_names(value) for value in encodings)) if isinstance(encodings, list) else set()


def test_its_datasets_are_the_queries() -> None:
    assert {dataset["name"]: "".join(dataset["queryLines"]) for dataset in _dashboard()["datasets"]} == {
        "totals": queries.totals(SILVER, PRICES),
        "daily": queries.daily(SILVER, PRICES),
        "failures": queries.failures(SILVER),
        "votes": queries.votes_in_total(ANSWERS),
        "votes_daily": queries.votes_a_day(ANSWERS),
        "disliked": queries.disliked(ANSWERS),
        "spent": queries.spent_this_month(SILVER, PRICES),
        "spent_daily": queries.spent_a_day(SILVER, PRICES),
        "spent_by_chat": queries.spent_by_chat(SILVER, PRICES),
        "spent_by_user": queries.spent_by_user(SILVER, PRICES),
    }


def test_it_has_a_page_for_each_question_of_its_readers() -> None:
    pages = _dashboard()["pages"]
    assert [(page["name"], page["displayName"]) for page in pages] == [
        ("overview", "Overview"),
        ("feedback", "Feedback"),
        ("spending", "Spending"),
    ]


def test_the_overview_shows_every_measure_with_a_readable_title() -> None:
    assert _titles("overview") == [
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


def test_the_page_of_feedback_shows_votes_their_share_and_the_latest_against() -> None:
    assert _titles("feedback") == [
        ("counter", "Votes 👍"),
        ("counter", "Votes 👎"),
        ("counter", "Answers with a vote"),
        ("bar", "Votes on the answers of each day"),
        ("line", "Answers with a vote, and votes that are 👍"),
        ("table", "Latest answers with 👎"),
    ]


SPENDING = [
    ("counter", "Tokens today"),
    ("counter", "Tokens this month"),
    ("counter", "Questions that met a ceiling this month"),
    ("counter", "Price this month (USD)"),
    ("counter", "Share of this month's ceiling of 20 USD"),
    ("bar", "Tokens charged a day"),
    ("bar", "Questions that met a ceiling"),
    ("bar", "Price a day (USD)"),
    ("table", "Chats that cost most"),
    ("table", "Users who cost most"),
]


def test_the_page_of_spending_shows_tokens_prices_ceilings_and_who_costs_most() -> None:
    assert _titles("spending") == SPENDING


def test_without_a_ceiling_for_the_month_the_page_of_spending_names_the_setting_in_its_place() -> None:
    assert _titles("spending", TokenPrices(0.5, 1.5)) == [one for one in SPENDING if "Share" not in one[1]]
    assert "price_a_month" in _widgets(TokenPrices(0.5, 1.5))["price-share"]["multilineTextboxSpec"]["lines"][0]


def test_without_prices_the_page_of_spending_shows_tokens_alone() -> None:
    assert _titles("spending", TokenPrices()) == [one for one in SPENDING if "USD" not in one[1]]
    assert "input_price and output_price" in _widgets(TokenPrices())["price"]["multilineTextboxSpec"]["lines"][0]
    assert "`price`" not in str([widget.get("queries") for widget in _widgets(TokenPrices(), "spending").values()])


def test_a_widget_shows_the_columns_that_it_asks_for() -> None:
    shown = 0
    for widget in _widgets().values():
        for query in widget.get("queries", []):
            asked = {field["name"] for field in query["query"]["fields"]}
            assert _field_names(widget["spec"]["encodings"]) == asked, widget["name"]
            shown += 1
    assert shown == 13 + 6 + 10


def test_names_are_valid_and_unique() -> None:
    names = [item["widget"]["name"] for page in _dashboard()["pages"] for item in page["layout"]]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9-]+", name) for name in names)


@pytest.mark.parametrize("number", range(len(PAGES)), ids=PAGES)
@pytest.mark.parametrize(
    "prices", [TokenPrices(), TokenPrices(0.5, 1.5), PRICES], ids=["no prices", "prices", "ceiling"]
)
def test_widgets_are_within_the_page_and_do_not_overlap(number: int, prices: TokenPrices) -> None:
    taken = []
    for item in _dashboard(prices)["pages"][number]["layout"]:
        at = item["position"]
        assert at["x"] + at["width"] <= COLUMNS
        taken.append(
            {(x, y) for x in range(at["x"], at["x"] + at["width"]) for y in range(at["y"], at["y"] + at["height"])}
        )
    assert all(one.isdisjoint(other) for one, other in combinations(taken, 2))
    # Nor is there a gap.
    height = max(y for cells in taken for _, y in cells) + 1
    assert sum(map(len, taken)) == height * COLUMNS


@pytest.mark.parametrize("prices", [TokenPrices(), TokenPrices(input_price=0.5), TokenPrices(output_price=1.5)])
def test_without_both_prices_the_page_says_that_the_cost_is_unknown(prices: TokenPrices) -> None:
    widget = _widgets(prices)["cost"]
    assert "queries" not in widget
    assert "unknown" in widget["multilineTextboxSpec"]["lines"][0]
    assert "input_price and output_price" in widget["multilineTextboxSpec"]["lines"][0]


def test_its_text_depends_on_nothing_but_the_names_and_the_prices() -> None:
    text = layout.serialized(SOURCES, PRICES)
    assert text == json.dumps(json.loads(text), indent=2, sort_keys=True)
    assert text != layout.serialized(SOURCES, TokenPrices(0.5, 1.5, 21))
