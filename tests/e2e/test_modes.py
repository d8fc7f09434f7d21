"""A storage is readable by its owner alone, whatever the umask of whoever starts the run."""

import os
import stat

import pytest

from pipeline.sandbox.telegram.people.messages import UserMessage
from tests.support.world import World

pytestmark = pytest.mark.e2e


def test_every_file_and_folder_of_a_run_is_for_its_owner_alone(world: World) -> None:
    before = os.umask(0o022)
    try:
        world.telegram.receive(UserMessage(chat_id=1, text="hi"))
        world.run_once()
    finally:
        os.umask(before)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (world.storage, *world.storage.rglob("*"))}
    open_ones = {
        str(path.relative_to(world.storage)): oct(mode)
        for path, mode in modes.items()
        if mode != (0o700 if path.is_dir() else 0o600)
    }
    assert open_ones == {}
    assert any(path.suffix == ".parquet" for path in modes)
