"""Where everything durable lies: the folders of one storage, and how a small file is made durable in it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import OperatorError
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


def on_volume(path: Path) -> bool:
    """Whether a path lies on a Unity Catalog volume, where one close is one atomic put and rename is a copy."""
    return path.is_absolute() and len(path.parts) > 1 and path.parts[1] == "Volumes"


def write_durably(path: Path, content: bytes, modified_at: float | None = None) -> None:
    """Write a whole file such that it survives a crash and is never seen half written.

    `modified_at`, in seconds since 1970, is the time of modification to give it, where the file system takes one.
    """
    if on_volume(path):
        path.write_bytes(content)
        return
    # The dot hides the unfinished file from Spark's listing and from our own.
    unfinished = path.with_name(f".{path.name}.tmp")
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if modified_at is not None:
        os.utime(unfinished, (modified_at, modified_at))
    unfinished.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
