"""What `up` does to a table beside a running stream, and tables of another version, on real Spark and Delta."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import deltalake
import pyarrow
import pytest

from pipeline.messages.identity import Identity
from pipeline.stream.delta import DeltaTable
from pipeline.stream.rows import Row, silver_row
from pipeline.tables import QUARANTINE, SILVER
from tests.support.metadata_change import changing_metadata
from tests.support.replies import NOON, answered

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.spark


@pytest.fixture
def place(tmp_path: Path, spark: SparkSession) -> Path:
    """An empty quarantine, as this version makes it."""
    DeltaTable(QUARANTINE, str(tmp_path / "quarantine"), spark).ensure()
    return tmp_path / "quarantine"


def bad(number: int) -> Row:
    return {"reason": f"reason {number}", "raw": "raw", "source_file": "file", "ingested_at": NOON, "batch_id": number}


def reasons(place: Path) -> list[str]:
    return sorted(row["reason"] for row in deltalake.DeltaTable(str(place)).to_pyarrow_table().to_pylist())


class ChangingSession:
    """A session of which each append, between its look at the table and its commit, meets a change of metadata."""

    def __init__(self, spark: SparkSession, table: Path, change: str) -> None:
        self._spark = spark
        self._table = str(table)
        self._change = change

    def __getattr__(self, name: str) -> Any:
        return getattr(self._spark, name)

    def createDataFrame(self, rows: pyarrow.Table) -> DataFrame:  # noqa: N802
        frame = self._spark.createDataFrame(rows)
        return changing_metadata(frame, self._table, self._change)


@pytest.mark.parametrize("change", ["a property", "a comment", "a column"])
def test_an_append_that_meets_a_change_of_metadata_fails_and_appends_nothing_and_the_next_one_does(
    spark: SparkSession, place: Path, change: str
) -> None:
    DeltaTable(QUARANTINE, str(place), spark).append([bad(0)])
    meeting: Any = ChangingSession(spark, place, change)
    with pytest.raises(Exception, match=r"DELTA_METADATA_CHANGED|MetadataChangedException"):
        DeltaTable(QUARANTINE, str(place), meeting).append([bad(1)])
    assert reasons(place) == ["reason 0"]
    DeltaTable(QUARANTINE, str(place), spark).append([bad(1)])
    assert reasons(place) == ["reason 0", "reason 1"]


def test_an_append_that_meets_the_same_properties_set_again_succeeds(spark: SparkSession, place: Path) -> None:
    # Delta sees that nothing differs. Where it does not, the append fails as for any other change.
    meeting: Any = ChangingSession(spark, place, "the same properties")
    DeltaTable(QUARANTINE, str(place), meeting).append([bad(1)])
    assert reasons(place) == ["reason 1"]
    assert deltalake.DeltaTable(str(place)).version() == 2


def test_setting_properties_again_is_a_change_of_metadata(spark: SparkSession, place: Path) -> None:
    # The Databricks provider sets them in each update of a table, changed or not.
    properties = ", ".join(f"'{key}' = '{value}'" for key, value in QUARANTINE.properties[:3])
    spark.sql(f"ALTER TABLE delta.`{place}` SET TBLPROPERTIES ({properties})")
    newest = max(place.glob("_delta_log/*.json"))
    assert "00000000000000000001" in newest.name
    assert any("metaData" in json.loads(line) for line in newest.read_text().splitlines())


def test_a_table_with_a_later_versions_column_is_written_and_read_as_before(
    spark: SparkSession, tmp_path: Path
) -> None:
    place = tmp_path / "silver"
    table = DeltaTable(SILVER, str(place), spark)
    table.ensure()
    spark.sql(f"ALTER TABLE delta.`{place}` ADD COLUMNS (score DOUBLE COMMENT 'Of a later version.')")
    # One that is not at the end, as a table may have that was changed by hand.
    spark.sql(f"ALTER TABLE delta.`{place}` ADD COLUMNS (team STRING AFTER update_id)")
    table.ensure()
    reply = answered()
    table.append([silver_row(reply, processed_at=NOON, batch_id=0)])
    (row,) = deltalake.DeltaTable(str(place)).to_pyarrow_table().to_pylist()
    assert (row["score"], row["team"]) == (None, None)
    assert row["user_message"] == reply.question.text
    wanted: Identity = reply.question.identity
    assert table.known([wanted]) == {wanted}


def test_a_column_that_can_not_be_null_and_that_this_version_does_not_write_stops_each_append(
    spark: SparkSession, tmp_path: Path
) -> None:
    place = tmp_path / "quarantine"
    columns = ", ".join(f"`{column.name}` {column.type}" for column in QUARANTINE.columns)
    spark.sql(f"CREATE TABLE delta.`{place}` ({columns}, tenant STRING NOT NULL) USING delta")
    with pytest.raises(Exception, match=r"DELTA_MISSING_NOT_NULL_COLUMN_VALUE|DELTA_NOT_NULL_CONSTRAINT_VIOLATED"):
        DeltaTable(QUARANTINE, str(place), spark).append([bad(0)])
    spark.sql(f"ALTER TABLE delta.`{place}` ALTER COLUMN tenant DROP NOT NULL")
    DeltaTable(QUARANTINE, str(place), spark).append([bad(0)])
    assert reasons(place) == ["reason 0"]


def test_delta_refuses_to_drop_a_column_of_such_a_table(spark: SparkSession, place: Path) -> None:
    # So a plan that drops one stops the deployment.
    with pytest.raises(Exception, match="DELTA_UNSUPPORTED_DROP_COLUMN"):
        spark.sql(f"ALTER TABLE delta.`{place}` DROP COLUMN reason")
