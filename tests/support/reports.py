"""Tables under names as a catalog gives them, for the queries of the reports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.stream.delta import DeltaTable
from pipeline.tables import Table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CATALOG = "spark_catalog.default"
Row = dict[str, Any]


def made_table(spark: SparkSession, folder: Path, table: Table, name: str, rows: list[Row]) -> str:
    """A table under a three-level name, with these rows; what a row does not say is null."""
    made = DeltaTable(table, str(folder / name), spark)
    made.ensure()
    made.append([{column: row.get(column) for column in table.column_names} for row in rows])
    spark.sql(f"CREATE TABLE {CATALOG}.{name} USING delta LOCATION '{folder / name}'")
    return f"{CATALOG}.{name}"


def asked(spark: SparkSession, sql: str) -> list[Row]:
    return [row.asDict() for row in spark.sql(sql).collect()]
