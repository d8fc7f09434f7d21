"""Where everything durable is: the folders and tables of one storage, and the bot it belongs to."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import OperatorError, RunFailed
from pipeline.storage.durable import write_durably
from pipeline.storage.modes import close_to_others, make_folder, umask_of
from pipeline.tables import BRONZE, FEEDBACK, QUARANTINE, SILVER, Table

OWNER_FILE = "bot.json"
"""Says which bot a storage belongs to."""


_FIXES = {
    errno.ENOSPC: "free some space on its disk",
    errno.EDQUOT: "free some of its quota, or raise that",
    errno.EROFS: "mount its disk writable, or give another folder",
    errno.EACCES: "give a folder or a volume path that this user may write to",
    errno.EPERM: "give a folder or a volume path that this user may write to",
    errno.ENOTDIR: "give a folder or a volume path that this user may write to",
    errno.EEXIST: "give a folder or a volume path that this user may write to",
    errno.ENAMETOOLONG: "give a shorter path",
    errno.EFBIG: "raise the limit on the size of files",
}
"""What an operator must do, by the error of the operating system."""


class StorageError(OperatorError):
    """The storage can't be used as it is."""


@contextlib.contextmanager
def storage_errors(root: Path) -> Iterator[None]:
    """Make one line of an OSError in the block, which uses the storage.

    Raises StorageError where the operator must change something, else RunFailed: another run may succeed.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        line = f"PIPELINE_STORAGE {root} is not writable ({reason})"
        if error.errno in _FIXES:
            raise StorageError(f"{line}: {_FIXES[error.errno]}") from None
        raise RunFailed(f"{line}: check its disk, then start again") from None


@dataclass(frozen=True)
class Storage:
    """The folders of one bot's storage, and its tables: each a path or a three-level Unity Catalog name."""

    root: Path
    landing: Path
    journal: Path
    checkpoints: Path
    bronze: str
    silver: str
    quarantine: str
    feedback: str

    def table(self, table: Table) -> str:
        """The path or name of a table."""
        return {
            BRONZE.name: self.bronze,
            SILVER.name: self.silver,
            QUARANTINE.name: self.quarantine,
            FEEDBACK.name: self.feedback,
        }[table.name]

    def prepare(self) -> None:
        """Create the folders that are missing. Raises what `storage_errors` raises."""
        with storage_errors(self.root):
            for folder in (self.root, self.landing, self.journal, self.checkpoints):
                make_folder(folder, 0o777 & ~umask_of(self.root))
            test_file = self.root / f".writable-{os.getpid()}"
            write_durably(test_file, b"")
            test_file.unlink()

    def close_to_others(self) -> bool:
        """Take from other users what the root gives them; whether that was needed. Raises OSError."""
        prepared = {folder.name for folder in (self.landing, self.journal, self.checkpoints)}
        return close_to_others(self.root, is_storage=self._owner_file.exists(), prepared=prepared)

    def claim(self, bot_id: int) -> None:
        """Record that the storage belongs to this bot. Raises StorageError if it belongs to another one."""
        try:
            owner = json.loads(self._owner_file.read_text())["bot_id"]
        except FileNotFoundError:
            write_durably(self._owner_file, json.dumps({"bot_id": bot_id}).encode())
            return
        except (ValueError, KeyError, TypeError):
            raise StorageError(
                f"{self._owner_file} can't be read: restore it, or give another PIPELINE_STORAGE"
            ) from None
        if owner != bot_id:
            raise StorageError(
                f"PIPELINE_STORAGE {self.root} belongs to bot {owner}, the token is bot {bot_id}'s: "
                "give that bot's token, or another storage"
            )

    @property
    def bot_id(self) -> int | None:
        """The bot that the storage belongs to; None if none has claimed it, or if that can't be read."""
        try:
            return int(json.loads(self._owner_file.read_text())["bot_id"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    @property
    def _owner_file(self) -> Path:
        return self.root / OWNER_FILE
