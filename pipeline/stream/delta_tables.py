"""The tables of a storage: made ready for a run, and what of them is durable."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from pipeline.stream.checkpoint import MarkFile
from pipeline.stream.delta import DeltaTable
from pipeline.stream.delta_log import DeltaLog
from pipeline.stream.table_writer import Tables
from pipeline.tables import BRONZE, FEEDBACK, QUARANTINE, SILVER, TABLES, Table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from pipeline.storage.places import Storage

log = structlog.get_logger(__name__)


class DeltaTables:
    """The tables of one storage.

    Threads: the supervisor's thread calls `prepare` before the writer's starts; from then on only the writer's calls
    `check` and `note_durable`. Any thread calls `of`, `all` and `silver`.
    """

    def __init__(
        self,
        spark: SparkSession,
        storage: Storage,
        mark: MarkFile,
        report: Callable[[str, str | None], None] = lambda service, reason: None,
    ) -> None:
        """`report` is called with "stream" and what was found damaged and repaired."""
        self._spark = spark
        self._storage = storage
        self._mark = mark
        self._report = report
        self._logs = {table.name: DeltaLog.of(storage.table(table)) for table in TABLES}

    def prepare(self) -> None:
        """Create the tables that are missing, and make durable what they hold.

        Raises TableError, DamagedTable, and OSError.
        """
        mark = self._mark.read()
        synced = mark.synced if mark is not None else {}
        for table in TABLES:
            delta_log = self._logs[table.name]
            removed = delta_log.repair(synced.get(table.name)) if delta_log else []
            if removed:
                log.warning("the newest commits of a table were cut and are removed", table=table.name, files=removed)
                self._report("stream", f"the newest commits of {table.name} were cut: what they had is appended again")
            self._table(table, self._spark).ensure()
            # A run that was killed may have left its last commit in memory only, and this one lets go what it holds.
            if delta_log:
                delta_log.sync()

    def check(self) -> None:
        """Raise TableError where no row can be appended, because a table was changed."""
        for table in TABLES:
            self._table(table, self._spark).check()

    def of(self, spark: SparkSession) -> Tables:
        """The tables as one session sees them."""
        return Tables(
            bronze=self._table(BRONZE, spark),
            silver=self._table(SILVER, spark),
            quarantine=self._table(QUARANTINE, spark),
            feedback=self._table(FEEDBACK, spark),
        )

    def all(self, spark: SparkSession) -> list[DeltaTable]:
        """The tables as one session sees them, to keep house in."""
        return [self._table(table, spark) for table in TABLES]

    def silver(self, spark: SparkSession) -> DeltaTable:
        """Silver as one session sees it."""
        return self._table(SILVER, spark)

    def note_durable(self) -> None:
        """Have the mark say what is durable: a power cut may leave only what comes after it cut. Raises OSError."""
        self._mark.note_synced({name: log.synced for name, log in self._logs.items() if log and log.synced is not None})

    def _table(self, table: Table, spark: SparkSession) -> DeltaTable:
        return DeltaTable(table, self._storage.table(table), spark, self._logs[table.name])
