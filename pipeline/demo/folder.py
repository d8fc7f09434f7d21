"""The folder that demos use again: one for each bot, and further ones for demos at the same time."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from pipeline.demo.failure import DemoError
from pipeline.storage.modes import make_folder

_MOST = 9
"""Demos of one bot at the same time."""

try:
    import fcntl
except ImportError:  # not on Windows, where two demos at once need --storage
    fcntl = None  # type: ignore[assignment]


def demo_root() -> Path:
    """The folder of all demos, where the user's programs keep what they write. It may not exist."""
    state = os.environ.get("XDG_STATE_HOME", "")
    # By its own rules, a relative one is ignored.
    base = Path(state) if Path(state).is_absolute() else Path.home() / ".local" / "state"
    return base / "telegram-lakehouse" / "demo"


@contextlib.contextmanager
def held_folder(root: Path, bot_id: int, *, fresh: bool = False) -> Iterator[Path]:
    """The first folder of a bot that no other demo uses, and no run that a demo left behind. It is held for the block.

    `fresh` empties it first. Raises DemoError.
    """
    with contextlib.ExitStack() as held:
        try:
            make_folder(root)
            folder = _first_free(held, root, bot_id)
            if fresh and folder.exists():
                shutil.rmtree(folder)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise DemoError(f"{root} can't be used ({reason}): give another folder with --storage") from None
        yield folder


def _first_free(held: contextlib.ExitStack, root: Path, bot_id: int) -> Path:
    for number in range(1, _MOST + 1):
        folder = root / (f"bot-{bot_id}" if number == 1 else f"bot-{bot_id}-{number}")
        if held.enter_context(_lock(root / f".{folder.name}.lock")) and not _is_run_in(folder):
            return folder
    raise DemoError(f"{_MOST} demos run already: stop one of them, or give a folder with --storage")


@contextlib.contextmanager
def _lock(file: Path) -> Iterator[bool]:
    """Whether nobody else holds the lock; then it is held for the block, and ends with the process at the latest."""
    if fcntl is None:
        yield True
        return
    with file.open("ab") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _is_run_in(folder: Path) -> bool:
    """Whether a pipeline runs on a folder: one of a demo that was killed lives on."""
    lease = folder / ".lease.lock"
    if not lease.exists():
        return False
    with _lock(lease) as free:
        return not free
