"""The Delta tables as they grow: read whole once, then only the files that each commit adds."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from pipeline.tables import BRONZE, FEEDBACK, QUARANTINE, SILVER, Table, is_table_name

Row = Mapping[str, Any]

MOST_ROWS = 200
"""The latest rows of a table that are held; older ones are only counted."""


@dataclass(frozen=True)
class WatchedTable:
    """What is read of a table."""

    table: Table
    order: str
    """The column in whose order rows count as late."""
    counted: tuple[str, ...] = ()
    """The columns whose values are counted."""


WATCHED = (
    WatchedTable(BRONZE, "seq", ("disposition",)),
    WatchedTable(QUARANTINE, "ingested_at"),
    WatchedTable(SILVER, "seq", ("delivery_status", "answer_status")),
    WatchedTable(FEEDBACK, "seq", ("vote",)),
)


@dataclass(frozen=True)
class NewRows:
    """What a look found."""

    rows: Sequence[Row]
    """The latest, in their order; not all of a large append."""
    count: int
    """How many rows are new. At the first look: how many there are."""
    values: dict[str, Counter[str]] = field(default_factory=dict)
    """How many of them have each value, by counted column."""
    whole: bool = False
    """Whether this is the whole table, in place of what was said before."""


class _Replaced(Exception):
    """The table's log does not go on from where it was read."""


class TableTail:
    """The rows of a table of this machine, each once. For one thread; it never writes."""

    def __init__(self, watched: WatchedTable, place: str) -> None:
        self._watched = watched
        self.name = watched.table.name
        self.readable = not is_table_name(place)
        """Whether the table is a folder of this machine."""
        self._place = Path(place)
        self._log = self._place / "_delta_log"
        self._next: int | None = None
        """The next version; None while the table was not read."""

    def look(self) -> NewRows | None:
        """The rows appended since the last look; at the first, and after a change that is no append, the whole table.

        None if there are none. Raises OSError and what pyarrow and deltalake raise, and is right again at a later call.
        """
        if not self.readable:
            return None
        if not self._log.is_dir():
            self._next = None
            return None
        if self._next is None:
            return self._whole()
        try:
            return self._appended(self._next)
        except (_Replaced, FileNotFoundError):
            self._next = None
            return self._whole()

    def _appended(self, version: int) -> NewRows | None:
        files: list[Path] = []
        while (commit := _content(self._commit(version))) is not None:
            files += [self._place / name for name in added_files(commit)]
            version += 1
        if version == self._next and not self._commit(version - 1).exists():
            raise _Replaced
        found = self._rows_of(files) if files else None
        self._next = version
        return found

    def _rows_of(self, files: list[Path]) -> NewRows:
        from pyarrow import concat_tables
        from pyarrow.parquet import ParquetFile

        read = (ParquetFile(file, coerce_int96_timestamp_unit="us").read() for file in files)
        columns = concat_tables([_in_utc(each) for each in read], promote_options="default")
        values: dict[str, Counter[str]] = {}
        for name in self._watched.counted:
            counted = columns.column(name).value_counts().to_pylist() if name in columns.column_names else []
            values[name] = Counter({str(each["values"]): int(each["counts"]) for each in counted})
        latest = columns.sort_by(self._watched.order)
        rows = latest.slice(max(0, latest.num_rows - MOST_ROWS)).to_pylist()
        return NewRows(rows, columns.num_rows, values)

    def _whole(self) -> NewRows | None:
        import pyarrow as pa
        from deltalake import DeltaTable, QueryBuilder
        from deltalake.exceptions import TableNotFoundError

        try:
            table = DeltaTable(str(self._place))
        except TableNotFoundError:
            return None
        name, order = self.name, self._watched.order
        engine = QueryBuilder().register(name, table)

        def ask(sql: str) -> list[dict[str, Any]]:
            rows: list[dict[str, Any]] = _in_utc(pa.table(engine.execute(sql).read_all())).to_pylist()
            return rows

        values = {
            column: Counter(
                {
                    str(row["value"]): int(row["rows"])
                    for row in ask(f"SELECT {column} AS value, count(*) AS rows FROM {name} GROUP BY {column}")  # noqa: S608
                }
            )
            for column in self._watched.counted
        }
        count = int(ask(f"SELECT count(*) AS rows FROM {name}")[0]["rows"])  # noqa: S608
        rows = ask(f"SELECT * FROM {name} ORDER BY {order} DESC LIMIT {MOST_ROWS}")  # noqa: S608
        self._next = table.version() + 1
        return NewRows(rows[::-1], count, values, whole=True)

    def _commit(self, version: int) -> Path:
        return self._log / f"{version:020d}.json"


def added_files(commit: bytes) -> Iterator[str]:
    """The data files whose rows a commit appends, below the table's folder; none for a compaction.

    Raises _Replaced for a commit that takes rows away.
    """
    for line in commit.splitlines():
        action = json.loads(line)
        added, removed = action.get("add"), action.get("remove")
        if removed is not None and removed.get("dataChange", True):
            raise _Replaced
        if added is not None and added.get("dataChange", True):
            if added.get("deletionVector"):
                raise _Replaced
            yield unquote(added["path"])


def _in_utc(columns: Any) -> Any:
    """The same with every time in microseconds of UTC: Spark's files may have times without a zone."""
    import pyarrow as pa

    for number, column in enumerate(columns.schema):
        if pa.types.is_timestamp(column.type):
            in_utc = columns.column(number).cast(pa.timestamp("us", "UTC"), safe=False)
            columns = columns.set_column(number, column.name, in_utc)
    return columns


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
