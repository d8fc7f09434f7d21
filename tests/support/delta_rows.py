"""The product's Delta tables, created and read without Spark, with the columns of `pipeline/tables.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import deltalake
import pyarrow as pa

from pipeline.tables import Table

_TYPES = {
    "bigint": pa.int64(),
    "string": pa.string(),
    "timestamp": pa.timestamp("us", "UTC"),
    "array<bigint>": pa.list_(pa.int64()),
}


def append(table: Table, place: Path, *rows: dict[str, Any]) -> None:
    """Append rows; a column that a row leaves out is null. Without rows the table is created empty."""
    schema = pa.schema([(column.name, _TYPES[column.type]) for column in table.columns])
    full = [{name: row.get(name) for name in table.column_names} for row in rows]
    deltalake.write_deltalake(place, pa.Table.from_pylist(full, schema=schema), mode="append")


def rows_of(place: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = deltalake.DeltaTable(place).to_pyarrow_table().to_pylist()
    return found
