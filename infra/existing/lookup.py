"""Questions to the workspace about what exists, through its own provider.

In a preview before the workspace is created, the provider has no address yet: the engine then answers with nothing, and
nothing exists.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TypeVar

import pulumi
import pulumi_databricks as databricks

from infra.existing.columns import TableColumn, column_of

_ABSENT = re.compile(r"(?i)does not exist|DOES_NOT_EXIST|not found|NOT_FOUND|no such (catalog|schema)")

T = TypeVar("T")


def existing_tables(catalog: str, schema: str, opts: pulumi.InvokeOptions) -> frozenset[str]:
    """Full names, in lower case, of a schema's tables; none if the schema, or its workspace, does not exist yet.

    Any other failure ends the program: a table that exists but was not seen would be replaced by an empty one.
    """
    found = unless_absent(lambda: databricks.get_tables(catalog_name=catalog, schema_name=schema, opts=opts))
    return lower_case(found.ids if found is not None else None)


def existing_columns(full_name: str, opts: pulumi.InvokeOptions) -> tuple[TableColumn, ...]:
    """The columns of a table that exists, in its order."""
    found = unless_absent(lambda: databricks.get_table(name=full_name, opts=opts))
    info = found.table_info if found is not None else None
    columns = info.columns if info is not None else None
    # The first position is 0, which the provider may leave out.
    ordered = sorted(columns or (), key=lambda column: column.position or 0)
    return tuple(
        column_of(one.name or "", one.type_text or "", one.comment, one.nullable, one.type_json) for one in ordered
    )


def unless_absent(ask: Callable[[], T]) -> T | None:
    """The answer; None if the object asked for, or what it is in, does not exist. Any other failure is raised."""
    try:
        return ask()
    except Exception as error:
        if _ABSENT.search(str(error)):
            return None
        raise


def lower_case(names: Iterable[object] | None) -> frozenset[str]:
    return frozenset(str(name).lower() for name in names or ())
