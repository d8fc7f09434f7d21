"""What the demo's tables hold now, in one line."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import OperatorError
from pipeline.settings import StorageSettings, read_settings
from pipeline.view.ages import duration
from pipeline.view.status import Status, status_of


def summary(folder: Path) -> str:
    """The state of a storage in one line; a table that is being replaced at this moment is said to be unreadable."""
    try:
        return in_one_line(status_of(read_settings(StorageSettings, {"storage": folder}).places))
    except (OperatorError, OSError) as error:
        return f"the tables can't be read now ({type(error).__name__})"


def in_one_line(status: Status) -> str:
    held = {"bronze": status.bronze, "silver": status.silver}
    counts = [f"{sum((found or {}).values())} in {table}" for table, found in held.items()]
    lag = "" if status.lag_seconds is None else f", lag {duration(status.lag_seconds)}"
    unknown = f", {status.unknown_count} of unknown outcome" if status.unknown_count else ""
    return f"{', '.join(counts)}, {sum(status.journal.values())} in the journal{lag}{unknown}"
