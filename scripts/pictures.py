"""Draw the pictures of the documentation again: `make pictures`.

`demo.svg` shows a real run of the demo. The diagrams are drawn from the Mermaid sources beside them; each SVG holds the
hash of its source, so that a test notices a source that was changed and not drawn again.
"""

from __future__ import annotations

import hashlib
import html
import io
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from pipeline.errors import OperatorError
from pipeline.terminal import say

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
MESSAGES = IMAGES / "messages.txt"
DEMO = IMAGES / "demo.svg"

_RENDERER = "mermaidx==0.10.1"
"""Draws Mermaid without a browser. It runs in an environment of its own: only a changed diagram needs it."""
_MERMAID = {
    "theme": "neutral",
    "fontFamily": "sans-serif",
    "htmlLabels": False,
    "flowchart": {"htmlLabels": False, "rankSpacing": 32},
}
_WIDTH = 110
_COLUMN = 12.2
"""Width of one column in the exported SVG, in its own units."""
_BORDERS = "┏━┳┓┃┡╇┩│├─┼┤└┴┘"
_TEXT = re.compile(r'(?P<start><text [^>]*?)textLength="[\d.]+"(?P<rest>[^>]*>)(?P<content>[^<]*)</text>')
_FONTS = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


def source_hash(source: str) -> str:
    """What a diagram's SVG says about the source that it was drawn from."""
    return hashlib.sha256(source.encode()).hexdigest()[:16]


def terminal_svg(output: str, command: str) -> str:
    """A terminal that shows a command and its output, as an SVG that loads nothing."""
    console = Console(record=True, width=_WIDTH, file=io.StringIO(), force_terminal=True)
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


def diagram_svg(source: Path) -> str:
    """A diagram drawn from its Mermaid source. Raises OperatorError where the renderer fails."""
    uv = Path(sys.executable).with_name("uv")
    with tempfile.TemporaryDirectory() as folder:
        config, drawn = Path(folder, "config.json"), Path(folder, "drawn.svg")
        config.write_text(json.dumps(_MERMAID))
        command = [uv, "tool", "run", "--from", _RENDERER, "mermaidx", "-q", "-i", source, "-c", config, "-o", drawn]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines()
            raise OperatorError(f"{source.name} can't be drawn ({lines[-1] if lines else 'no reason given'}): check it")
        svg = drawn.read_text()
    # Readable on a dark page too, and a tenth of a pixel is enough.
    svg = svg.replace("background-color: transparent", "background-color: white", 1)
    svg = re.sub(r"(\d+\.\d)\d+", r"\1", svg)
    # Its own size: as wide as the page, a small diagram would be huge.
    size = re.search(r'viewBox="\S+ \S+ (\S+) (\S+)"', svg)
    if size is not None:
        svg = svg.replace('width="100%"', f'width="{size[1]}" height="{size[2]}"', 1)
    return f"<!-- source: {source_hash(source.read_text())} -->\n{svg.strip()}\n"


def draw_demo() -> None:
    environment = {**os.environ, "COLUMNS": str(_WIDTH), "FORCE_COLOR": "1", "NO_COLOR": ""}
    # The demo's own folder would be named in the picture, and belongs to whoever draws it.
    with tempfile.TemporaryDirectory(prefix="telegram-lakehouse-") as storage:
        command = [sys.executable, "-m", "pipeline", "demo", "--messages", str(MESSAGES), "--storage", storage]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise OperatorError("the demo failed: see its message above")
    # What a terminal shows while it waits is no part of the result: the table begins with its upper edge.
    shown = done.stdout[done.stdout.index("┏") :]
    DEMO.write_text(terminal_svg(shown, "make demo MESSAGES=messages.txt"))


def main(
    demo: Annotated[bool, typer.Option(help="Run the demo, which takes a minute.")] = True,
) -> None:
    """Draw the diagrams and the demo."""
    for source in sorted(IMAGES.glob("*.mmd")):
        source.with_suffix(".svg").write_text(diagram_svg(source))
    if demo:
        draw_demo()


if __name__ == "__main__":
    try:
        typer.run(main)
    except OperatorError as error:
        say(f"pictures: {error}", error=True)
        raise SystemExit(2) from None
