"""The tables' declarations."""

import pytest

from pipeline.tables import BRONZE, IDENTITY, QUARANTINE, SILVER, TABLES, Table

UNITY_TYPES = {"bigint", "string", "timestamp", "array<bigint>"}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_column_is_named_once_commented_and_typed_as_unity_catalog_returns_it(table: Table) -> None:
    assert len(set(table.column_names)) == len(table.columns)
    assert {column.type for column in table.columns} <= UNITY_TYPES
    assert [column.name for column in table.columns if not column.comment.endswith(".")] == []
    assert table.comment.endswith(".")
    assert set(table.cluster_by) <= set(table.column_names)


def test_the_tables_are_told_apart_by_name() -> None:
    assert [table.name for table in TABLES] == ["bronze", "silver", "quarantine"]


def test_a_message_can_be_identified_in_bronze_and_silver() -> None:
    assert IDENTITY == ("bot_id", "update_id", "chat_id", "message_id", "origin")
    assert set(IDENTITY) <= set(BRONZE.column_names)
    assert {"bot_id", "update_id", "channel_id", "message_id", "origin"} <= set(SILVER.column_names)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_table_only_ever_grows(table: Table) -> None:
    properties = dict(table.properties)
    assert len(properties) == len(table.properties)
    assert properties["delta.appendOnly"] == "true"
    assert "delta.setTransactionRetentionDuration" not in properties


def test_the_schema_string_has_the_columns_in_order_with_their_types() -> None:
    assert QUARANTINE.ddl == (
        "`reason` string, `raw` string, `source_file` string, `ingested_at` timestamp, `batch_id` bigint"
    )
