"""Compaction: the tables of a local disk are kept in few files, in moments when nobody waits for the tables.

Each append adds a small file. Delta's OPTIMIZE writes many of them into one, and changes no row; the files that it
replaces are removed by a VACUUM within a day or two. Tables in a catalog or on a volume are left to the platform.
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
DAY = 24 * 3600.0
"""Seconds between two vacuums of a table."""
KEPT_REPLACED = 3600.0
"""Seconds for which a vacuum leaves what was replaced, as the tables' properties say."""
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


def vacuum_is_due(now: float, compacted: float, vacuumed: float) -> bool:
    """Whether a table has files to remove, by the times of its last compaction and of its last vacuum.

    A vacuum leaves what was replaced just before it: one more is due a day later, and then none.
    """
    return now - vacuumed >= DAY and compacted > vacuumed - KEPT_REPLACED


class Compaction:
    """Compacts the tables of one storage. For the one thread that appends to them, between two appends."""

    def __init__(self, record: Path, confirm: Callable[[], None] = lambda: None) -> None:
        """`record` is a file that says when each table was last compacted and vacuumed.

        `confirm` is called before each change, and raises what `Lease.confirm` raises if the storage is no longer this
        run's.
        """
        self._record = record
        self._confirm = confirm
        self._compacted, self._vacuumed = _read(record)
        self._tried_at: dict[str, float] = {}

    def step(self, tables: Sequence[LocalTable], now: float, *, quiet: bool) -> str | None:
        """Do the one thing that is most due; the name of its table, or None if nothing was. `now`: seconds since 1970.

        `quiet`: nobody's rows wait to be appended, and none are expected at once. What fails is logged and tried again
        later; raises only what `confirm` raises.
        """
        local = [table for table in tables if table.is_local]
        for table in local:
            self._try(table, table.expire_log)
        ready = [table for table in local if not 0 <= now - self._tried_at.get(table.name, -RETRY_AFTER) < RETRY_AFTER]
        compacted = max(ready, key=lambda table: table.small_files, default=None)
        if compacted is not None and is_due(compacted.small_files, quiet=quiet):
            self._compact(compacted, now)
            return compacted.name
        vacuumed = next((table for table in ready if self._vacuum_is_due(table.name, now)), None)
        if vacuumed is not None and quiet:
            self._vacuum(vacuumed, now)
            return vacuumed.name
        return None

    def _compact(self, table: LocalTable, now: float) -> None:
        self._confirm()
        if self._try(table, table.compact):
            self._compacted[table.name] = now
            # The first one: until now there was nothing to remove.
            self._vacuumed.setdefault(table.name, now)
            self._write()
        else:
            self._tried_at[table.name] = now

    def _vacuum(self, table: LocalTable, now: float) -> None:
        self._confirm()
        if self._try(table, table.vacuum):
            self._vacuumed[table.name] = now
            self._write()
        else:
            self._tried_at[table.name] = now

    def _vacuum_is_due(self, name: str, now: float) -> bool:
        compacted, vacuumed = self._compacted.get(name), self._vacuumed.get(name)
        if compacted is None or vacuumed is None:
            return False
        # A time of the future is one of a clock that was set back.
        return vacuum_is_due(now, min(compacted, now), vacuumed if vacuumed <= now else now - DAY)

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

    def _write(self) -> None:
        content = json.dumps({"compacted": self._compacted, "vacuumed": self._vacuumed})
        try:
            write_durably(self._record, content.encode())
        except OSError as error:
            log.warning("a compaction can't be noted", reason=error.strerror or str(error))


def _read(record: Path) -> tuple[dict[str, float], dict[str, float]]:
    """When each table was last compacted and vacuumed; empty where that is not known."""
    try:
        found = json.loads(record.read_bytes())
        compacted, vacuumed = ({str(k): float(v) for k, v in found[key].items()} for key in ("compacted", "vacuumed"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}, {}
    return compacted, vacuumed
