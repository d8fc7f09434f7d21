"""The widgets of a page in the form of AI/BI, and their places on its grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

Json = dict[str, Any]

COLUMNS = 6
"""Columns of a page's grid."""

COUNT: Json = {"type": "number-plain", "decimalPlaces": {"type": "max", "places": 0}}
SECONDS: Json = {"type": "number-plain", "decimalPlaces": {"type": "max", "places": 1}}
PERCENT: Json = {"type": "number-percent", "decimalPlaces": {"type": "max", "places": 2}}
USD: Json = {"type": "number-currency", "currencyCode": "USD", "decimalPlaces": {"type": "max", "places": 4}}


class Field(NamedTuple):
    """A column of a dataset, and its title on the dashboard."""

    name: str
    title: str


class Row(NamedTuple):
    """Equally wide widgets side by side."""

    height: int
    widgets: Sequence[Json]


def page(name: str, title: str, rows: Sequence[Row]) -> Json:
    """A page from top to bottom."""
    return {"name": name, "displayName": title, "pageType": "PAGE_TYPE_CANVAS", "layout": _placed(rows)}


def dataset(name: str, title: str, sql: str) -> Json:
    return {"name": name, "displayName": title, "queryLines": sql.splitlines(keepends=True)}


def text(name: str, markdown: str) -> Json:
    return {"name": name, "multilineTextboxSpec": {"lines": [markdown]}}


def counter(dataset: str, column: str, title: str, form: Json) -> Json:
    """One number: a column of a dataset of one row."""
    value = {"fieldName": column, "displayName": title, "format": form}
    return _widget(column.replace("_", "-"), title, dataset, [column], "counter", 2, {"value": value})


def chart(
    kind: Literal["bar", "line"], name: str, title: str, dataset: str, fields: Sequence[Field], form: Json
) -> Json:
    """Columns of a dataset over its days."""
    encodings = {
        "x": {"fieldName": "day", "displayName": "Day", "scale": {"type": "temporal"}},
        "y": {
            "scale": {"type": "quantitative"},
            "fields": [{"fieldName": field.name, "displayName": field.title, "format": form} for field in fields],
        },
    }
    return _widget(name, title, dataset, ["day", *(field.name for field in fields)], kind, 3, encodings)


def table(name: str, title: str, dataset: str, fields: Sequence[Field]) -> Json:
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


def _placed(rows: Sequence[Row]) -> list[Json]:
    layout = []
    y = 0
    for height, widgets in rows:
        width = COLUMNS // len(widgets)
        for number, widget in enumerate(widgets):
            position = {"x": number * width, "y": y, "width": width, "height": height}
            layout.append({"widget": widget, "position": position})
        y += height
    return layout
