"""The table of planned replays, for people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

from rich.measure import Measurement
from rich.table import Column, Table

from pipeline.terminal import Terminal, plain, terminal
from scripts.replays.plan import Mode, PlannedReplay


def show(items: Sequence[PlannedReplay], mode: Mode, yes: bool) -> None:
    """Print what is replayed (`yes`) or would be."""
    console = terminal()
    if not items:
        console.print("no message fits: nothing to replay")
        return
    grid = Table(
        # Whole and on one line, to be copied into --id. The other columns give way, down to their longest words.
        Column("chat/message", no_wrap=True),
        Column("received (UTC)", min_width=len("2026-01-31")),
        Column("question", min_width=10, overflow="fold"),
        Column("answer", min_width=len("answered")),
        Column("delivery", min_width=len("delivery")),
        Column("replay", min_width=len("left out:"), overflow="fold"),
    )
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
    console.width = _width(console, grid)
    console.print(grid)
    count = sum(not item.why_not for item in items)
    if not yes:
        console.print(f"{count} to replay; nothing was done: add --yes to do it")
    elif count:
        console.print(f"{count} landed for replay; each gives one more row of silver when the pipeline has taken it")


def _width(console: Terminal, grid: Table) -> int:
    """The terminal's width, if nothing is cut there; in a pipe, the width at which each row is one line."""
    needed = Measurement.get(console, console.options.update(max_width=10_000), grid)
    return max(console.width, needed.minimum if console.is_terminal else needed.maximum)
