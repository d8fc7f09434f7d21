"""The storage's mark: which query it used last, and up to which version its tables were durable.

It is a small file outside the checkpoints, and durable before anything is let go that relies on it.
"""

from __future__ import annotations

import threading
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from pipeline.storage.durable import write_durably


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


def absolute(folder: Path) -> str:
    """A folder as the mark and Spark's log name it: symbolic links stay."""
    return folder.absolute().as_posix()
