"""A storage is readable by its owner alone, whatever the umask of whoever starts the run."""

import os
import stat
from pathlib import Path

import pytest

from pipeline.sandbox.telegram.people.messages import UserMessage
from tests.support.world import World

pytestmark = pytest.mark.e2e


def mode_of(path: Path) -> int | None:
    """None for what the JVM, which may outlive the run for a moment, has removed meanwhile."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return None


def is_closed(path: Path, mode: int) -> bool:
    # Spark runs what it unpacks into its scratch folder.
    wanted = (0o700,) if path.is_dir() else (0o600, 0o700) if "scratch" in path.parts else (0o600,)
    return mode in wanted


def test_every_file_and_folder_of_a_run_is_for_its_owner_alone(world: World) -> None:
    before = os.umask(0o022)
    try:
        world.telegram.receive(UserMessage(chat_id=1, text="hi"))
        world.run_once()
    finally:
        os.umask(before)
    # Unlike `rglob`, `walk` bears with a folder that is removed meanwhile.
    walked = os.walk(world.storage)
    inside = [Path(parent) / name for parent, folders, files in walked for name in (*folders, *files)]
    modes = {path: mode for path in (world.storage, *inside) if (mode := mode_of(path)) is not None}
    open_ones = {
        str(path.relative_to(world.storage)): oct(mode) for path, mode in modes.items() if not is_closed(path, mode)
    }
    assert open_ones == {}
    assert any(path.suffix == ".parquet" for path in modes)
