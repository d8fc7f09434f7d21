"""The product's tables in Delta: created if missing, appended to, and asked what they have."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import OperatorError
from pipeline.messages.identity import Identity
from pipeline.stream.delta_log import DeltaLog
from pipeline.stream.rows import Row
from pipeline.tables import QUARANTINE, Column, Table, is_table_name

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

_MOST_IN_FILTER = 2000

_LOCAL_PROPERTIES = {
    # By default each tenth commit writes a checkpoint, which takes ten times as long as the commit.
    "delta.checkpointInterval": "100",
    # The log names what compactions replaced for as long: with a day of it an append took twice the CPU time.
    "delta.deletedFileRetentionDuration": "interval 1 hour",
}
"""What a table on a local disk has in place of a deployed one's properties."""


class TableError(OperatorError):
    """A table can't be used as it is."""


class DeltaTable:
    """One of the product's tables, at a path or under a three-level Unity Catalog name, as one Spark session sees it.

    One thread at a time may append. Any thread may ask.
    """

    def __init__(self, table: Table, place: str, spark: SparkSession, log: DeltaLog | None = None) -> None:
        """`log`: the table's, if it is on a local disk. What is appended is then durable."""
        self.table = table
        self.name = table.name
        self.place = place
        self._spark = spark
        self._log = log
        self._named = is_table_name(place)

    def ensure(self) -> None:
        """Create the table if it is a path and missing, and add columns that it lacks. Raises TableError.

        A table in a catalog is created by the deployment: here it must exist.
        """
        if not self._named:
            properties = _LOCAL_PROPERTIES if self.is_local else {}
            self._spark.sql(_create_statement(self.table, self._sql_name, properties))
            self._set_properties(properties)
        elif not self._spark.catalog.tableExists(self.place):
            raise TableError(f"table {self.place} does not exist or may not be read: deploy it, or grant access to it")
        found = self.check()
        missing = [column for column in self.table.columns if column.name not in found]
        if missing:
            self._add(missing)

    def check(self) -> set[str]:
        """The names of the table's columns. Raises TableError where no row of ours can be appended beside them."""
        fields = self.read().schema.fields
        types = {field.name: field.dataType.simpleString() for field in fields}
        wrong = [c.name for c in self.table.columns if types.get(c.name, c.type) != c.type]
        if wrong:
            raise TableError(
                f"table {self.place} has other types than expected for {', '.join(wrong)}: give another table"
            )
        required = [field.name for field in fields if not field.nullable and field.name not in self.table.column_names]
        if required:
            statement = f"ALTER TABLE {self._sql_name} ALTER COLUMN `{required[0]}` DROP NOT NULL"
            raise TableError(
                f"table {self.place} has the column {required[0]}, NOT NULL, which this version does not write: run "
                f"the version that writes it, or {statement}"
            )
        return set(types)

    def read(self) -> DataFrame:
        return self._spark.read.table(self.place) if self._named else self._spark.read.format("delta").load(self.place)

    def append(self, rows: Sequence[Row]) -> None:
        """Append rows in one commit. No rows make no commit.

        When this returns, these rows and earlier ones survive a power cut. Raises OSError where they can't be made
        durable, and ColumnError for a row that has not exactly the table's columns. Whatever is raised, the rows may be
        in the table: ask it before they are appended again.
        """
        if rows:
            self._append(rows)
        if self._log is not None:
            # Also without rows: an attempt that failed may have appended them, and could not make them durable.
            self._log.sync()

    def _append(self, rows: Sequence[Row]) -> None:
        writer = self._spark.createDataFrame(_arrow(self.table, rows)).coalesce(1).write.format("delta").mode("append")
        if self._named:
            writer.saveAsTable(self.place)
        else:
            writer.save(self.place)

    def known(self, identities: Iterable[Identity]) -> set[Identity]:
        """Those of these messages that the table has a row of."""
        wanted = set(identities)
        ids = sorted({identity.update_id for identity in wanted})
        found: set[Identity] = set()
        for start in range(0, len(ids), _MOST_IN_FILTER):
            frame = self.read()
            candidates = frame.where(frame["update_id"].isin(ids[start : start + _MOST_IN_FILTER]))
            found |= {Identity(*row) for row in candidates.select(*self.table.identity).collect()}
        return found & wanted

    def known_lines(self, names: Collection[str]) -> set[tuple[str, str]]:
        """The lines of these landing files that the table has, as (file, raw text)."""
        if not names:
            return set()
        frame = self.read()
        rows = frame.where(frame["source_file"].isin(sorted(names))).select("source_file", "raw").collect()
        return {(row["source_file"], row["raw"]) for row in rows}

    def ask(self, statement: str) -> list[dict[str, Any]]:
        """The rows of a statement, in which `$table` stands for the table's name."""
        rows = self._spark.sql(statement.replace("$table", self._sql_name)).collect()
        return [{name: _zoned(value) for name, value in row.asDict().items()} for row in rows]

    # Compaction.

    @property
    def is_local(self) -> bool:
        """Whether the table is on a local disk, where nobody but us compacts it."""
        return self._log is not None

    @property
    def small_files(self) -> int:
        """How many appends there were since the last compaction: each adds a small file. 0 if others compact it."""
        return self._log.appended if self._log is not None else 0

    def compact(self) -> None:
        """Write the small files into larger ones, which changes no row. Raises OSError, and what Spark raises."""
        self._spark.sql(f"OPTIMIZE {self._sql_name}")
        if self._log is not None:
            # Before a vacuum can remove what was replaced.
            self._log.sync()
            self._log.note_compaction()

    def vacuum(self) -> None:
        """Remove files that no commit of the last hour names. Raises what Spark raises."""
        self._spark.sql(f"VACUUM {self._sql_name}")

    def expire_log(self) -> None:
        """Remove some commits that nobody needs any more. Raises OSError."""
        if self._log is not None:
            self._log.expire()

    def _add(self, missing: Sequence[Column]) -> None:
        from py4j.protocol import Py4JJavaError
        from pyspark.errors import AnalysisException

        try:
            self._spark.sql(f"ALTER TABLE {self._sql_name} ADD COLUMNS ({_declarations(missing)})")
        except (AnalysisException, Py4JJavaError) as error:
            # Unity Catalog's refusals are no exceptions of Spark's: they come as Java's.
            if not self._named and isinstance(error, Py4JJavaError):
                raise
            names = ", ".join(column.name for column in missing)
            fix = "run make up, which adds them" if self._named else "give another table"
            raise TableError(f"table {self.place} lacks the columns {names}: {fix}") from None

    def _set_properties(self, properties: Mapping[str, str]) -> None:
        """An earlier release may have created the table with others."""
        if not properties:
            return
        found: dict[str, str] = dict(self._spark.sql(f"SHOW TBLPROPERTIES {self._sql_name}").collect())
        wrong = {key: value for key, value in properties.items() if found.get(key) != value}
        if wrong:
            self._spark.sql(f"ALTER TABLE {self._sql_name} SET TBLPROPERTIES ({_assignments(wrong)})")

    @property
    def _sql_name(self) -> str:
        if self._named:
            return ".".join(f"`{part}`" for part in self.place.split("."))
        return f"delta.`{self.place}`"


def warm_up(spark: SparkSession, scratch: Path) -> None:
    """Write and read a temporary table: the first time takes a JVM seconds, for which no message should wait."""
    with tempfile.TemporaryDirectory(prefix="warm-up-", dir=scratch) as folder:
        table = DeltaTable(QUARANTINE, folder, spark)
        table.ensure()
        table.append([dict.fromkeys(QUARANTINE.column_names)])


def _zoned(value: Any) -> Any:
    """A value that was collected: Spark gives times without a zone, in that of this process."""
    return value.astimezone() if isinstance(value, datetime) else value


def _arrow(table: Table, rows: Sequence[Row]) -> pa.Table:
    """The rows as an Arrow table. Spark reads it in its JVM; rows as tuples go through processes of Python first."""
    import pyarrow as pa

    types = {
        "bigint": pa.int64(),
        "string": pa.string(),
        "timestamp": pa.timestamp("us", tz="UTC"),
        "array<bigint>": pa.list_(pa.int64()),
    }
    schema = pa.schema([(column.name, types[column.type]) for column in table.columns])
    columns = zip(*(table.ordered(row) for row in rows), strict=True)
    return pa.table([pa.array(values, kind) for values, kind in zip(columns, schema.types, strict=True)], schema=schema)


def _create_statement(table: Table, sql_name: str, local: Mapping[str, str]) -> str:
    # Delta's own compaction would hold up the stream of a small machine at any moment.
    properties = {k: v for k, v in table.properties if not k.startswith("delta.autoOptimize.")} | dict(local)
    return (
        f"CREATE TABLE IF NOT EXISTS {sql_name} ({_declarations(table.columns)}) USING delta "
        f"COMMENT {_quoted(table.comment)}" + (f" TBLPROPERTIES ({_assignments(properties)})" if properties else "")
    )


def _assignments(properties: Mapping[str, str]) -> str:
    return ", ".join(f"{_quoted(key)} = {_quoted(value)}" for key, value in properties.items())


def _declarations(columns: Iterable[Column]) -> str:
    return ", ".join(f"`{column.name}` {column.type} COMMENT {_quoted(column.comment)}" for column in columns)


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
