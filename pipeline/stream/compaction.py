"""Compaction: the tables of a local disk are kept in few files, in moments when nobody waits for the tables.

Each append adds a small file. Delta's OPTIMIZE writes many of them into one, and changes no row; the files that it
replaces are removed by a VACUUM a day later. Tables in a catalog or on a volume are left to the platform.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import structlog

from pipeline.errors import OperatorError
from pipeline.storage.durable import write_durably

log = structlog.get_logger(__name__)

ENOUGH = 40
"""Small files of a table that are worth a compaction in a quiet moment."""
TOO_MANY = 200
"""Small files of a table that are compacted whatever the moment: under constant traffic, every ten minutes."""
VACUUM_EVERY = 24 * 3600.0
RETRY_AFTER = 600.0
"""Seconds after which a table is tried again that could not be compacted."""


class LocalTable(Protocol):
    """What compaction needs of a table. `delta.DeltaTable` is one."""

    @property
    def name(self) -> str: ...

    @property
    def small_files(self) -> int:
        """How many files were appended since the last compaction; 0 for a table that others compact."""

    @property
    def is_local(self) -> bool:
        """Whether the table is on a local disk."""

    def compact(self) -> None: ...

    def vacuum(self) -> None: ...

    def expire_log(self) -> None: ...


def is_due(small_files: int, *, quiet: bool) -> bool:
    """Whether a table is to be compacted now. `quiet`: nobody's rows wait to be appended."""
    return small_files >= (ENOUGH if quiet else TOO_MANY)


class Compaction:
    """Compacts the tables of one storage. For the one thread that appends to them, between two appends."""

    def __init__(self, record: Path, confirm: Callable[[], None] = lambda: None) -> None:
        """`record` is a file that says when each table was last vacuumed.

        `confirm` is called before each change, and raises what `Lease.confirm` raises if the storage is no longer this
        run's.
        """
        self._record = record
        self._confirm = confirm
        self._vacuumed: dict[str, float] | None = None
        self._tried_at: dict[str, float] = {}

    def step(self, tables: Sequence[LocalTable], now: float, *, quiet: bool) -> str | None:
        """Do the one thing that is most due; the name of its table, or None if nothing was. `now`: seconds since 1970.

        `quiet`: nobody's rows wait to be appended, and none are expected at once. A compaction takes a second or two.
        What fails is logged and tried again later; raises only what `confirm` raises.
        """
        local = [table for table in tables if table.is_local]
        for table in local:
            self._try(table, table.expire_log)
        ready = [table for table in local if now - self._tried_at.get(table.name, -RETRY_AFTER) >= RETRY_AFTER]
        table = max(ready, key=lambda table: table.small_files, default=None)
        if table is not None and is_due(table.small_files, quiet=quiet):
            self._confirm()
            if not self._try(table, table.compact):
                self._tried_at[table.name] = now
            return table.name
        overdue = next((table for table in ready if now - self._vacuumed_at(table, now) >= VACUUM_EVERY), None)
        if overdue is None or not quiet:
            return None
        self._confirm()
        if not self._try(overdue, overdue.vacuum):
            self._tried_at[overdue.name] = now
            return overdue.name
        self._note_vacuum(overdue, now)
        return overdue.name

    def _try(self, table: LocalTable, act: Callable[[], None]) -> bool:
        try:
            act()
        except OperatorError:
            raise
        except Exception as error:
            # The rows are in the table either way, and the next append says what is wrong with it.
            log.warning(
                "a table can't be compacted", table=table.name, error=type(error).__name__, text=str(error)[:300]
            )
            return False
        return True

    def _vacuumed_at(self, table: LocalTable, now: float) -> float:
        """When a table was last vacuumed. One that never was has a day from now: it has nothing to remove yet."""
        if self._vacuumed is None:
            self._vacuumed = _times(self._record)
        if not 0 < self._vacuumed.get(table.name, 0.0) <= now:
            self._note_vacuum(table, now)
        return self._vacuumed[table.name]

    def _note_vacuum(self, table: LocalTable, now: float) -> None:
        assert self._vacuumed is not None
        self._vacuumed[table.name] = now
        try:
            write_durably(self._record, json.dumps({"vacuumed": self._vacuumed}).encode())
        except OSError as error:
            log.warning("a vacuum can't be noted", table=table.name, reason=error.strerror or str(error))


def _times(record: Path) -> dict[str, float]:
    try:
        found = json.loads(record.read_bytes())["vacuumed"]
        return {str(name): float(at) for name, at in found.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
