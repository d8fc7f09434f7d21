"""A run that dies at a bad moment, and the run after it: nothing lost, nothing answered or sent twice."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

import pytest

from tests.support.world import World, repeated, wait_until

pytestmark = pytest.mark.e2e

_DIE_AFTER_SILVER = """
import os, signal
from pipeline.stream.delta import DeltaTable
append = DeltaTable.append
def append_and_die(self, rows, query_id, batch_id):
    append(self, rows, query_id, batch_id)
    if self.table.name == "silver" and rows:
        os.kill(os.getpid(), signal.SIGKILL)
DeltaTable.append = append_and_die
"""
_DIE_AFTER_BRONZE = _DIE_AFTER_SILVER.replace('"silver"', '"bronze"')


def _assert_each_once(world: World, texts: Sequence[str]) -> None:
    """The product's promise, whatever has happened before."""
    silver = world.table("silver")
    assert sorted(row["user_message"] for row in silver) == sorted(texts)
    bronze = world.table("bronze")
    assert sorted(row["text"] for row in bronze) == sorted(texts)
    unknown = {row["user_message"] for row in silver if row["delivery_status"] == "unknown"}
    replies = [sent["text"].removeprefix("echo: ") for sent in world.sent()]
    assert not repeated(replies)
    # What is recorded as unknown may or may not have arrived; everything else has.
    assert set(texts) - set(replies) <= unknown
    assert len(unknown) <= 32
    for chat in {row["channel_id"] for row in silver}:
        asked = [row["user_message"] for row in sorted(silver, key=lambda r: r["seq"]) if row["channel_id"] == chat]
        answered = [sent["text"].removeprefix("echo: ") for sent in world.sent(chat)]
        assert answered == [text for text in asked if text in answered]


def test_a_kill_in_the_middle_of_a_burst_loses_nothing_and_repeats_nothing(world: World) -> None:
    world.rule(latency=0.3)
    job = world.serving(world.run())
    texts = world.burst(200, chats=100)
    wait_until(lambda: len(world.sent()) >= 60, 60, lambda: job.log)
    job.kill()
    assert len(world.sent()) < 200
    world.run_once()
    _assert_each_once(world, texts)
    # At most the answers that were being generated at the kill were asked for again.
    assert max(world.asked().values()) <= 2


def test_a_landing_file_that_is_put_back_while_a_later_run_serves_repeats_nothing(world: World) -> None:
    texts = world.burst(5, chats=5)
    world.run_once()
    landing = world.storage / "landing"
    done = next(file for file in landing.rglob("*.jsonl") if "message" in file.read_text())
    content = done.read_bytes()
    job = world.serving(world.run())
    # Under another name: the file source knows the old one, and would not even read it.
    seq, _, rest = done.name.partition("-")
    (landing / f"{int(seq) + 1}-{rest}").write_bytes(content)
    texts += world.burst(1, chats=1, text="later")
    wait_until(lambda: len(world.sent()) == len(texts), 60, lambda: job.log)
    job.terminate()
    world.run_once()
    _assert_each_once(world, texts)
    assert set(world.asked().values()) == {1}


@pytest.mark.parametrize("keep_checkpoint", [True, False], ids=["checkpoint kept", "checkpoint deleted"])
def test_a_kill_between_silver_commit_and_checkpoint_commit_repeats_nothing(
    world: World, keep_checkpoint: bool
) -> None:
    texts = world.burst(30, chats=30)
    assert world.run("--once", prelude=_DIE_AFTER_SILVER).wait() == -9
    assert world.table("silver")
    if not keep_checkpoint:
        shutil.rmtree(world.storage / "checkpoints")
    world.run_once()
    _assert_each_once(world, texts)
    assert set(world.asked().values()) == {1}


def test_a_checkpoint_deleted_after_a_kill_in_the_middle_repeats_nothing(world: World) -> None:
    world.rule(contains="message 1", latency=3.0)
    texts = world.burst(40, chats=20)
    assert world.run("--once", prelude=_DIE_AFTER_BRONZE).wait() == -9
    assert world.table("bronze")
    shutil.rmtree(world.storage / "checkpoints")
    world.run_once()
    more = world.burst(10, chats=10, text="later")
    world.run_once()
    _assert_each_once(world, [*texts, *more])


def test_a_replayed_batch_after_an_orderly_end_repeats_nothing(world: World) -> None:
    texts = world.burst(10, chats=5)
    world.run_once()
    commits = world.storage / "checkpoints" / "silver" / "commits"
    last = max(int(path.name) for path in commits.iterdir() if path.name.isdigit())
    for path in commits.glob(f"*{last}*"):
        path.unlink()
    world.run_once()
    _assert_each_once(world, texts)
    assert set(world.asked().values()) == {1}


_FAIL_ONCE = """
from pipeline.stream.delta import DeltaTable
append, failed = DeltaTable.append, []
def append_or_fail(self, rows, query_id, batch_id):
    if rows and not failed:
        failed.append(True)
        raise OSError(28, "No space left on device")
    append(self, rows, query_id, batch_id)
DeltaTable.append = append_or_fail
"""
_OVERSIZED = "import pipeline.stream.checkpoint\npipeline.stream.checkpoint._OVERSIZED_FROM = 0\n"


def test_a_failed_append_and_a_checkpoint_begun_anew_change_nothing(world: World) -> None:
    landing = world.storage / "landing"
    landing.mkdir(parents=True)
    (landing / "1-0-0.jsonl").write_text("garbage\n")
    texts = world.burst(10, chats=5)
    for prelude in (_FAIL_ONCE, _OVERSIZED):
        job = world.run("--once", prelude=prelude)
        assert job.wait(150) == 0, job.log
    assert "a new checkpoint is begun" in job.log
    _assert_each_once(world, texts)
    assert [row["raw"] for row in world.table("quarantine")] == ["garbage"]
