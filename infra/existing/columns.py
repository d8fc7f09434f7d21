"""The columns of a table that exists: this version's, and those of a later version, which stay.

The Databricks provider alters a table by comparing lists of columns. In its catalog/resource_sql_table.go, a list of
another length is compared by name: a column that is not in the new list becomes "DROP COLUMN IF EXISTS", which Delta
refuses without column mapping, and which would lose data with it. A list of the same length is compared by position: a
different name at one becomes "RENAME COLUMN". So the declared list begins with the table's own, in its order. A list of
another length that also changes a comment is refused as a whole: new columns come first, and new comments with the next
deployment.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pipeline.tables import Table


@dataclass(frozen=True)
class TableColumn:
    """A column as Unity Catalog has it."""

    name: str
    type: str
    comment: str = ""
    nullable: bool = True
    identity: str = ""
    """always or default: Delta numbers the rows itself, whatever is written. Empty: an ordinary column."""
    filled: bool = False
    """Whether Delta fills the column by itself: a default, a generated value or an identity."""


@dataclass(frozen=True)
class Columns:
    """The columns to declare, in order."""

    declared: tuple[TableColumn, ...]
    kept: tuple[str, ...]
    """Names of those that the table has beyond this version's."""
    unwritable: tuple[str, ...]
    """Names of those kept that a row must have and that this version does not write: each append would fail."""
    waiting: tuple[str, ...] = ()
    """Names of those whose comment this version changes, and which keep the old one while others are added."""


def columns_of(table: Table, existing: Iterable[TableColumn] = ()) -> Columns:
    """The columns of a table to declare, if it has those of `existing` already."""
    ours = {column.name.lower(): TableColumn(column.name, column.type, column.comment) for column in table.columns}
    found = {column.name.lower(): column for column in existing}
    kept = [column for name, column in found.items() if name not in ours]
    added = {name: column for name, column in ours.items() if name not in found}
    changed = {name for name, column in ours.items() if name in found and column.comment != found[name].comment}
    waiting = changed if found and added else set()
    declared = {
        name: replace(ours[name], comment=column.comment) if name in waiting else ours.get(name, column)
        for name, column in found.items()
    }
    return Columns(
        (*declared.values(), *added.values()),
        tuple(column.name for column in kept),
        tuple(column.name for column in kept if not column.nullable and not column.filled),
        tuple(ours[name].name for name in found if name in waiting),
    )


def column_of(
    name: str, type_text: str, comment: str | None, nullable: bool | None, type_json: str | None
) -> TableColumn:
    """A column from what Unity Catalog says of it. `type_json` is Spark's own description of the field, and wins."""
    field = _field(type_json)
    metadata = field.get("metadata") or {}
    identity = ""
    if "delta.identity.start" in metadata:
        identity = "default" if metadata.get("delta.identity.allowExplicitInsert") else "always"
    fills = ("CURRENT_DEFAULT", "delta.generationExpression")
    # Only an explicit no counts: a provider that leaves out what is false says nothing.
    can_be_null = field["nullable"] if isinstance(field.get("nullable"), bool) else nullable is not False
    return TableColumn(
        name, type_text, comment or "", can_be_null, identity, bool(identity) or any(fill in metadata for fill in fills)
    )


def _field(type_json: str | None) -> Mapping[str, Any]:
    try:
        field = json.loads(type_json or "{}")
    except ValueError:
        return {}
    return field if isinstance(field, dict) else {}
