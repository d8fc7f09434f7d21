"""The table of planned replays, for people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from scripts.replays.plan import Mode, PlannedReplay


def show(items: Sequence[PlannedReplay], mode: Mode, yes: bool) -> None:
    """Print what is replayed (`yes`) or would be."""
    console = Console(highlight=False)
    if not items:
        console.print("no message fits: nothing to replay")
        return
    grid = Table("chat/message", "received (UTC)", "question", "answer", "delivery", "replay")
    for item in items:
        row = item.row
        question = " ".join((row.user_message or "").split())
        grid.add_row(
            f"{row.channel_id}/{row.message_id}",
            f"{row.first_received_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
            escape(question if len(question) <= 40 else f"{question[:39]}…"),
            row.answer_status,
            row.delivery_status,
            f"[yellow]left out: {escape(item.why_not)}" if item.why_not else mode,
        )
    console.print(grid)
    count = sum(not item.why_not for item in items)
    if not yes:
        console.print(f"{count} to replay; nothing was done: add --yes to do it")
    elif count:
        console.print(f"{count} landed for replay; each gives one more row of silver when the pipeline has taken it")
