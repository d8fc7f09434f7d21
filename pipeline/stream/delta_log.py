"""A Delta table's log on a local disk: its commits are made durable, and what a power cut has cut is removed.

Spark writes a table's files and never syncs them, so for half a minute a commit may exist in memory only. Everything
that an append lets go (landing files, entries of the journal) is durable at once. So an append waits until the table
is durable too. On a volume, and in a catalog, one close is one atomic put: there is nothing to do.

Delta lists the whole folder at each commit, and itself removes commits by the day only: at one commit in three seconds
that made a commit seconds longer. So the old ones are removed here, by their number.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from pipeline.errors import OperatorError
from pipeline.storage.durable import on_volume, sync_file, sync_folder
from pipeline.tables import is_table_name

_LAST_CHECKPOINT = "_last_checkpoint"
_LOOK_BACK = 20
"""Commits that are synced first. Each append syncs its own, so a run that was killed leaves one or two."""


_KEPT = 1000
"""Commits that stay, besides those that a checkpoint needs to stand for the ones before it."""
_REMOVED_AT_ONCE = 200
_LONGEST_INTERVAL = 200
"""More commits than lie between two checkpoints."""


class DamagedTable(OperatorError):
    """A table has lost what was durable: nothing else has its rows any more."""


class DeltaLog:
    """The log of one table. One thread at a time may call; the run must be the table's only writer."""

    def __init__(self, table: Path) -> None:
        self._table = table
        self._folder = table / "_delta_log"
        self._next: int | None = None
        """The first version that is not known to be durable; None before the first sync."""
        self._oldest: int | None = None
        """The oldest version that may be in the folder; None before it was looked for."""
        self._compacted: int | None = None
        """The newest version that was there when the table was compacted; None before it was looked for."""

    @classmethod
    def of(cls, place: str) -> DeltaLog | None:
        """The log of the table at a path on a local disk; None for any other table."""
        return None if is_table_name(place) or on_volume(Path(place)) else cls(Path(place))

    @property
    def synced(self) -> int | None:
        """The newest version that is known to be durable; None where none is."""
        return self._next - 1 if self._next else None

    def sync(self) -> None:
        """Make the commits since the last call durable, with all that they name. Raises OSError."""
        first = self._next
        if first is None:
            sync_folder(self._table.parent)
            versions = self._versions()
            # Of a table with few commits in a month, Delta may have removed all but the last ones.
            first = max(min(versions, default=0), max(versions, default=-1) - _LOOK_BACK)
        version = first
        while (commit := self._commit(version)).exists():
            files = [self._table / name for name, _ in _added(commit.read_bytes())]
            checkpoint = _checkpoint_of(commit)
            if checkpoint.exists():
                files += [checkpoint, self._folder / _LAST_CHECKPOINT]
            for file in (*files, commit):
                sync_file(_checksum_of(file), missing_ok=True)
                sync_file(file, missing_ok=True)
            version += 1
        if version > first:
            sync_folder(self._table)
            sync_folder(self._folder)
        self._next = version

    @property
    def appended(self) -> int:
        """How many commits were made durable since the table was last compacted: each adds a small file."""
        if self._next is None:
            return 0
        if self._compacted is None:
            self._compacted = self._last_compaction(self._next - 1)
        return self._next - 1 - self._compacted

    def note_compaction(self) -> None:
        """The table was compacted, and that is durable."""
        self._compacted = self.synced

    def _last_compaction(self, newest: int) -> int:
        """The version of the last commit that compacted the table, as far back as commits are kept."""
        version = newest
        while version > newest - _KEPT and (content := _content(self._commit(version))) is not None:
            if _compacts(content):
                break
            version -= 1
        return version

    def expire(self) -> int:
        """Remove some old commits that a durable checkpoint stands for; how many. Cheap where there are none.

        Versions before the last thousand can then not be read any more. Raises OSError.
        """
        if self._next is None:
            return 0
        if self._oldest is None:
            self._oldest = min(self._versions(), default=0)
        newest_to_go = self._next - 1 - _KEPT
        # The next checkpoint comes: it is not looked for at each call.
        if newest_to_go - self._oldest < _LONGEST_INTERVAL:
            return 0
        candidates = range(newest_to_go, newest_to_go - _LONGEST_INTERVAL, -1)
        checkpoint = next((v for v in candidates if _checkpoint_of(self._commit(v)).exists()), self._oldest)
        until = min(checkpoint, self._oldest + _REMOVED_AT_ONCE)
        removed = until - self._oldest
        for version in range(self._oldest, until):
            commit = self._commit(version)
            for path in (commit, commit.with_suffix(".crc"), _checkpoint_of(commit)):
                _checksum_of(path).unlink(missing_ok=True)
                path.unlink(missing_ok=True)
        self._oldest = until
        return removed

    def repair(self, synced: int | None) -> list[str]:
        """Remove the newest commits if a power cut has cut them, before Spark reads the table; their files' names.

        `synced`: the newest version that was durable before anything that it holds was let go; None if that is not
        known. The rows of later versions still are in the landing and the journal. An empty commit is deleted. One
        with content keeps it, under a name that Delta ignores. Raises DamagedTable, and changes nothing, where one up
        to `synced` is not whole: its rows are nowhere else. Raises OSError.
        """
        self._next = self._oldest = self._compacted = None
        versions = sorted(self._versions(), reverse=True)
        if synced is None:
            # Only a table's creation is sure to have no rows.
            synced = -1 if versions == [0] else max(versions, default=-1)
        cut = []
        for version in versions:
            damaged = self._damaged_file(version)
            if damaged is None:
                break
            if version <= synced:
                raise DamagedTable(
                    f"{self._table / damaged} is missing or cut, and nothing else has its rows: restore this file, or "
                    f"move {self._commit(version)} and later ones away to go on without them"
                )
            cut.append(version)
        for version in cut:
            self._remove(version)
        last = self._folder / _LAST_CHECKPOINT
        if cut or not _is_json(last):
            # Delta then looks for the newest checkpoint itself.
            last.unlink(missing_ok=True)
            _checksum_of(last).unlink(missing_ok=True)
        if 0 in cut:
            # The table's creation was cut: it has no rows yet, and Delta creates a table in an empty folder only.
            shutil.rmtree(self._folder)
        return [self._commit(version).name for version in cut]

    def _remove(self, version: int) -> None:
        commit = self._commit(version)
        for path in (_checkpoint_of(commit), commit.with_suffix(".crc")):
            path.unlink(missing_ok=True)
            _checksum_of(path).unlink(missing_ok=True)
        _checksum_of(commit).unlink(missing_ok=True)
        if commit.read_bytes().strip(b"\0"):
            commit.rename(commit.with_name(f"_cut-{commit.name}"))
        else:
            commit.unlink()

    def _damaged_file(self, version: int) -> str | None:
        """The commit's file if it is cut, or a data file that it adds and that is missing or cut; None for neither."""
        commit = self._commit(version)
        try:
            files = list(_added(commit.read_bytes(), strict=True))
        except ValueError:
            return str(commit.relative_to(self._table))
        return next((file for file, size in files if _size(self._table / file) != size), None)

    def _versions(self) -> list[int]:
        try:
            names = os.listdir(self._folder)  # noqa: PTH208 - paths take three times as long
        except FileNotFoundError:
            return []
        return [int(name[:20]) for name in names if len(name) == 25 and name.endswith(".json") and name[:20].isdigit()]

    def _commit(self, version: int) -> Path:
        return self._folder / f"{version:020d}.json"


def _added(commit: bytes, *, strict: bool = False) -> Iterator[tuple[str, int]]:
    """The data files that a commit adds, each with its size. `strict`: raises ValueError for one that is cut."""
    lines = commit.splitlines()
    if strict and not lines:
        raise ValueError("empty")
    for line in lines:
        try:
            action: Any = json.loads(line)
            if isinstance(action, dict) and "add" in action:
                name = unquote(action["add"]["path"])
                if ":" not in name and not name.startswith("/"):  # not a file of another table
                    yield name, action["add"]["size"]
        except (ValueError, KeyError, TypeError):
            if strict:
                raise ValueError("cut") from None


def _compacts(commit: bytes) -> bool:
    """Whether a commit is a compaction's: its first action says so."""
    return b'"operation":"OPTIMIZE"' in commit.partition(b"\n")[0]


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _checkpoint_of(commit: Path) -> Path:
    """Delta's checkpoint of the version that a commit made, which need not exist."""
    return commit.with_suffix(".checkpoint.parquet")


def _checksum_of(path: Path) -> Path:
    """Hadoop's checksums of a file."""
    return path.with_name(f".{path.name}.crc")


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_bytes())
    except FileNotFoundError:
        return True
    except ValueError:
        return False
    return True


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return -1
