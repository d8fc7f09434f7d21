"""The tables on real Spark and Delta, in one shared session; read back with a second Delta reader."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import deltalake
import pyarrow
import pyarrow.parquet
import pytest

from pipeline.messages.identity import Identity
from pipeline.replies.reply import PartState
from pipeline.settings import RunSettings
from pipeline.stream.checkpoint import MarkFile
from pipeline.stream.delta import DeltaTable, TableError, warm_up
from pipeline.stream.delta_log import DeltaLog
from pipeline.stream.delta_tables import DeltaTables
from pipeline.stream.rows import Row, bronze_row, silver_row
from pipeline.tables import BRONZE, QUARANTINE, SILVER, TABLES, Column, Table
from pipeline.telegram.routing import Disposition
from tests.support.replies import NOON, answered, part
from tests.support.updates import parsed, raw_message, raw_update

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark


def _rows(place: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = deltalake.DeltaTable(str(place)).to_pyarrow_table().to_pylist()
    return rows


def _bad(number: int) -> Row:
    return {"reason": f"reason {number}", "raw": "raw", "source_file": "file", "ingested_at": NOON, "batch_id": number}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_table_is_created_with_the_declared_columns_types_and_comments_and_then_not_changed(
    spark: SparkSession, tmp_path: Path, table: Table
) -> None:
    created = DeltaTable(table, str(tmp_path / table.name), spark)
    created.ensure()
    created.ensure()
    fields = created.read().schema.fields
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
def test_rows_can_be_added_but_neither_changed_nor_removed(spark: SparkSession, tmp_path: Path, statement: str) -> None:
    table = DeltaTable(QUARANTINE, str(tmp_path / "quarantine"), spark)
    table.ensure()
    table.append([_bad(0)])
    with pytest.raises(Exception, match="DELTA_CANNOT_MODIFY_APPEND_ONLY"):
        spark.sql(statement.replace("{}", table._sql_name)).collect()
    assert len(_rows(tmp_path / "quarantine")) == 1


def test_nothing_to_append_makes_no_commit(spark: SparkSession, tmp_path: Path) -> None:
    table = DeltaTable(QUARANTINE, str(tmp_path / "quarantine"), spark)
    table.ensure()
    table.append([])
    assert deltalake.DeltaTable(str(tmp_path / "quarantine")).version() == 0


def test_a_silver_row_keeps_ids_beyond_53_bits_and_every_script(spark: SparkSession, tmp_path: Path) -> None:
    far = 2**62 + 1
    reply = answered(part("да 🎉", PartState.SENT, message_id=far), text="ча́й?", chat_id=-far, message_id=far)
    table = DeltaTable(SILVER, str(tmp_path / "silver"), spark)
    table.ensure()
    table.append([silver_row(reply, processed_at=datetime(2026, 1, 2, tzinfo=UTC), batch_id=3)])
    [row] = _rows(tmp_path / "silver")
    assert (row["message_id"], row["channel_id"], row["reply_message_ids"]) == (far, -far, [far])
    assert (row["user_message"], row["llm_response"]) == ("ча́й?", "да 🎉")
    assert row["received_at"] == NOON


def test_a_table_knows_which_messages_it_has(spark: SparkSession, tmp_path: Path) -> None:
    table = DeltaTable(BRONZE, str(tmp_path / "bronze"), spark)
    table.ensure()
    here, no_message, replayed = Identity(42, 1, 7, 3), Identity(42, 2, None, None), Identity(42, 1, 7, 3, "replay:r")
    empty = dict.fromkeys(BRONZE.column_names) | {"source_file": "1-1-1.jsonl"}
    table.append([empty | identity._asdict() for identity in (here, no_message, replayed)])
    others = [Identity(42, 1, 8, 3), Identity(42, 9, 7, 3), Identity(42, 1, 7, 3, "replay:s")]
    assert table.known([here, no_message, replayed, *others]) == {here, no_message, replayed}
    assert table.known([]) == set()


def test_silver_knows_its_messages_by_their_channel(spark: SparkSession, tmp_path: Path) -> None:
    reply = answered(part("a", PartState.SENT, message_id=1))
    table = DeltaTable(SILVER, str(tmp_path / "silver"), spark)
    table.ensure()
    table.append([silver_row(reply, processed_at=NOON, batch_id=0)])
    other = reply.question.identity._replace(chat_id=8)
    assert table.known([reply.question.identity, other]) == {reply.question.identity}


def test_quarantine_knows_its_lines_by_file_and_text(spark: SparkSession, tmp_path: Path) -> None:
    table = DeltaTable(QUARANTINE, str(tmp_path / "quarantine"), spark)
    table.ensure()
    table.append([_bad(0)])
    assert table.known_lines(["file", "another"]) == {("file", "raw")}
    assert table.known_lines(["another"]) == set()


def test_a_column_that_an_older_table_lacks_is_added_and_its_rows_stay(spark: SparkSession, tmp_path: Path) -> None:
    older = Table("quarantine", "older", QUARANTINE.columns[:-1])
    place = str(tmp_path / "quarantine")
    before = DeltaTable(older, place, spark)
    before.ensure()
    before.append([{name: value for name, value in _bad(0).items() if name != "batch_id"}])
    DeltaTable(QUARANTINE, place, spark).ensure()
    assert [(row["reason"], row["batch_id"]) for row in _rows(tmp_path / "quarantine")] == [("reason 0", None)]


def test_silver_of_an_earlier_release_gets_the_new_columns_at_a_start_and_keeps_its_rows(
    spark: SparkSession, tmp_path: Path
) -> None:
    storage = RunSettings(storage=tmp_path).places
    first = SILVER.column_names.index("author_id")
    older = Table("silver", "older", SILVER.columns[:first])
    before = DeltaTable(older, storage.silver, spark, DeltaLog.of(storage.silver))
    before.ensure()
    row = silver_row(answered(part("a", PartState.SENT, message_id=1)), processed_at=NOON, batch_id=0)
    before.append([{name: row[name] for name in older.column_names}])

    tables = DeltaTables(spark, storage, MarkFile(tmp_path / "query.json"))
    tables.prepare()
    silver = tables.silver(spark)
    silver.append([silver_row(answered(part("b", PartState.SENT, 2), author_id=99), processed_at=NOON, batch_id=1)])
    rows = sorted(_rows(tmp_path / "silver"), key=lambda row: row["batch_id"])
    assert [(row["llm_response"], row["author_id"]) for row in rows] == [("a", None), ("b", 99)]
    found = [(field.name, field.metadata["comment"]) for field in silver.read().schema.fields[first:]]
    assert found == [(column.name, column.comment) for column in SILVER.columns[first:]]


def test_a_table_of_other_types_is_refused_by_name(spark: SparkSession, tmp_path: Path) -> None:
    place = str(tmp_path / "quarantine")
    DeltaTable(Table("quarantine", "other", (Column("reason", "bigint", ""),)), place, spark).ensure()
    with pytest.raises(TableError, match=r"quarantine has other types than expected for reason"):
        DeltaTable(QUARANTINE, place, spark).ensure()


def test_a_table_that_requires_a_value_which_is_not_written_is_refused_by_name(
    spark: SparkSession, tmp_path: Path
) -> None:
    table = DeltaTable(QUARANTINE, str(tmp_path / "quarantine"), spark)
    columns = ", ".join(f"`{column.name}` {column.type}" for column in QUARANTINE.columns)
    spark.sql(f"CREATE TABLE {table._sql_name} ({columns}, `extra` string NOT NULL) USING delta")
    with pytest.raises(Exception, match="NOT NULL"):
        table.append([_bad(0)])
    for refuses in (table.check, table.ensure):
        with pytest.raises(TableError, match=r"quarantine has the column extra, NOT NULL, .*") as refused:
            refuses()
    spark.sql(str(refused.value).partition(" it, or ")[2])  # what the message says
    table.ensure()
    table.append([_bad(0)])
    assert [row["extra"] for row in _rows(tmp_path / "quarantine")] == [None]


def test_a_named_table_that_does_not_exist_is_not_created(spark: SparkSession) -> None:
    with pytest.raises(TableError, match=r"table spark_catalog\.default\.missing does not exist"):
        DeltaTable(QUARANTINE, "spark_catalog.default.missing", spark).ensure()


def test_warming_up_leaves_nothing_behind(spark: SparkSession, tmp_path: Path) -> None:
    warm_up(spark, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("date", "kept"),
    [
        (-62_135_596_800, False),  # the year 1
        (-9_246_182_400, False),  # 1677
        (-9_214_560_000, True),  # 1678
        (-1, True),
        (9_214_646_399, True),  # the end of 2261
        (9_214_646_400, False),  # 2262
        (253_402_300_799, False),  # 9999
    ],
)
def test_bronze_with_a_message_of_any_year_is_readable_in_nanoseconds(
    spark: SparkSession, tmp_path: Path, date: int, kept: bool
) -> None:
    update = parsed(raw_update(body=raw_message(date=date)))
    row = bronze_row(update, Disposition.ANSWER, source_file="1-1-1.jsonl", ingested_at=NOON, batch_id=0)
    table = DeltaTable(BRONZE, str(tmp_path / "bronze"), spark)
    table.ensure()
    table.append([row])
    wanted = datetime.fromtimestamp(date, UTC) if kept else None
    (read,) = _rows(tmp_path / "bronze")
    assert (read["date"], json.loads(read["raw"])["message"]["date"]) == (wanted, date)
    (file,) = (tmp_path / "bronze").glob("*.parquet")
    column = pyarrow.parquet.read_table(file)["date"]
    assert column.cast(pyarrow.timestamp("ns", "UTC")).cast(column.type) == column
