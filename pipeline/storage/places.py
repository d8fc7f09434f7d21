"""Where everything durable lies: the folders of one storage, and how a small file is made durable in it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import OperatorError
from pipeline.storage.durable import write_durably
from pipeline.tables import BRONZE, QUARANTINE, SILVER, Table


class StorageError(OperatorError):
    """The storage can't be used as it is."""


@dataclass(frozen=True)
class Storage:
    """The folders of one bot's storage, and its tables, each a path or a three-level Unity Catalog name."""

    root: Path
    landing: Path
    journal: Path
    checkpoints: Path
    bronze: str
    silver: str
    quarantine: str

    def table(self, table: Table) -> str:
        return {BRONZE.name: self.bronze, SILVER.name: self.silver, QUARANTINE.name: self.quarantine}[table.name]

    def prepare(self) -> None:
        """Make the folders. Raises StorageError where that, or writing into them, is refused."""
        try:
            for folder in (self.root, self.landing, self.journal, self.checkpoints):
                folder.mkdir(parents=True, exist_ok=True)
            probe = self.root / f".writable-{os.getpid()}"
            write_durably(probe, b"")
            probe.unlink()
        except OSError as error:
            raise StorageError(
                f"PIPELINE_STORAGE {self.root} is not writable ({error.strerror or error}): "
                "give a folder or a volume path that this user may write to"
            ) from None

    def claim(self, bot_id: int) -> None:
        """Make the storage this bot's own. Raises StorageError if it is another bot's already."""
        owner = self.root / "bot.json"
        try:
            known = json.loads(owner.read_text())["bot_id"]
        except FileNotFoundError:
            write_durably(owner, json.dumps({"bot_id": bot_id}).encode())
            return
        except (ValueError, KeyError, TypeError):
            raise StorageError(f"{owner} can't be read: restore it, or give another PIPELINE_STORAGE") from None
        if known != bot_id:
            raise StorageError(
                f"PIPELINE_STORAGE {self.root} belongs to bot {known}, the token is bot {bot_id}'s: "
                "give that bot's token, or another storage"
            )

    @property
    def bot_id(self) -> int | None:
        """The bot that claimed the storage."""
        try:
            return int(json.loads((self.root / "bot.json").read_text())["bot_id"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
