"""The tables' declarations."""

import pytest

from pipeline.messages.identity import Identity
from pipeline.tables import BRONZE, IDENTITY, QUARANTINE, SILVER, TABLES, Column, ColumnError, Table

UNITY_TYPES = {"bigint", "string", "timestamp", "array<bigint>"}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_column_is_named_once_commented_and_typed_as_unity_catalog_returns_it(table: Table) -> None:
    assert len(set(table.column_names)) == len(table.columns)
    assert {column.type for column in table.columns} <= UNITY_TYPES
    assert [column.name for column in table.columns if not column.comment.endswith(".")] == []
    assert table.comment.endswith(".")
    assert set(table.cluster_by) <= set(table.column_names)


def test_the_two_names_of_a_chats_id_refer_to_each_other() -> None:
    comments = {(table.name, column.name): column.comment for table in TABLES for column in table.columns}
    assert "silver calls channel_id" in comments["bronze", "chat_id"]
    assert "bronze calls chat_id" in comments["silver", "channel_id"]


def test_the_tables_have_different_names() -> None:
    assert [table.name for table in TABLES] == ["bronze", "silver", "quarantine", "feedback"]


def test_a_message_can_be_identified_in_bronze_and_silver() -> None:
    assert IDENTITY == ("bot_id", "update_id", "chat_id", "message_id", "origin")
    assert set(IDENTITY) <= set(BRONZE.column_names)
    assert {"bot_id", "update_id", "channel_id", "message_id", "origin"} <= set(SILVER.column_names)
    assert BRONZE.identity == IDENTITY == Identity._fields
    assert SILVER.identity == ("bot_id", "update_id", "channel_id", "message_id", "origin")


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_rows_can_only_be_added_to_a_table(table: Table) -> None:
    properties = dict(table.properties)
    assert len(properties) == len(table.properties)
    assert properties["delta.appendOnly"] == "true"
    assert "delta.setTransactionRetentionDuration" not in properties


def test_the_schema_string_has_the_columns_in_order_with_their_types() -> None:
    assert QUARANTINE.ddl == (
        "`reason` string, `raw` string, `source_file` string, `ingested_at` timestamp, `batch_id` bigint"
    )


def test_a_rows_values_come_in_the_tables_order_whatever_order_they_were_given_in() -> None:
    names = QUARANTINE.column_names
    row = {name: f"value of {name}" for name in reversed(names)}
    assert QUARANTINE.ordered(row) == tuple(f"value of {name}" for name in names)


@pytest.mark.parametrize(
    ("change", "lacks", "unknown"),
    [({"raw": None}, r"\['raw'\]", r"\[\]"), ({"extra": 1}, r"\[\]", r"\['extra'\]"),
     ({"raw": None, "rawe": 1}, r"\['raw'\]", r"\['rawe'\]")],
)  # fmt: skip
def test_a_row_with_a_missing_or_unknown_column_is_refused_by_name(
    change: dict[str, object], lacks: str, unknown: str
) -> None:
    row = dict.fromkeys(QUARANTINE.column_names, "x") | change
    row = {name: value for name, value in row.items() if value is not None}
    with pytest.raises(
        ColumnError, match=rf"quarantine lacks the columns {lacks} and has the unknown columns {unknown}"
    ):
        QUARANTINE.ordered(row)


def test_a_table_of_one_column_has_rows_of_one_value() -> None:
    assert Table("t", "", (Column("only", "string", ""),)).ordered({"only": "abc"}) == ("abc",)
