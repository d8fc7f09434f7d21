"""Whether a table that is there has the columns of pipeline/tables.py."""

from __future__ import annotations

from pipeline.tables import Table
from scripts.checks.suite import Fault


def columns_fit(table: Table, found: dict[str, str], fix: str) -> None:
    """Raises Fault for columns that are missing, or of another type. Further ones do no harm."""
    missing = [column.name for column in table.columns if column.name not in found]
    if missing:
        raise Fault(f"{table.name} lacks the columns {', '.join(missing)}", fix)
    wrong = [f"{c.name} is {found[c.name]}, not {c.type}" for c in table.columns if found[c.name] != c.type]
    if wrong:
        raise Fault(f"{table.name} has other types: {', '.join(wrong)}", "give the run another table")
