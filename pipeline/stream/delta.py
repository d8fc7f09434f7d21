"""The tables as Delta has them: made where they are missing, appended to at most once for each micro-batch."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.errors import OperatorError
from pipeline.messages.identity import Identity
from pipeline.tables import IDENTITY, QUARANTINE, Table, is_table_name

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_MOST_IN_FILTER = 2000


class TableError(OperatorError):
    """A table can't be used as it is."""


class DeltaTable:
    """One of the product's tables, at a path or under a three-level Unity Catalog name."""

    def __init__(self, table: Table, place: str) -> None:
        self.table = table
        self.place = place
        self._named = is_table_name(place)

    def ensure(self, spark: SparkSession) -> None:
        """Make the table at its path unless it is there, and add columns it lacks. Raises TableError.

        A table named in a catalog is governed from outside: it must be there.
        """
        from pyspark.errors import AnalysisException

        if self._named:
            if not spark.catalog.tableExists(self.place):
                raise TableError(
                    f"table {self.place} does not exist or may not be read: deploy it, or grant access to it"
                )
        else:
            columns = ", ".join(f"`{c.name}` {c.type} COMMENT {_quoted(c.comment)}" for c in self.table.columns)
            properties = ", ".join(
                f"{_quoted(key)} = {_quoted(value)}"
                for key, value in self.table.properties
                # Compaction would hold the stream of a small machine for seconds.
                if not key.startswith("delta.autoOptimize.")
            )
            spark.sql(
                f"CREATE TABLE IF NOT EXISTS {self._sql} ({columns}) USING delta COMMENT {_quoted(self.table.comment)}"
                + (f" TBLPROPERTIES ({properties})" if properties else "")
            )
        found = {field.name: field.dataType.simpleString() for field in self.read(spark).schema.fields}
        missing = [column for column in self.table.columns if column.name not in found]
        wrong = [c.name for c in self.table.columns if c.name in found and found[c.name] != c.type]
        if wrong:
            raise TableError(
                f"table {self.place} has other types than expected for {', '.join(wrong)}: give another table"
            )
        if missing:
            added = ", ".join(f"`{c.name}` {c.type} COMMENT {_quoted(c.comment)}" for c in missing)
            try:
                spark.sql(f"ALTER TABLE {self._sql} ADD COLUMNS ({added})")
            except AnalysisException:
                names = ", ".join(column.name for column in missing)
                raise TableError(f"table {self.place} lacks the columns {names}: deploy its present form") from None

    def read(self, spark: SparkSession) -> DataFrame:
        return spark.read.table(self.place) if self._named else spark.read.format("delta").load(self.place)

    def append(self, spark: SparkSession, rows: Sequence[tuple[Any, ...]], query_id: str, batch_id: int) -> None:
        """Append rows, in the table's column order, once for (query, batch): Delta skips what it has already.

        The query's id is part of the app id since Delta skips every version at or below the one it knows: a new
        checkpoint counts from zero again, and under an old app id its batches would vanish.
        """
        if not rows:
            return
        writer = (
            spark.createDataFrame(list(rows), self.table.ddl, verifySchema=False)
            .coalesce(1)
            .write.format("delta")
            .mode("append")
            .option("txnAppId", f"telegram-lakehouse-{self.table.name}-{query_id}")
            .option("txnVersion", batch_id)
        )
        if self._named:
            writer.saveAsTable(self.place)
        else:
            writer.save(self.place)

    def known(self, spark: SparkSession, identities: Iterable[Identity], chat_column: str = "chat_id") -> set[Identity]:
        """Which of these messages the table has a row of."""
        wanted = set(identities)
        ids = sorted({identity.update_id for identity in wanted})
        columns = [chat_column if name == "chat_id" else name for name in IDENTITY]
        found: set[Identity] = set()
        for start in range(0, len(ids), _MOST_IN_FILTER):
            frame = self.read(spark)
            some = frame.where(frame["update_id"].isin(ids[start : start + _MOST_IN_FILTER])).select(*columns)
            found |= {Identity(*row) for row in some.collect()}
        return found & wanted

    @property
    def _sql(self) -> str:
        if self._named:
            return ".".join(f"`{piece}`" for piece in self.place.split("."))
        return f"delta.`{self.place}`"


def warm_up(spark: SparkSession) -> None:
    """Write and read a table that nobody needs: the first time takes a JVM seconds, which no message should wait."""
    with tempfile.TemporaryDirectory(prefix="warm-up-") as folder:
        table = DeltaTable(QUARANTINE, folder)
        table.ensure(spark)
        table.append(spark, [tuple(None for _ in QUARANTINE.columns)], "warm-up", 0)


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
