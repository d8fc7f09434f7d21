"""Landing planned replays."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from pipeline.storage.landing import injected_file
from pipeline.view.data import DataView
from scripts.replays.plan import PlannedReplay

_AT_ONCE = 100
"""Lines of one landing file, as many as a poll brings."""


def land(view: DataView, items: Sequence[PlannedReplay]) -> None:
    """Land the items that are to be replayed, in their order."""
    lines = [(item.replay, dict(item.update)) for item in items if item.replay and item.update]
    for start in range(0, len(lines), _AT_ONCE):
        # Each file needs its own time: it gives the file's name and the order of its lines.
        view.land(*injected_file(lines[start : start + _AT_ONCE], view.bot_id(), datetime.now(UTC)))
