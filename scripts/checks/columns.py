"""The check that an existing table or view has the columns of pipeline/tables.py."""

from __future__ import annotations

from pipeline.tables import Table, View
from scripts.checks.suite import CheckFailed


def check_columns(table: Table | View, found: dict[str, str], fix: str) -> None:
    """Raises CheckFailed if columns are missing or have another type. Additional columns are allowed."""
    missing = [column.name for column in table.columns if column.name not in found]
    if missing:
        raise CheckFailed(f"{table.name} lacks the columns {', '.join(missing)}", fix)
    wrong = [f"{c.name} is {found[c.name]}, not {c.type}" for c in table.columns if found[c.name] != c.type]
    if wrong:
        raise CheckFailed(f"{table.name} has other types: {', '.join(wrong)}", "give the run another table")
