"""The statements of a view: SQL whose names of tables are placeholders and whose values are parameters.

The SQL is common to Databricks, Spark and DataFusion, which asks the tables of a local run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from string import Template
from typing import TypeVar

from pipeline.tables import ANSWERS, NO_PROBES, TABLES, Table

Value = str | int | datetime
_T = TypeVar("_T")

_AT_ONCE = 100
"""Values named in one statement."""


@dataclass(frozen=True)
class Query:
    """A statement: `$bronze` and the like stand for tables, `$name` for a part, `:name` for a value.

    `$answers` stands for the view's own statement, so that it need not exist where the tables are.
    """

    template: str
    values: Mapping[str, Value] = field(default_factory=dict)
    parts: Mapping[str, str] = field(default_factory=dict)
    """Pieces of SQL, made by the functions of this module."""

    @property
    def tables(self) -> tuple[Table, ...]:
        """The tables that it reads."""
        of_view = ANSWERS.reads if self._has_view else ()
        return tuple(table for table in TABLES if table in of_view or f"${table.name}" in self.template)

    def sql(self, names: Mapping[str, str]) -> str:
        """The statement with the names of its tables, quoted as needed; values are still parameters."""
        view = {ANSWERS.name: f"({ANSWERS.select(names)})"} if self._has_view else {}
        return Template(self.template).substitute({**names, **view}, no_probes=NO_PROBES, **self.parts)

    @property
    def _has_view(self) -> bool:
        return f"${ANSWERS.name}" in self.template


def one_of(column: str, wanted: Sequence[Value], values: dict[str, Value]) -> str:
    """The condition that a column has one of these values, which are added to `values`."""
    return f"{column} IN ({', '.join(f':{_added(values, value)}' for value in wanted)})"


def all_of(columns: Mapping[str, Value], values: dict[str, Value]) -> str:
    """The condition that each column has its value; the values are added to `values`."""
    return f"({' AND '.join(f'{column} = :{_added(values, value)}' for column, value in columns.items())})"


def any_of(conditions: Iterable[str]) -> str:
    """The condition that at least one of these is true."""
    return f"({' OR '.join(conditions)})"


def portions(items: Sequence[_T]) -> Iterable[Sequence[_T]]:
    """The items in groups that are small enough for one statement."""
    return (items[start : start + _AT_ONCE] for start in range(0, len(items), _AT_ONCE))


def quoted(table: str) -> str:
    """The name of a catalog's table, quoted for SQL."""
    return ".".join(f"`{piece.replace('`', '``')}`" for piece in table.split("."))


def _added(values: dict[str, Value], value: Value) -> str:
    """The name under which a value was added to `values`."""
    name = f"v{len(values)}"
    values[name] = value
    return name
