"""The dashboard's definition as typed values, read from the text that is deployed (`.lvdash.json`)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field, ValidationError

from infra.reports import layout
from infra.reports.queries import TokenPrices
from pipeline.errors import OperatorError
from pipeline.tables import ANSWERS, SILVER
from scripts.dashboard.specs import KINDS, DefinedValue, FilterWidget, NamedQuery, Spec, WidgetQuery


class DefinitionError(OperatorError):
    """The definition has something that this viewer can't show. The text names the page, the widget and the field."""


class TextLines(DefinedValue):
    lines: tuple[str, ...]


class DashboardWidget(DefinedValue):
    """Something on a page: a text, or a query with the specification of how its rows are shown."""

    name: str
    queries: tuple[NamedQuery, ...] = ()
    spec: Spec | None = None
    multiline_textbox_spec: TextLines | None = None
    textbox_spec: str | None = Field(default=None, alias="textbox_spec")

    @property
    def text(self) -> str | None:
        """The Markdown of a text; None for any other widget."""
        if self.multiline_textbox_spec is not None:
            return "".join(self.multiline_textbox_spec.lines)
        return self.textbox_spec

    @property
    def query(self) -> WidgetQuery | None:
        """The query whose rows it shows; None where it shows none."""
        if self.spec is None or isinstance(self.spec, FilterWidget) or not self.queries:
            return None
        return self.queries[0].query


class GridPosition(DefinedValue):
    """In cells of the page's grid."""

    x: int
    y: int
    width: int
    height: int


class PlacedWidget(DefinedValue):
    widget: DashboardWidget
    position: GridPosition


class DashboardPage(DefinedValue):
    name: str
    display_name: str = ""
    layout: tuple[PlacedWidget, ...] = ()

    @property
    def title(self) -> str:
        return self.display_name or self.name


class DashboardDataset(DefinedValue):
    name: str
    display_name: str = ""
    query_lines: tuple[str, ...] = ()

    @property
    def sql(self) -> str:
        return "".join(self.query_lines)


class DashboardDefinition(DefinedValue):
    """The whole definition."""

    datasets: tuple[DashboardDataset, ...]
    pages: tuple[DashboardPage, ...]

    def dataset(self, name: str) -> DashboardDataset | None:
        return next((dataset for dataset in self.datasets if dataset.name == name), None)


def current(prices: TokenPrices) -> str:
    """The definition that a deployment gets, its tables under their short names."""
    return layout.serialized(layout.Sources(SILVER.name, ANSWERS.name), prices)


def read(text: str) -> DashboardDefinition:
    """The definition as values. Raises DefinitionError for a kind of widget, or for a field, that is not known here."""
    try:
        raw = json.loads(text)
    except ValueError as error:
        raise DefinitionError(
            f"the dashboard's definition is not JSON ({error}): give the text that is deployed"
        ) from None
    for place, widget in _widgets(raw):
        spec = widget.get("spec")
        kind = spec.get("widgetType") if isinstance(spec, Mapping) else None
        if spec is None and not {"multilineTextboxSpec", "textbox_spec"} & widget.keys():
            raise DefinitionError(f"{place} has neither a spec nor a text: give it one in infra/reports/")
        if spec is not None and kind not in KINDS:
            raise DefinitionError(
                f"{place} is of the kind {kind!r}, which scripts/dashboard/ can't draw: it knows {', '.join(KINDS)}"
            )
    try:
        return DashboardDefinition.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise DefinitionError(f"the dashboard's definition at {where}: {first['msg']}") from None


def _widgets(raw: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for page in raw.get("pages", ()) if isinstance(raw, Mapping) else ():
        for item in page.get("layout", ()):
            widget = item.get("widget", {})
            yield f"widget {widget.get('name')!r} of page {page.get('name')!r}", widget
