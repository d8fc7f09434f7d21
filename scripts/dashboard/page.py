"""The whole dashboard as one HTML file that loads nothing."""

from __future__ import annotations

import html
from collections.abc import Mapping

from scripts.dashboard.definition import DashboardDefinition, DashboardPage
from scripts.dashboard.grid import WIDTH, boxes, height
from scripts.dashboard.results import Ask, Result, results_of
from scripts.dashboard.widgets import widget_html

_STYLE = f"""
:root {{ color-scheme: light; }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; background: #f4f6f8; color: #1b3139; font: 14px/1.4 system-ui, "DejaVu Sans", sans-serif; }}
main {{ width: {WIDTH + 48}px; margin: 0 auto; }}
header {{ padding: 20px 24px 0; }}
h1 {{ margin: 0; font-size: 22px; }}
nav a {{ color: #0b6bcb; margin-right: 16px; }}
.page {{ padding: 20px 24px 24px; }}
h2 {{ margin: 0 0 12px; font-size: 18px; display: flex; justify-content: space-between; }}
small {{ font-size: 13px; font-weight: normal; color: #5a6f77; }}
.canvas {{ position: relative; width: {WIDTH}px; }}
.widget {{ position: absolute; background: #fff; border: 1px solid #dce0e2; border-radius: 8px; padding: 13px;
  overflow: hidden; display: flex; flex-direction: column; }}
.widget h3 {{ margin: 0; height: 26px; font-size: 14px; font-weight: 600; white-space: nowrap; overflow: hidden;
  text-overflow: ellipsis; flex: none; }}
.text {{ background: none; border-color: transparent; justify-content: center; color: #445461; padding: 4px 2px; }}
.text p, .text ul, .text h1, .text h2 {{ margin: 0 0 4px; }}
.value {{ margin: auto 0; font-size: 34px; font-weight: 600; letter-spacing: -0.5px; }}
.legend {{ display: flex; gap: 16px; list-style: none; margin: 0; padding: 0; height: 24px; font-size: 12px;
  color: #445461; flex: none; overflow: hidden; }}
.legend i {{ display: inline-block; width: 10px; height: 10px; border-radius: 5px; margin-right: 6px; }}
svg {{ display: block; flex: none; }}
svg text {{ font-size: 11px; fill: #5a6f77; font-family: inherit; }}
.empty, .failure, .filter {{ margin: auto; color: #5a6f77; text-align: center; }}
.failure {{ color: #a1260d; overflow-wrap: anywhere; }}
.filter {{ width: 100%; border: 1px solid #c0cdd8; border-radius: 4px; padding: 4px 8px; text-align: left; }}
.rows {{ overflow: auto; flex: 1; }}
table {{ border-collapse: collapse; width: 100%; font-size: 12.5px; }}
th, td {{ text-align: left; padding: 5px 10px; border-bottom: 1px solid #eceff1; white-space: nowrap;
  max-width: 320px; overflow: hidden; text-overflow: ellipsis; }}
th {{ position: sticky; top: 0; background: #f4f6f8; font-weight: 600; }}
td:last-child {{ white-space: normal; }}
.number {{ text-align: right; font-variant-numeric: tabular-nums; }}
"""


TITLE = "telegram-lakehouse"


def dashboard_html(dashboard: DashboardDefinition, ask: Ask, note: str) -> str:
    """All pages below each other, with what `ask` answers. `note`: where the rows are from."""
    links = "".join(f'<a href="#{html.escape(anchor(page))}">{html.escape(page.title)}</a>' for page in dashboard.pages)
    sections = "".join(_section(page, results_of(dashboard, page, ask), note) for page in dashboard.pages)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{TITLE}</title><style>{_STYLE}</style></head>"
        f"<body><main><header><h1>{TITLE}</h1><nav>{links}</nav></header>"
        f"{sections}</main></body></html>\n"
    )


def anchor(page: DashboardPage) -> str:
    """The id of a page's section."""
    return f"page-{page.name}"


def _section(page: DashboardPage, results: Mapping[str, Result], note: str) -> str:
    places = boxes(page)
    widgets = "".join(
        widget_html(item.widget, results.get(item.widget.name, ()), places[item.widget.name]) for item in page.layout
    )
    heading = f"<h2>{html.escape(page.title)}<small>{html.escape(note)}</small></h2>"
    return (
        f'<section class="page" id="{html.escape(anchor(page))}">{heading}'
        f'<div class="canvas" style="height:{height(page):.0f}px">{widgets}</div></section>'
    )
