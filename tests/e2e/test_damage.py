"""A checkpoint that is damaged, moved, or an older one: the run begins a new one, and loses and repeats nothing.

A table that is damaged stops it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline.storage.record import read_record
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


@pytest.mark.timeout(600)  # five runs
def test_a_damaged_checkpoint_is_replaced_whatever_the_damage(world: World) -> None:
    texts = world.burst(5, chats=3)
    world.run_once()
    checkpoint = world.storage / "checkpoints" / "silver"
    for damage in (_sources_removed, _newest_offsets_emptied, _metadata_emptied, _offsets_garbled):
        kind = damage.__name__
        last_id = json.loads((checkpoint / "metadata").read_text())["id"]
        damage(checkpoint)
        texts += world.burst(5, chats=3, text=kind)
        job = world.run_once()
        assert job.log.count("a new checkpoint is begun") == 1, kind
        assert (world.storage / "checkpoints" / "silver.set-aside").is_dir(), kind
        assert json.loads((checkpoint / "metadata").read_text())["id"] != last_id, kind
        _assert_each_once(world, texts)
    record = read_record(world.storage)
    assert record is not None
    assert record.problems == {}, "a repair is no problem any more once a micro-batch is through"


def test_an_older_checkpoint_of_the_same_query_loses_no_message(world: World, tmp_path: Path) -> None:
    texts = _batch_by_batch(world, 1, "first")
    checkpoint, backup = world.storage / "checkpoints" / "silver", tmp_path / "backup"
    shutil.copytree(checkpoint, backup)
    texts += _batch_by_batch(world, 1, "second")
    # Spark reads again what it had read since, as far as it is there, and gives its batch ids out again.
    shutil.rmtree(checkpoint)
    shutil.copytree(backup, checkpoint)
    texts += _batch_by_batch(world, 1, "third")
    _assert_each_once(world, texts)


@pytest.mark.timeout(600)  # four runs
def test_a_storage_can_be_copied_and_moved_and_does_not_continue_the_checkpoint_of_another(
    world: World, tmp_path: Path
) -> None:
    texts = world.burst(5, chats=3)
    world.run_once()
    copied_from, copy = world.storage, tmp_path / "another place" / "lake"
    # A JVM removes its temporary files for a second after its run has ended.
    shutil.copytree(copied_from, copy, symlinks=True, ignore=shutil.ignore_patterns("scratch"))
    _use(world, copy)
    texts += world.burst(5, chats=3, text="copied")
    assert "the storage was moved or copied" in world.run_once().log
    _assert_each_once(world, texts)

    shutil.rmtree(copy / "checkpoints" / "silver")
    shutil.copytree(copied_from / "checkpoints" / "silver", copy / "checkpoints" / "silver")
    texts += world.burst(5, chats=3, text="foreign")
    assert "it is not the one that this storage used last" in world.run_once().log
    _assert_each_once(world, texts)

    moved = tmp_path / "moved"
    copy.rename(moved)
    _use(world, moved)
    texts += world.burst(5, chats=3, text="moved")
    assert "the storage was moved or copied" in world.run_once().log
    _assert_each_once(world, texts)


def test_a_durable_commit_of_a_table_that_is_damaged_stops_the_run_in_one_line(world: World) -> None:
    """What it holds was let go: its rows are nowhere else, so it must not be removed without a word."""
    _batch_by_batch(world, 1, "message")
    newest = max((world.storage / "bronze" / "_delta_log").glob("*.json"))
    newest.write_bytes(b"")
    job = world.run("--once")
    assert job.wait() == 2
    assert f"pipeline: {newest} is missing or cut, and nothing else has its rows" in job.log
    assert "Traceback" not in job.log
    assert newest.exists(), "nothing was changed"


def _use(world: World, storage: Path) -> None:
    world.storage, world.environment["PIPELINE_STORAGE"] = storage, str(storage)
