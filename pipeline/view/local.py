"""The data of a local run: Delta tables at paths, and folders."""

from __future__ import annotations

import re
from datetime import datetime
from string import Template
from typing import Any

from pipeline.storage.durable import write_durably
from pipeline.storage.places import Storage
from pipeline.tables import TABLES, is_table_name
from pipeline.view.data import Lake, LakeError, Query, Value

_PARAMETER = re.compile(r":([a-z]\w*)")


class LocalLake(Lake):
    """The storage of a run on this machine. Raises LakeError where there is none."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        if not storage.root.is_dir():
            raise LakeError(f"PIPELINE_STORAGE {storage.root} does not exist: give the storage of a run")
        named = next((t.name for t in TABLES if is_table_name(storage.table(t))), None)
        if named is not None:
            raise LakeError(f"PIPELINE_{named.upper()} is a table of a catalog: give --stack in place of --local")

    def ask(self, query: Query) -> list[dict[str, Any]]:
        import pyarrow as pa
        from deltalake import DeltaTable, QueryBuilder
        from deltalake.exceptions import TableNotFoundError

        builder = QueryBuilder()
        for table in TABLES:
            if f"${table.name}" not in query.text:
                continue
            try:
                builder.register(table.name, DeltaTable(self._storage.table(table)))
            except TableNotFoundError:
                return []
        text = Template(query.text).substitute({table.name: table.name for table in TABLES})
        try:
            found = builder.execute(with_values(query, text)).read_all()
        except Exception as error:
            first = str(error).splitlines()[0]
            raise LakeError(f"the tables can't be asked ({first}): run the present version on them once") from None
        rows: list[dict[str, Any]] = pa.table(found).to_pylist()
        return rows

    def read(self, name: str) -> bytes | None:
        try:
            return (self._storage.root / name).read_bytes()
        except FileNotFoundError:
            return None

    def listed(self) -> list[str]:
        try:
            return [
                path.name for path in self._storage.landing.iterdir() if path.is_file() and path.name[0] not in "._"
            ]
        except FileNotFoundError:
            return []

    def land(self, name: str, content: bytes) -> None:
        try:
            write_durably(self._storage.landing / name, content)
        except OSError as error:
            raise LakeError(
                f"the landing {self._storage.landing} can't be written to ({error.strerror}): run as its owner"
            ) from None

    def take_back(self, name: str) -> None:
        (self._storage.landing / name).unlink(missing_ok=True)


def with_values(query: Query, text: str) -> str:
    """A query's text, its tables named, with its values in place of their names."""
    return _PARAMETER.sub(lambda match: _literal(query.values[match[1]]), text)


def _literal(value: Value) -> str:
    if isinstance(value, datetime):
        return f"CAST('{value.isoformat()}' AS TIMESTAMP)"
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"
