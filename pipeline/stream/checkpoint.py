"""What the query's checkpoint folder says about earlier micro-batches."""

from __future__ import annotations

import shutil
from pathlib import Path

_OVERSIZED_FROM = 8_000_000
"""Bytes: about 60,000 files."""


class Checkpoint:
    """A streaming query's checkpoint, which Spark writes. Read again at each call; any thread may call."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def planned(self) -> int:
        """The highest batch id that Spark has planned, and so may call again; -1 where there is none."""
        return max(_batch_ids(self.folder / "offsets"), default=-1)

    @property
    def has_commits(self) -> bool:
        """Whether a micro-batch was committed."""
        return bool(_batch_ids(self.folder / "commits"))

    @property
    def oversized(self) -> bool:
        """Whether the source's log of files is too large: Spark rewrites all of it every tenth micro-batch."""
        log_of_files = self.folder / "sources" / "0"
        return max((path.stat().st_size for path in log_of_files.glob("*")), default=0) > _OVERSIZED_FROM

    def discard(self) -> None:
        """Remove the checkpoint. Nothing is lost: tables and journal know all that it knows."""
        shutil.rmtree(self.folder)


def _batch_ids(folder: Path) -> list[int]:
    """Batch ids that a log of the checkpoint has."""
    return [int(path.name) for path in folder.glob("*") if path.name.isdigit()]
