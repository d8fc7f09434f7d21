"""The dashboard in the form of AI/BI (`.lvdash.json`): its datasets, and one page of widgets over them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from infra.reports.queries import DAYS, Prices, daily, failures, totals

Json = dict[str, Any]

COLUMNS = 6
"""Columns of the page's grid."""

_COUNT: Json = {"type": "number-plain", "decimalPlaces": {"type": "max", "places": 0}}
_SECONDS: Json = {"type": "number-plain", "decimalPlaces": {"type": "max", "places": 1}}
_PERCENT: Json = {"type": "number-percent", "decimalPlaces": {"type": "max", "places": 2}}
_USD: Json = {"type": "number-currency", "currencyCode": "USD", "decimalPlaces": {"type": "max", "places": 4}}


class Field(NamedTuple):
    """A column of a dataset, and its title on the dashboard."""

    name: str
    title: str


def serialized(silver: str, prices: Prices) -> str:
    """The dashboard's definition. The same table and prices give the same text, so that `up` finds no change."""
    datasets = [
        _dataset("totals", f"Last {DAYS} days", totals(silver, prices)),
        _dataset("daily", "Each day", daily(silver, prices)),
        _dataset("failures", "Latest failures", failures(silver)),
    ]
    page = {
        "name": "overview",
        "displayName": "Overview",
        "pageType": "PAGE_TYPE_CANVAS",
        "layout": _placed(_rows(prices)),
    }
    return json.dumps({"datasets": datasets, "pages": [page]}, indent=2, sort_keys=True)


def _rows(prices: Prices) -> list[tuple[int, list[Json]]]:
    """The page from top to bottom: rows of equally wide widgets, each with its height."""
    return [
        (1, [_text("scope", f"The last {DAYS} days; a day is a day of UTC. Smoke tests are left out.")]),
        (
            2,
            [
                _counter("messages", "Messages", _COUNT),
                _counter("answer_seconds_p50", "Answer time, median (s)", _SECONDS),
                _counter("answer_seconds_p95", "Answer time, 95th percentile (s)", _SECONDS),
            ],
        ),
        (
            2,
            [
                _counter("fallback_rate", "Answered with the fallback", _PERCENT),
                _counter("unknown_rate", "Delivery unknown", _PERCENT),
                _counter("failure_rate", "Delivery failed", _PERCENT),
            ],
        ),
        (
            5,
            [
                _chart(
                    "bar",
                    "messages-a-day",
                    "Messages a day",
                    [Field("messages", "Messages"), Field("replays", "Replays by an operator")],
                    _COUNT,
                ),
                _chart(
                    "line",
                    "answer-latency",
                    "Answer time: from arrival to delivery, without fixed answers (s)",
                    [
                        Field("answer_seconds_p50", "Median"),
                        Field("answer_seconds_p95", "95th percentile"),
                        Field("answer_seconds_p99", "99th percentile"),
                    ],
                    _SECONDS,
                ),
            ],
        ),
        (
            5,
            [
                _chart(
                    "line",
                    "rates",
                    "Fallback, unknown and failure rates",
                    [
                        Field("fallback_rate", "Fallback answer"),
                        Field("unknown_rate", "Delivery unknown"),
                        Field("failure_rate", "Delivery failed"),
                    ],
                    _PERCENT,
                ),
                _chart(
                    "line",
                    "model-latency",
                    "Model time: from arrival to answer (s)",
                    [Field("model_seconds_p50", "Median"), Field("model_seconds_p95", "95th percentile")],
                    _SECONDS,
                ),
            ],
        ),
        (
            5,
            [
                _chart(
                    "bar",
                    "tokens",
                    "Tokens a day, as the model counted them",
                    [Field("prompt_tokens", "Prompt"), Field("completion_tokens", "Answer")],
                    _COUNT,
                ),
                _cost(prices),
            ],
        ),
        (
            6,
            [
                _table(
                    "latest-failures",
                    "Latest fallback answers and replies of unknown or failed delivery",
                    "failures",
                    [
                        Field("received_at", "Received"),
                        Field("channel_id", "Chat"),
                        Field("message_id", "Message"),
                        Field("update_id", "Update"),
                        Field("answer_status", "Answer"),
                        Field("delivery_status", "Delivery"),
                        Field("error", "Reason"),
                    ],
                )
            ],
        ),
    ]


def _cost(prices: Prices) -> Json:
    if not prices.known:
        return _text(
            "cost",
            "**Cost estimate: unknown.** Set input_price and output_price, in USD for a million tokens, "
            "in the stack's configuration.",
        )
    return _chart("bar", "cost", "Cost estimate a day (USD)", [Field("cost", "Tokens at the prices set")], _USD)


def _dataset(name: str, title: str, sql: str) -> Json:
    return {"name": name, "displayName": title, "queryLines": sql.splitlines(keepends=True)}


def _text(name: str, markdown: str) -> Json:
    return {"name": name, "multilineTextboxSpec": {"lines": [markdown]}}


def _counter(column: str, title: str, form: Json) -> Json:
    value = {"fieldName": column, "displayName": title, "format": form}
    return _widget(column.replace("_", "-"), title, "totals", [column], "counter", 2, {"value": value})


def _chart(
    kind: Literal["bar", "line"], name: str, title: str, fields: Sequence[Field], form: Json, x: str = "day"
) -> Json:
    encodings = {
        "x": {"fieldName": x, "displayName": "Day", "scale": {"type": "temporal"}},
        "y": {
            "scale": {"type": "quantitative"},
            "fields": [{"fieldName": field.name, "displayName": field.title, "format": form} for field in fields],
        },
    }
    return _widget(name, title, "daily", [x, *(field.name for field in fields)], kind, 3, encodings)


def _table(name: str, title: str, dataset: str, fields: Sequence[Field]) -> Json:
    columns = [{"fieldName": field.name, "displayName": field.title} for field in fields]
    return _widget(name, title, dataset, [field.name for field in fields], "table", 2, {"columns": columns})


def _widget(
    name: str, title: str, dataset: str, columns: Sequence[str], kind: str, version: int, encodings: Json
) -> Json:
    """A widget that shows a dataset's rows unchanged. `version` is the version of the specification of its kind."""
    query = {
        "datasetName": dataset,
        "disaggregated": True,
        "fields": [{"name": column, "expression": f"`{column}`"} for column in columns],
    }
    spec = {
        "version": version,
        "widgetType": kind,
        "encodings": encodings,
        "frame": {"title": title, "showTitle": True},
    }
    return {"name": name, "queries": [{"name": "main_query", "query": query}], "spec": spec}


def _placed(rows: Sequence[tuple[int, Sequence[Json]]]) -> list[Json]:
    layout = []
    y = 0
    for height, widgets in rows:
        width = COLUMNS // len(widgets)
        for number, widget in enumerate(widgets):
            position = {"x": number * width, "y": y, "width": width, "height": height}
            layout.append({"widget": widget, "position": position})
        y += height
    return layout
