"""Durable writes of small files, on a local disk or on a Unity Catalog volume."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def on_volume(path: Path) -> bool:
    """Whether a path is on a Unity Catalog volume. There closing a file is one atomic put, and a rename is a copy."""
    return path.is_absolute() and len(path.parts) > 1 and path.parts[1] == "Volumes"


def write_durably(path: Path, content: bytes, modified_at: float | None = None) -> None:
    """Write or replace a whole file, so that it survives a crash and no reader sees half of it. Raises OSError.

    `modified_at`, in seconds since 1970, becomes the file's time of modification; a volume ignores it.
    """
    if on_volume(path):
        path.write_bytes(content)
        return
    # Spark's listing and ours ignore names that begin with a dot.
    unfinished = path.with_name(f".{path.name}.tmp")
    # For the owner alone; a storage whose group may read it gives that by the mode of the folder.
    mode = 0o600 | (path.parent.stat().st_mode & 0o060)
    # Not `open`: under traffic each system call also lets all other threads go first, and it makes five more.
    file = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        with contextlib.suppress(OSError):  # a file system without modes
            os.fchmod(file, mode)
        _write_all(file, content)
        os.fsync(file)
    finally:
        os.close(file)
    if modified_at is not None:
        os.utime(unfinished, (modified_at, modified_at))
    unfinished.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _write_all(file: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(file, left) :]


def sync_file(path: Path, *, missing_ok: bool = False) -> None:
    """Make the content of a file that another program wrote durable. Raises OSError."""
    _sync(path, missing_ok)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable. Raises OSError."""
    _sync(path, missing_ok=False)


def _sync(path: Path, missing_ok: bool) -> None:
    try:
        opened = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        if missing_ok:
            return
        raise
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
