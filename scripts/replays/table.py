"""The table of planned replays, for people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

from rich.measure import Measurement
from rich.table import Column, Table

from pipeline.terminal import Terminal, plain, terminal
from scripts.replays.plan import Mode, PlannedReplay

_ENDLESS = 10_000
_NARROW = (len("2026-01-31"), 10, len("answered"), len("delivery"), len("left out"))
"""The widths of the columns after the first on a narrow terminal: what is longer is folded."""


def show(items: Sequence[PlannedReplay], mode: Mode, yes: bool) -> None:
    """Print what is replayed (`yes`) or would be."""
    console = terminal()
    if not items:
        console.print("no message fits: nothing to replay")
        return
    # Whole and on one line, to be copied into --id.
    name = Column("chat/message", no_wrap=True)
    grid = Table(name, "received (UTC)", "question", "answer", "delivery", Column("replay", overflow="fold"))
    for item in items:
        row = item.row
        question = " ".join((row.user_message or "").split())
        grid.add_row(
            f"{row.channel_id}/{row.message_id}",
            f"{row.first_received_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
            plain(question if len(question) <= 40 else f"{question[:39]}…"),
            plain(row.answer_status),
            plain(row.delivery_status),
            f"[yellow]left out: {plain(item.why_not)}" if item.why_not else mode,
        )
    _fit(console, grid)
    console.print(grid)
    count = sum(not item.why_not for item in items)
    if not yes:
        console.print(f"{count} to replay; nothing was done: add --yes to do it")
    elif count:
        console.print(f"{count} landed for replay; each gives one more row of silver when the pipeline has taken it")


def _fit(console: Terminal, grid: Table) -> None:
    """Make the table fit the terminal without cutting what it says. In a pipe, each row is one line."""
    if console.is_terminal and _needed(console, grid) > console.width:
        for column, width in zip(grid.columns[1:], _NARROW, strict=True):
            column.width = width
        question = grid.columns[2]
        question.width = _NARROW[1] + max(0, console.width - _needed(console, grid))
    console.width = max(console.width, _needed(console, grid))


def _needed(console: Terminal, grid: Table) -> int:
    """The width at which nothing is folded or cut."""
    return Measurement.get(console, console.options.update(max_width=_ENDLESS), grid).maximum
