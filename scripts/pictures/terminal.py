"""A terminal as a picture: a command and what it printed."""

from __future__ import annotations

import html
import io
import re

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

WIDTH = 110
"""Columns of a terminal in a picture."""
_COLUMN = 12.2
"""Width of one column in the exported SVG, in its own units."""
_BORDERS = "┏━┳┓┃┡╇┩│├─┼┤└┴┘"
_TEXT = re.compile(r'(?P<start><text [^>]*?)textLength="[\d.]+"(?P<rest>[^>]*>)(?P<content>[^<]*)</text>')
_FONTS = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


def terminal_svg(output: str, command: str, width: int = WIDTH) -> str:
    """A terminal of so many columns that shows a command and its output, as an SVG that loads nothing."""
    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True)
    console.print(Text.assemble(("$ ", "green"), (command, "bold")))
    shown = Text.from_ansi(output.rstrip("\n"))
    # Another colour puts each cell of the table into an element of its own, at its own place.
    shown.highlight_regex(f"[{_BORDERS}]+", "bright_black")
    console.print(shown)
    svg = console.export_svg(title="telegram-lakehouse", unique_id="demo")
    svg = _TEXT.sub(_with_true_width, svg)
    svg = re.sub(r"@font-face\s*\{[^}]*\}\s*", "", svg)
    svg = re.sub(r"font-family: (Fira Code, monospace|arial);", f"font-family: {_FONTS};", svg)
    svg = re.sub(r"<!-- Generated with .*?-->\s*", "", svg)
    return "".join(f"{line.rstrip()}\n" for line in svg.splitlines())


def _with_true_width(element: re.Match[str]) -> str:
    """The export gives each character one column; Japanese characters and emoji take two."""
    columns = cell_len(html.unescape(element["content"]))
    return f'{element["start"]}textLength="{columns * _COLUMN:.1f}"{element["rest"]}{element["content"]}</text>'
