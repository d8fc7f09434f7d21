"""The columns to declare for a table that exists, in the order in which the provider compares them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra.existing.columns import TableColumn, column_of, columns_of
from pipeline.tables import Column, Table

TABLE = Table("t", "A table.", (Column("a", "bigint", "First."), Column("b", "string", "Second.")))
A, B = TableColumn("a", "bigint", "First."), TableColumn("b", "string", "Second.")
X = TableColumn("x", "array<string>", "Another version's.")


def names(*existing: TableColumn) -> list[str]:
    return [column.name for column in columns_of(TABLE, existing).declared]


def test_a_table_that_does_not_exist_gets_this_versions_columns() -> None:
    assert columns_of(TABLE).declared == (A, B)
    assert columns_of(TABLE).kept == ()


def test_a_later_versions_column_is_kept_as_it_is() -> None:
    columns = columns_of(TABLE, [A, B, X])
    assert columns.declared == (A, B, X)
    assert (columns.kept, columns.unwritable) == (("x",), ())


def test_the_tables_order_is_kept_since_the_provider_renames_by_position() -> None:
    assert names(A, X, B) == ["a", "x", "b"]
    assert names(B, A) == ["b", "a"]


def test_a_new_column_goes_to_the_end_behind_those_kept() -> None:
    assert names(A, X) == ["a", "x", "b"]


def test_this_versions_comment_and_type_are_declared_whatever_the_table_has() -> None:
    found = [TableColumn("a", "int", "Old."), B]
    # The provider shows the comment as a change, and refuses the type.
    assert columns_of(TABLE, found).declared == (A, B)


def test_comments_wait_while_columns_are_added_since_the_provider_refuses_both_at_once() -> None:
    columns = columns_of(TABLE, [TableColumn("a", "bigint", "Old.")])
    assert columns.declared == (TableColumn("a", "bigint", "Old."), B)
    assert columns.waiting == ("a",)
    # The next deployment finds both columns.
    after = columns_of(TABLE, columns.declared)
    assert (after.declared, after.waiting) == ((A, B), ())


def test_a_column_is_recognised_whatever_the_case_of_its_name() -> None:
    assert names(TableColumn("A", "bigint"), B) == ["a", "b"]


@pytest.mark.parametrize(
    ("metadata", "identity"),
    [
        ({"CURRENT_DEFAULT": "0"}, ""),
        ({"delta.generationExpression": "a + 1"}, ""),
        ({"delta.identity.start": 1, "delta.identity.allowExplicitInsert": False}, "always"),
        ({"delta.identity.start": 1, "delta.identity.allowExplicitInsert": True}, "default"),
    ],
)
def test_a_column_that_delta_fills_by_itself_may_be_not_null(metadata: dict[str, Any], identity: str) -> None:
    field = json.dumps({"name": "x", "type": "long", "nullable": False, "metadata": metadata})
    column = column_of("x", "bigint", None, None, field)
    assert (column.nullable, column.identity) == (False, identity)
    assert columns_of(TABLE, [A, B, column]).unwritable == ()


def test_a_not_null_column_that_nothing_fills_can_not_be_written() -> None:
    field = json.dumps({"name": "x", "type": "long", "nullable": False, "metadata": {"comment": "c"}})
    for column in (column_of("x", "bigint", "c", True, field), column_of("x", "bigint", "c", False, None)):
        assert columns_of(TABLE, [A, B, column]).unwritable == ("x",)


@pytest.mark.parametrize("said", ["", "[]", "no JSON"])
def test_a_column_is_nullable_unless_the_catalog_says_that_it_is_not(said: str) -> None:
    assert column_of("x", "bigint", None, None, said) == TableColumn("x", "bigint")
