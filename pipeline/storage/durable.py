"""Making a small file durable: on a local disk, or on a Unity Catalog volume."""

from __future__ import annotations

import os
from pathlib import Path


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
