"""A checkpoint that is damaged, moved, or an older one: the run begins a new one, and loses and repeats nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.support.world import World, repeated

pytestmark = pytest.mark.e2e


def _newest(folder: Path) -> Path:
    return max((path for path in folder.iterdir() if path.name.isdigit()), key=lambda path: int(path.name))


def _batch_by_batch(world: World, count: int, text: str) -> list[str]:
    """Messages, each in a micro-batch of its own at least."""
    texts = []
    for number in range(count):
        texts += world.burst(1, chats=1, text=f"{text} {number}")
        world.run_once()
    return texts


def _assert_each_once(world: World, texts: Sequence[str]) -> None:
    """The product's promise where no run was killed."""
    assert sorted(row["text"] for row in world.table("bronze")) == sorted(texts)
    assert sorted(row["user_message"] for row in world.table("silver")) == sorted(texts)
    replies = [sent["text"].removeprefix("echo: ") for sent in world.sent()]
    assert not repeated(replies)
    assert sorted(replies) == sorted(texts)
    assert set(world.asked().values()) == {1}


def _sources_removed(checkpoint: Path) -> None:
    shutil.rmtree(checkpoint / "sources")


def _newest_offsets_emptied(checkpoint: Path) -> None:
    _newest(checkpoint / "offsets").write_bytes(b"")


def _metadata_emptied(checkpoint: Path) -> None:
    (checkpoint / "metadata").write_bytes(b"")


def _offsets_garbled(checkpoint: Path) -> None:
    """What only Spark can notice."""
    for path in (checkpoint / "offsets").iterdir():
        path.write_bytes(b"v7\nnothing\n")
    for path in (checkpoint / "offsets").glob(".*"):
        path.unlink()


@pytest.mark.parametrize(
    "damage",
    [_sources_removed, _newest_offsets_emptied, _metadata_emptied, _offsets_garbled],
    ids=lambda damage: damage.__name__.strip("_"),
)
def test_a_damaged_checkpoint_is_replaced(world: World, damage: Callable[[Path], None]) -> None:
    texts = world.burst(5, chats=3)
    world.run_once()
    damage(world.storage / "checkpoints" / "silver")
    texts += world.burst(5, chats=3, text="later")
    job = world.run_once()
    assert job.log.count("a new checkpoint is begun") == 1
    assert (world.storage / "checkpoints" / "silver.set-aside").is_dir()
    _assert_each_once(world, texts)


def test_an_older_checkpoint_of_the_same_query_loses_no_message(world: World, tmp_path: Path) -> None:
    texts = _batch_by_batch(world, 1, "first")
    checkpoint, backup = world.storage / "checkpoints" / "silver", tmp_path / "backup"
    shutil.copytree(checkpoint, backup)
    texts += _batch_by_batch(world, 1, "second")
    # Under the old batch ids Delta would skip, without a word, whatever is appended now.
    shutil.rmtree(checkpoint)
    shutil.copytree(backup, checkpoint)
    texts += _batch_by_batch(world, 1, "third")
    _assert_each_once(world, texts)


@pytest.mark.parametrize("keep_old", [False, True], ids=["moved", "copied"])
def test_a_storage_can_be_moved_and_copied(world: World, tmp_path: Path, keep_old: bool) -> None:
    texts = world.burst(5, chats=3)
    world.run_once()
    old, new = world.storage, tmp_path / "another place" / "lake"
    shutil.copytree(old, new, symlinks=True)
    if not keep_old:
        shutil.rmtree(old)
    world.storage = new
    world.environment["PIPELINE_STORAGE"] = str(new)
    texts += world.burst(5, chats=3, text="later")
    assert "the storage was moved or copied" in world.run_once().log
    _assert_each_once(world, texts)


def test_the_checkpoint_of_another_storage_is_not_continued(world: World, tmp_path: Path) -> None:
    ours, other = world.storage, tmp_path / "other"
    world.storage, world.environment["PIPELINE_STORAGE"] = other, str(other)
    world.run_once()
    world.storage, world.environment["PIPELINE_STORAGE"] = ours, str(ours)
    texts = world.burst(5, chats=3)
    world.run_once()
    shutil.rmtree(ours / "checkpoints" / "silver")
    shutil.copytree(other / "checkpoints" / "silver", ours / "checkpoints" / "silver")
    texts += world.burst(5, chats=3, text="later")
    world.run_once()
    _assert_each_once(world, texts)
