"""Who may read a storage: its owner, and the group if the storage's folder gives it that. Nobody else.

A volume has no modes: there the catalog's grants decide.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Container, Iterator
from pathlib import Path

from pipeline.storage.durable import on_volume

PRIVATE_FOLDER = 0o700
_OTHERS = 0o007
_GROUP = 0o070


def make_folder(folder: Path, mode: int = PRIVATE_FOLDER) -> None:
    """Create a folder and its missing parents with this mode. One that exists is left as it is. Raises OSError."""
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        missing.mkdir(mode, exist_ok=True)
    folder.mkdir(exist_ok=True)


def umask_of(root: Path) -> int:
    """The umask for what is created in a storage: nothing for others, for the group what the root gives it."""
    try:
        return 0o077 & ~(root.stat().st_mode & _GROUP)
    except OSError:
        return 0o077


@contextlib.contextmanager
def private_files(root: Path) -> Iterator[None]:
    """Within the block, whatever this process or one that it starts creates is closed to others.

    For one thread, while no other thread creates files.
    """
    if on_volume(root):
        yield
        return
    before = os.umask(umask_of(root))
    try:
        yield
    finally:
        os.umask(before)


def close_to_others(root: Path, *, is_storage: bool, prepared: Container[str] = ()) -> bool:
    """Take from others what a storage's root gives them; the group keeps what it has. Returns whether that was needed.

    A folder that is shared for other reasons is left as it is: one with the sticky bit, and one that has other content
    beside the `prepared` names and is no storage yet. What a run creates in it is closed all the same. Raises OSError.
    """
    if on_volume(root):
        return False
    mode = stat.S_IMODE(root.stat().st_mode)
    shared = mode & stat.S_ISVTX or not (is_storage or all(path.name in prepared for path in root.iterdir()))
    if shared or not mode & _OTHERS:
        return False
    root.chmod(mode & ~_OTHERS)
    return True
