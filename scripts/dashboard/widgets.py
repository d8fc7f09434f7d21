"""Widgets as HTML, each in the box that the page gives it."""

from __future__ import annotations

import html
from collections.abc import Sequence

from markdown_it import MarkdownIt

from scripts.dashboard.charts import chart, pie, series_of
from scripts.dashboard.definition import DashboardWidget
from scripts.dashboard.grid import Box
from scripts.dashboard.results import QueryFailure, Result
from scripts.dashboard.specs import ChartWidget, CounterWidget, FilterWidget, PieWidget, Spec, TableWidget
from scripts.dashboard.values import Row, number, shown

_PADDING = 14
_TITLE = 26
_LEGEND = 24
# HTML in a text is shown as text, and an address that is not an ordinary one is no link.
_MARKDOWN = MarkdownIt("commonmark", {"html": False})


def widget_html(widget: DashboardWidget, result: Result, box: Box) -> str:
    """A widget with its title and what its rows show; where there are none, why."""
    place = f"left:{box.left:.1f}px;top:{box.top:.1f}px;width:{box.width:.1f}px;height:{box.height:.1f}px"
    spec = widget.spec
    if spec is None:
        text = _MARKDOWN.render(widget.text or "")
        return f'<div class="widget text" data-widget="{html.escape(widget.name)}" style="{place}">{text}</div>'
    title = spec.frame.title if spec.frame.show_title else ""
    heading = f"<h3>{html.escape(title)}</h3>" if title else ""
    if spec.frame.show_description and spec.frame.description:
        heading += f"<p>{html.escape(spec.frame.description)}</p>"
    return (
        f'<section class="widget {spec.widget_type}" data-widget="{html.escape(widget.name)}" style="{place}">'
        f"{heading}{_body(spec, result, box)}</section>"
    )


def _body(spec: Spec, result: Result, box: Box) -> str:
    if isinstance(spec, FilterWidget):
        return '<p class="filter">All</p>'
    if isinstance(result, QueryFailure):
        return f'<p class="failure" role="alert">This can’t be shown: {html.escape(result.reason)}</p>'
    if isinstance(spec, CounterWidget):
        return _counter(spec, result)
    if not result:
        return '<p class="empty">No data</p>'
    if isinstance(spec, TableWidget):
        return _table(spec, result)
    width = box.width - 2 * _PADDING
    height = box.height - 2 * _PADDING - (_TITLE if spec.frame.show_title else 0)
    if isinstance(spec, PieWidget):
        return pie(spec, result, width, height)
    return _legend(spec, result) + chart(spec, result, width, height - _LEGEND)


def _counter(spec: CounterWidget, rows: Sequence[Row]) -> str:
    column = spec.encodings.value
    return f'<p class="value">{html.escape(shown(rows[0].get(column.field_name) if rows else None, column.format))}</p>'


def _table(spec: TableWidget, rows: Sequence[Row]) -> str:
    columns = spec.encodings.columns
    numeric = {
        column.field_name
        for column in columns
        if all(number(row.get(column.field_name)) is not None or row.get(column.field_name) is None for row in rows)
    }

    def cell(tag: str, name: str, text: str) -> str:
        kind = ' class="number"' if name in numeric else ""
        return f"<{tag}{kind}>{html.escape(text)}</{tag}>"

    head = "".join(cell("th", column.field_name, column.label) for column in columns)
    body = "".join(
        f"<tr>{''.join(cell('td', c.field_name, shown(row.get(c.field_name), c.format)) for c in columns)}</tr>"
        for row in rows
    )
    return f'<div class="rows" tabindex="0"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _legend(spec: ChartWidget, rows: Sequence[Row]) -> str:
    """Which colour is what."""
    series = series_of(spec, rows)
    entries = "".join(f'<li><i style="background:{one.color}"></i>{html.escape(one.label)}</li>' for one in series)
    return f'<ul class="legend">{entries}</ul>'
