"""Durable writes of small files, on a local disk or on a Unity Catalog volume."""

from __future__ import annotations

import contextlib
import os
import weakref
from collections.abc import Callable
from pathlib import Path


def on_volume(path: Path) -> bool:
    """Whether a path is on a Unity Catalog volume. There closing a file is one atomic put, and a rename is a copy."""
    return path.is_absolute() and len(path.parts) > 1 and path.parts[1] == "Volumes"


def write_durably(path: Path, content: bytes, modified_at: float | None = None) -> None:
    """Write or replace a whole file, as `DurableFolder.write` does. Raises OSError."""
    with contextlib.closing(DurableFolder(path.parent)) as folder:
        folder.write(path.name, content, modified_at)


class DurableFolder:
    """A folder that stays open for durable writes of files in it.

    Under traffic each system call also lets all other threads go first, and an open folder saves some.
    """

    def __init__(self, path: Path) -> None:
        """Raises OSError where there is no such folder."""
        self.path = path
        self._close: Callable[[], object] = lambda: None
        if not on_volume(path):
            # For the owner alone; a storage whose group may read it gives that by the mode of the folder.
            self._group = path.stat().st_mode & 0o060
            self._folder = os.open(path, os.O_RDONLY)
            self._close = closing = weakref.finalize(self, os.close, self._folder)
            # A thread may still write while the process exits, which closes it anyway.
            closing.atexit = False

    def close(self) -> None:
        """Write nothing after this. A folder that nobody has any more closes by itself."""
        self._close()

    def write(self, name: str, content: bytes, modified_at: float | None = None) -> None:
        """Write or replace a whole file, so that it survives a crash and no reader sees half of it. Raises OSError.

        `modified_at`, in seconds since 1970, becomes the file's time of modification; a volume ignores it.
        For one thread at a time.
        """
        if on_volume(self.path):
            (self.path / name).write_bytes(content)
            return
        # Spark's listing and ours ignore names that begin with a dot.
        unfinished, mode = f".{name}.tmp", 0o600 | self._group
        # Not `open`, which makes five more system calls.
        file = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode, dir_fd=self._folder)
        try:
            if self._group:
                with contextlib.suppress(OSError):  # a file system without modes
                    os.fchmod(file, mode)
            left = memoryview(content)
            while left:
                left = left[os.write(file, left) :]
            os.fsync(file)
            if modified_at is not None:
                os.utime(file, (modified_at, modified_at))
        finally:
            os.close(file)
        os.rename(unfinished, name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        os.fsync(self._folder)


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
