"""The query's checkpoint: whether it may be continued.

Spark writes the checkpoint and never checks it against anything else. It may be damaged, of another storage, or from
before the storage was moved. So the storage keeps a mark of its own, outside the checkpoints. A checkpoint that does
not fit is set aside, and a new one is begun: tables, journal and landing know all that it knows. An older one of the
same query only makes Spark read files again, which are recognised.
"""

from __future__ import annotations

import json
import os
import posixpath
import shutil
import threading
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict

from pipeline.storage.durable import write_durably

_OVERSIZED_FROM = 8_000_000
"""Bytes: about 60,000 files."""


class Mark(BaseModel):
    """What the storage says about itself."""

    model_config = ConfigDict(frozen=True)
    query_id: str = ""
    landing: str = ""
    """The folder that the query reads."""
    synced: dict[str, int] = {}
    """The version of each table on a local disk that was durable before anything that it holds was let go."""


class MarkFile:
    """The mark's file. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def read(self) -> Mark | None:
        """The mark; None where there is none. One that can't be read fits no checkpoint."""
        try:
            return Mark.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            return Mark()

    def note_query(self, query_id: str, landing: Path) -> None:
        """Make durable which query reads the landing from now on. Raises OSError."""
        self._write(query_id=query_id, landing=absolute(landing))

    def note_synced(self, synced: dict[str, int]) -> None:
        """Make durable up to which versions the tables are. Raises OSError."""
        self._write(synced=synced)

    def _write(self, **changes: object) -> None:
        with self._lock:
            last = self.read()
            mark = (last or Mark()).model_copy(update=changes)
            if mark != last:
                write_durably(self._path, mark.model_dump_json().encode())


class Checkpoint:
    """A streaming query's checkpoint, which Spark writes. Read again at each call; any thread may call.

    Any file may be missing, damaged or vanish at any moment: nothing here but `set_aside` raises for that.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.aside = folder.with_name(f"{folder.name}.set-aside")
        """Where the last checkpoint that was not continued is, for an operator to look at."""

    @property
    def oversized(self) -> bool:
        """Whether the source's log of files is too large: Spark rewrites all of it every tenth micro-batch."""
        return max(map(_size, _files(self._log_of_files)), default=0) > _OVERSIZED_FROM

    def fault(self, mark: Mark | None, landing: Path) -> str | None:
        """Why a query that reads `landing` can't continue the checkpoint; None where it can, or where there is none.

        `mark` is what the storage says. One from before there were marks says nothing: then a whole checkpoint counts.
        """
        if not os.path.lexists(self.folder) or (self.folder.is_dir() and not any(_list(self.folder))):
            return None
        planned, committed = _batches(self.folder / "offsets"), _batches(self.folder / "commits")
        if not self.folder.is_dir():
            return "it is not a folder"
        query_id = self._query_id()
        if query_id is None and (planned or committed or os.path.lexists(self.folder / "metadata")):
            return "its metadata can't be read"
        if mark is not None and mark.query_id != query_id:
            return "it is not the one that this storage used last"
        if (mark is not None and mark.landing != absolute(landing)) or self._reads_another_folder(landing):
            return "the storage was moved or copied"
        return _damage(planned, committed, _batches(self._log_of_files, compacted=True))

    def set_aside(self) -> None:
        """Move the checkpoint to `aside`, in place of what was there. Raises OSError."""
        _remove(self.aside)
        try:
            self.folder.rename(self.aside)
        except FileNotFoundError:
            return
        except OSError:
            # A volume may not rename a folder.
            _remove(self.folder)
            if os.path.lexists(self.folder):
                raise

    def discard(self) -> None:
        """Remove the checkpoint. Nothing is lost: tables and journal know all that it knows. Raises OSError."""
        shutil.rmtree(self.folder)

    @property
    def _log_of_files(self) -> Path:
        return self.folder / "sources" / "0"

    def _query_id(self) -> str | None:
        try:
            query_id = json.loads((self.folder / "metadata").read_bytes())["id"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return query_id if isinstance(query_id, str) else None

    def _reads_another_folder(self, landing: Path) -> bool:
        """Whether the log of files names a local file that is not in the landing."""
        logs = _batches(self._log_of_files, compacted=True)
        try:
            with logs[max(logs)].open("rb") as log:
                log.readline()  # the version of the format
                address = urlsplit(json.loads(log.readline())["path"])
        except (OSError, ValueError, KeyError, TypeError):
            return False
        return address.scheme == "file" and posixpath.dirname(unquote(address.path)) != absolute(landing)


def absolute(folder: Path) -> str:
    """A folder as the mark and Spark's log name it: symbolic links stay."""
    return folder.absolute().as_posix()


def _damage(planned: dict[int, Path], committed: dict[int, Path], logs: dict[int, Path]) -> str | None:
    """What in the logs of a checkpoint no run leaves behind, not even one that was killed."""
    if planned and not logs:
        return "its log of the files that were read is missing"
    if committed and max(committed) > max(planned, default=-1):
        return "it lacks micro-batches that are committed"
    for files in (planned, committed, logs):
        if files and _size(files[max(files)]) == 0:
            return f"its file {files[max(files)].name} in {files[max(files)].parent.name} is empty"
    return None


def _batches(folder: Path, *, compacted: bool = False) -> dict[int, Path]:
    """The files of a log of the checkpoint by batch id. `compacted`: also those that stand for all before them."""
    found = {}
    for path in _files(folder):
        name = path.name.removesuffix(".compact") if compacted else path.name
        if name.isascii() and name.isdigit():
            found[int(name)] = path
    return found


def _files(folder: Path) -> list[Path]:
    return [path for path in _list(folder) if path.is_file()]


def _list(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
