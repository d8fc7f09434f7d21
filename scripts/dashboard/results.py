"""What a widget's query gave: rows, or why there are none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scripts.dashboard.definition import DashboardDefinition, DashboardPage
from scripts.dashboard.specs import WidgetQuery
from scripts.dashboard.values import Row


@dataclass(frozen=True)
class QueryFailure:
    """A query that could not be answered, and why, in one line."""

    reason: str


Result = Sequence[Row] | QueryFailure
Ask = Callable[[str, WidgetQuery], Result]
"""Answers a widget's query over the SQL of its dataset. It raises nothing that is the query's own fault."""


def results_of(dashboard: DashboardDefinition, page: DashboardPage, ask: Ask) -> dict[str, Result]:
    """The result of each widget of a page that has a query, by the widget's name."""
    found: dict[str, Result] = {}
    for item in page.layout:
        query = item.widget.query
        if query is None:
            continue
        dataset = dashboard.dataset(query.dataset_name)
        if dataset is None:
            found[item.widget.name] = QueryFailure(f"the definition has no dataset {query.dataset_name!r}")
        else:
            found[item.widget.name] = ask(dataset.sql, query)
    return found
