"""The tables on real Spark and Delta, in one shared session; read back with another Delta reader."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import deltalake
import pytest

from pipeline.messages.identity import Identity
from pipeline.platform import local_spark
from pipeline.replies.reply import PartState
from pipeline.stream.delta import DeltaTable, TableError, warm_up
from pipeline.stream.rows import silver_row
from pipeline.tables import BRONZE, QUARANTINE, SILVER, TABLES, Column, Table
from tests.support.replies import NOON, answered, part

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    session = local_spark.session("local[2]", tmp_path_factory.mktemp("logs"))
    yield session
    session.stop()


def _rows(place: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = deltalake.DeltaTable(str(place)).to_pyarrow_table().to_pylist()
    return rows


def _bad(number: int) -> tuple[Any, ...]:
    return (f"reason {number}", "raw", "file", NOON, number)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_table_is_made_with_the_columns_types_and_comments_declared_and_left_alone_after(
    spark: SparkSession, tmp_path: Path, table: Table
) -> None:
    made = DeltaTable(table, str(tmp_path / table.name))
    made.ensure(spark)
    made.ensure(spark)
    fields = made.read(spark).schema.fields
    assert [(f.name, f.dataType.simpleString(), f.metadata["comment"]) for f in fields] == [
        (column.name, column.type, column.comment) for column in table.columns
    ]
    described = deltalake.DeltaTable(str(tmp_path / table.name))
    assert described.metadata().description == table.comment
    assert described.version() == 0
    assert described.metadata().configuration == {
        key: value for key, value in table.properties if not key.startswith("delta.autoOptimize.")
    }


@pytest.mark.parametrize("statement", ["DELETE FROM {}", "INSERT OVERWRITE {} SELECT * FROM {} WHERE false"])
def test_the_trail_can_be_added_to_and_neither_changed_nor_emptied(
    spark: SparkSession, tmp_path: Path, statement: str
) -> None:
    table = DeltaTable(QUARANTINE, str(tmp_path / "quarantine"))
    table.ensure(spark)
    table.append(spark, [_bad(0)], "query", 0)
    with pytest.raises(Exception, match="DELTA_CANNOT_MODIFY_APPEND_ONLY"):
        spark.sql(statement.replace("{}", table._sql)).collect()
    assert len(_rows(tmp_path / "quarantine")) == 1


def test_rows_are_appended_once_for_a_query_and_batch(spark: SparkSession, tmp_path: Path) -> None:
    table = DeltaTable(QUARANTINE, str(tmp_path / "quarantine"))
    table.ensure(spark)
    table.append(spark, [_bad(0), _bad(1)], "query", 5)
    table.append(spark, [_bad(0), _bad(1)], "query", 5)
    table.append(spark, [_bad(2)], "query", 4)
    assert sorted(row["reason"] for row in _rows(tmp_path / "quarantine")) == ["reason 0", "reason 1"]


def test_a_new_checkpoint_counts_its_batches_from_zero_and_loses_none(spark: SparkSession, tmp_path: Path) -> None:
    table = DeltaTable(QUARANTINE, str(tmp_path / "quarantine"))
    table.ensure(spark)
    table.append(spark, [_bad(0)], "old query", 7)
    table.append(spark, [_bad(1)], "new query", 0)
    assert sorted(row["reason"] for row in _rows(tmp_path / "quarantine")) == ["reason 0", "reason 1"]


def test_nothing_to_append_makes_no_commit(spark: SparkSession, tmp_path: Path) -> None:
    table = DeltaTable(QUARANTINE, str(tmp_path / "quarantine"))
    table.ensure(spark)
    table.append(spark, [], "query", 0)
    assert deltalake.DeltaTable(str(tmp_path / "quarantine")).version() == 0


def test_a_silver_row_keeps_ids_beyond_53_bits_and_every_script(spark: SparkSession, tmp_path: Path) -> None:
    far = 2**62 + 1
    reply = answered(part("да 🎉", PartState.SENT, message_id=far), text="ча́й?", chat_id=-far, message_id=far)
    table = DeltaTable(SILVER, str(tmp_path / "silver"))
    table.ensure(spark)
    table.append(spark, [silver_row(reply, processed_at=datetime(2026, 1, 2, tzinfo=UTC), batch_id=3)], "query", 3)
    [row] = _rows(tmp_path / "silver")
    assert (row["message_id"], row["channel_id"], row["reply_message_ids"]) == (far, -far, [far])
    assert (row["user_message"], row["llm_response"]) == ("ча́й?", "да 🎉")
    assert row["received_at"] == NOON


def test_known_tells_which_messages_a_table_has(spark: SparkSession, tmp_path: Path) -> None:
    table = DeltaTable(BRONZE, str(tmp_path / "bronze"))
    table.ensure(spark)
    here, no_message, replayed = Identity(42, 1, 7, 3), Identity(42, 2, None, None), Identity(42, 1, 7, 3, "replay:r")
    rows = []
    for identity in (here, no_message, replayed):
        values = dict.fromkeys(BRONZE.column_names) | identity._asdict()
        rows.append(tuple(values[name] for name in BRONZE.column_names))
    table.append(spark, rows, "query", 0)
    others = [Identity(42, 1, 8, 3), Identity(42, 9, 7, 3), Identity(42, 1, 7, 3, "replay:s")]
    assert table.known(spark, [here, no_message, replayed, *others]) == {here, no_message, replayed}
    assert table.known(spark, []) == set()


def test_a_column_that_an_older_table_lacks_is_added_and_its_rows_stay(spark: SparkSession, tmp_path: Path) -> None:
    older = Table("quarantine", "older", QUARANTINE.columns[:-1])
    place = str(tmp_path / "quarantine")
    before = DeltaTable(older, place)
    before.ensure(spark)
    before.append(spark, [_bad(0)[:-1]], "query", 0)
    DeltaTable(QUARANTINE, place).ensure(spark)
    assert [(row["reason"], row["batch_id"]) for row in _rows(tmp_path / "quarantine")] == [("reason 0", None)]


def test_a_table_of_other_types_is_refused_by_name(spark: SparkSession, tmp_path: Path) -> None:
    place = str(tmp_path / "quarantine")
    DeltaTable(Table("quarantine", "other", (Column("reason", "bigint", ""),)), place).ensure(spark)
    with pytest.raises(TableError, match=r"quarantine has other types than expected for reason"):
        DeltaTable(QUARANTINE, place).ensure(spark)


def test_a_named_table_that_is_not_there_is_not_made(spark: SparkSession) -> None:
    with pytest.raises(TableError, match=r"table spark_catalog\.default\.missing does not exist"):
        DeltaTable(QUARANTINE, "spark_catalog.default.missing").ensure(spark)


def test_warming_up_leaves_nothing_behind(spark: SparkSession, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    warm_up(spark)
    assert list(tmp_path.iterdir()) == []
