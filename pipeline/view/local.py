"""The data of a local run: Delta tables at paths, and folders."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from pipeline.storage.durable import write_durably
from pipeline.storage.places import Storage
from pipeline.tables import TABLES, Table, is_table_name
from pipeline.view.data import DataView, NotReadableHere, ViewError
from pipeline.view.query import Query, Value

_PARAMETER = re.compile(r":([a-z]\w*)")


class LocalView(DataView):
    """The storage of a run on this machine. A table of a catalog is not readable here; the folders are."""

    def __init__(self, storage: Storage) -> None:
        """Raises ViewError if the storage does not exist, or is in a folder that is closed to this user."""
        self._storage = storage
        try:
            exists = storage.root.is_dir()
        except OSError as error:
            raise ViewError(
                f"PIPELINE_STORAGE {storage.root} can't be read ({error.strerror}): run as the storage's owner"
            ) from None
        if not exists:
            raise ViewError(f"PIPELINE_STORAGE {storage.root} does not exist: give the storage of a run")

    def require_tables(self) -> None:
        """Raises NotReadableHere if one of the tables is a table of a catalog."""
        for table in TABLES:
            self._path(table)

    def ask(self, query: Query) -> list[dict[str, Any]]:
        paths = {table.name: self._path(table) for table in query.tables}
        try:
            import pyarrow as pa
            from deltalake import DeltaTable, QueryBuilder
            from deltalake.exceptions import TableNotFoundError
        except ImportError as error:
            raise NotReadableHere(f'{error.name} is missing: install "telegram-lakehouse[local]"') from None
        builder = QueryBuilder()
        for name, path in paths.items():
            try:
                builder.register(name, DeltaTable(path))
            except TableNotFoundError:
                return []
        sql = query.sql({name: name for name in paths})
        try:
            found = builder.execute(with_values(query, sql)).read_all()
        except Exception as error:
            first_line = str(error).splitlines()[0]
            raise ViewError(
                f"the tables can't be queried ({first_line}): let the current version run on them once"
            ) from None
        rows: list[dict[str, Any]] = pa.table(found).to_pylist()
        return rows

    def read_file(self, name: str) -> bytes | None:
        try:
            return (self._storage.root / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ViewError(
                f"{self._storage.root / name} can't be read ({error.strerror}): run as the storage's owner"
            ) from None

    def listed_files(self) -> list[str]:
        try:
            paths = list(self._storage.landing.iterdir())
        except FileNotFoundError:
            return []
        return [path.name for path in paths if path.is_file() and path.name[0] not in "._"]

    def land(self, name: str, content: bytes) -> None:
        try:
            write_durably(self._storage.landing / name, content)
        except OSError as error:
            raise ViewError(
                f"the landing {self._storage.landing} can't be written to ({error.strerror}): run as its owner"
            ) from None

    def take_back(self, name: str) -> None:
        (self._storage.landing / name).unlink(missing_ok=True)

    def _path(self, table: Table) -> str:
        place = self._storage.table(table)
        if is_table_name(place):
            raise NotReadableHere(
                f"PIPELINE_{table.name.upper()} is a table of a catalog: give --stack in place of --local"
            )
        return place


def with_values(query: Query, sql: str) -> str:
    """A statement with its values written into it: this engine binds no parameters."""
    return _PARAMETER.sub(lambda match: _literal(query.values[match[1]]), sql)


def _literal(value: Value) -> str:
    if isinstance(value, datetime):
        return f"CAST('{value.isoformat()}' AS TIMESTAMP)"
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"
