"""The operator's terminal. What a command prints goes through here: no text from outside may steer a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.markup import escape
from rich.segment import Segment

from pipeline.messages.text import printable, printable_json

_LAID_OUT = "\n\t"


def say(text: str, *, error: bool = False) -> None:
    """Print a text on standard output, or on standard error."""
    print(printable(text, keep=_LAID_OUT), file=sys.stderr if error else sys.stdout, flush=True)


def say_json(text: str) -> None:
    """Print JSON on standard output."""
    print(printable_json(text), flush=True)


def plain(text: str) -> str:
    """A text from outside as a part of markup: it is shown as it is."""
    return escape(printable(text, keep=_LAID_OUT))


class Terminal(Console):
    """A console of rich. What it renders is printable even where `plain` was forgotten; then a cell may be cut."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                yield Segment(printable(segment.text, keep=_LAID_OUT), segment.style)


def terminal(**options: Any) -> Terminal:
    """The terminal for tables and colours, with options of rich's console. Texts on it keep their look."""
    return Terminal(highlight=False, emoji=False, **options)
