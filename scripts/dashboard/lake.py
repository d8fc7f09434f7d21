"""The tables of a local run in Spark, under the names that the dashboard's SQL has, and its queries over them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pipeline.errors import OperatorError
from pipeline.platform import local_spark
from pipeline.tables import ANSWERS, TABLES
from scripts.dashboard.results import QueryFailure, Result
from scripts.dashboard.specs import WidgetQuery

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_LONGEST_REASON = 300


class LakeError(OperatorError):
    """There are no tables to read."""


@contextmanager
def spark_session() -> Iterator[SparkSession]:
    """A session of this process alone, with nothing left behind. Raises what `local_spark.session` raises."""
    with TemporaryDirectory(prefix="dashboard-") as folder:
        session = local_spark.session("local[2]", Path(folder))
        try:
            yield session
        finally:
            session.stop()


def tables_in(storage: Path) -> list[str]:
    """The names of the tables that a storage has. Raises LakeError if it has none."""
    found = [table.name for table in TABLES if (storage / table.name / "_delta_log").is_dir()]
    if not found:
        raise LakeError(f"--storage {storage} has no tables: give the storage of a run, as `pipeline status` does")
    return found


def show_tables(spark: SparkSession, storage: Path) -> None:
    """Make a view of each table, and the view of answers, under short names; a table that the storage lacks is empty.

    Raises LakeError.
    """
    found = tables_in(storage)
    for table in TABLES:
        if table.name in found:
            rows = spark.read.format("delta").load(str(storage / table.name))
        else:
            rows = spark.createDataFrame([], table.ddl)
        rows.createOrReplaceTempView(table.name)
    spark.sql(ANSWERS.select({table.name: table.name for table in ANSWERS.reads})).createOrReplaceTempView(ANSWERS.name)


class Lake:
    """Answers the queries of widgets. Each dataset is computed once."""

    def __init__(self, spark: SparkSession) -> None:
        self._spark = spark
        self._datasets: dict[str, DataFrame] = {}

    def ask(self, sql: str, query: WidgetQuery) -> Result:
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        try:
            if sql not in self._datasets:
                self._datasets[sql] = self._spark.sql(sql).cache()
            return [row.asDict() for row in self._shown(self._datasets[sql], query).collect()]
        except (PySparkException, Py4JError) as error:
            return QueryFailure(_in_one_line(error))

    def _shown(self, dataset: DataFrame, query: WidgetQuery) -> DataFrame:
        fields = [f"{field.expression} AS `{field.name}`" for field in query.fields]
        if query.disaggregated:
            # Not as SQL over it: that would lose its order.
            return dataset.selectExpr(*fields)
        sql = f"SELECT {', '.join(fields)} FROM {{dataset}} GROUP BY ALL"  # noqa: S608 (the definition's own expressions)
        return self._spark.sql(sql, dataset=dataset)


def _in_one_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return " ".join((lines[0] if lines else type(error).__name__).split())[:_LONGEST_REASON]
