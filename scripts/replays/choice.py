"""The messages that a replay is about, read from the pipeline's data."""

from __future__ import annotations

from pipeline.errors import OperatorError
from pipeline.view.data import DataView
from pipeline.view.rows import Selection
from scripts.replays.plan import MODES, Mode, PlannedReplay, origin_name, planned


def planned_from(view: DataView, wanted: Selection, mode: Mode, limit: int) -> list[PlannedReplay]:
    """A planned replay for each message that fits. Raises OperatorError if one is missing, or if too many fit."""
    rows = view.latest_rows(wanted, limit + 1)
    found = {(row.channel_id, row.message_id) for row in rows}
    missing = next((named for named in wanted.messages if named not in found), None)
    if missing is not None and len(rows) <= limit:
        raise OperatorError(f"--id {missing[0]}/{missing[1]} is not in silver: only what was answered can be replayed")
    if len(rows) > limit:
        raise OperatorError(f"more than {limit} messages are chosen: narrow the choice, or raise --limit")
    under_way = view.accepted([origin_name(row, either) for row in rows for either in MODES])
    updates = view.updates([row.key for row in rows])
    return planned(rows, updates, under_way, mode, view.bot_id(), named=bool(wanted.messages))
