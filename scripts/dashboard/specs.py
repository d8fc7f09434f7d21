"""What the widgets of a dashboard show: the specification of each kind, as typed values."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel


class DefinedValue(BaseModel):
    """A part of a definition."""

    # What the viewer has no use for, such as versions of specifications, is left out.
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)


class NumberFormat(DefinedValue):
    """How numbers are written."""

    type: Literal["number-plain", "number-percent", "number-currency"] = "number-plain"
    currency_code: str = "USD"
    decimal_places: DecimalPlaces | None = None


class DecimalPlaces(DefinedValue):
    type: Literal["max", "exact", "all"] = "max"
    places: int = 2


class Scale(DefinedValue):
    type: Literal["temporal", "categorical", "quantitative"] = "categorical"


class ShownColumn(DefinedValue):
    """A column that is shown, with its title."""

    field_name: str
    display_name: str = ""
    title: str = ""
    format: NumberFormat | None = None
    scale: Scale | None = None

    @property
    def label(self) -> str:
        return self.title or self.display_name or self.field_name


class ShownColumns(DefinedValue):
    """The columns of one axis, or of a table."""

    fields: tuple[ShownColumn, ...]
    scale: Scale | None = None


class WidgetFrame(DefinedValue):
    title: str = ""
    show_title: bool = False
    description: str = ""
    show_description: bool = False


class _Spec(DefinedValue):
    frame: WidgetFrame = WidgetFrame()


class CounterWidget(_Spec):
    """One number."""

    widget_type: Literal["counter"]
    encodings: CounterEncodings


class CounterEncodings(DefinedValue):
    value: ShownColumn


class TableWidget(_Spec):
    """Rows under the titles of their columns."""

    widget_type: Literal["table"]
    encodings: TableEncodings


class TableEncodings(DefinedValue):
    columns: tuple[ShownColumn, ...]


class BarLayout(DefinedValue):
    layout: Literal["stack", "group", "layer"] = "stack"


class ChartWidget(_Spec):
    """Series over an axis. With `color`, the values of that column are the series."""

    widget_type: Literal["bar", "line", "area"]
    encodings: ChartEncodings
    mark: BarLayout = BarLayout()


def _as_several(value: Any) -> Any:
    return (
        {"fields": [value], "scale": value.get("scale")} if isinstance(value, dict) and "fieldName" in value else value
    )


class ChartEncodings(DefinedValue):
    x: Annotated[ShownColumns, BeforeValidator(_as_several)]
    y: Annotated[ShownColumns, BeforeValidator(_as_several)]
    color: ShownColumn | None = None


class PieWidget(_Spec):
    """Parts of a whole."""

    widget_type: Literal["pie"]
    encodings: PieEncodings


class PieEncodings(DefinedValue):
    angle: ShownColumn
    color: ShownColumn


class FilterWidget(_Spec):
    """A choice that readers have on the platform. Here it is shown, and nothing is filtered."""

    widget_type: Literal[
        "filter-single-select", "filter-multi-select", "filter-date-picker", "filter-date-range-picker"
    ]


class QueryField(DefinedValue):
    name: str
    expression: str


class WidgetQuery(DefinedValue):
    """What a widget asks of its dataset. Aggregates are grouped by the other fields, unless `disaggregated`."""

    dataset_name: str
    fields: tuple[QueryField, ...]
    disaggregated: bool = False


class NamedQuery(DefinedValue):
    query: WidgetQuery


Spec = Annotated[
    CounterWidget | TableWidget | ChartWidget | PieWidget | FilterWidget, Field(discriminator="widget_type")
]


KINDS = tuple(
    kind
    for spec in (CounterWidget, TableWidget, ChartWidget, PieWidget, FilterWidget)
    for kind in spec.model_fields["widget_type"].annotation.__args__  # type: ignore[union-attr]
)
"""The kinds of widgets that can be drawn, besides texts."""
