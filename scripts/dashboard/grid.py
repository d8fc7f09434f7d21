"""Where each widget of a page is, in pixels: the grid of the platform at one fixed width."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

from infra.reports.pages.widgets import COLUMNS
from scripts.dashboard.definition import DashboardPage, GridPosition

WIDTH = 1200
"""Of a page."""
_GAP = 12
_ROW = 50
"""Height of a row of the grid, without the gap."""


class Box(NamedTuple):
    """A rectangle, in pixels."""

    left: float
    top: float
    width: float
    height: float

    def overlaps(self, other: Box) -> bool:
        return (
            self.left < other.left + other.width
            and other.left < self.left + self.width
            and self.top < other.top + other.height
            and other.top < self.top + self.height
        )


def boxes(page: DashboardPage) -> dict[str, Box]:
    """The box of each widget, by its name."""
    columns = max([COLUMNS, *(item.position.x + item.position.width for item in page.layout)])
    return {item.widget.name: _box(item.position, columns) for item in page.layout}


def height(page: DashboardPage) -> float:
    """Of the whole page."""
    return max((box.top + box.height for box in boxes(page).values()), default=0.0)


def overlapping(page: DashboardPage) -> Sequence[tuple[str, str]]:
    """The pairs of widgets that would cover each other."""
    return [(one, other) for (one, a), (other, b) in combinations(boxes(page).items(), 2) if a.overlaps(b)]


def _box(position: GridPosition, columns: int) -> Box:
    column = (WIDTH + _GAP) / columns
    row = _ROW + _GAP
    return Box(position.x * column, position.y * row, position.width * column - _GAP, position.height * row - _GAP)
