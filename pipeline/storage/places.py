"""Where everything durable is: the folders and tables of one storage, and the bot it belongs to."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import OperatorError
from pipeline.storage.durable import write_durably
from pipeline.tables import BRONZE, QUARANTINE, SILVER, Table

OWNER_FILE = "bot.json"
"""Says which bot a storage belongs to."""


class StorageError(OperatorError):
    """The storage can't be used as it is."""


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

    def table(self, table: Table) -> str:
        """The path or name of a table."""
        return {BRONZE.name: self.bronze, SILVER.name: self.silver, QUARANTINE.name: self.quarantine}[table.name]

    def prepare(self) -> None:
        """Create the folders that are missing. Raises StorageError if they can't be created or written to."""
        try:
            for folder in (self.root, self.landing, self.journal, self.checkpoints):
                folder.mkdir(parents=True, exist_ok=True)
            test_file = self.root / f".writable-{os.getpid()}"
            write_durably(test_file, b"")
            test_file.unlink()
        except OSError as error:
            raise StorageError(
                f"PIPELINE_STORAGE {self.root} is not writable ({error.strerror or error}): "
                "give a folder or a volume path that this user may write to"
            ) from None

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
