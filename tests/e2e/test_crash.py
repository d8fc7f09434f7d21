"""A run that dies at a bad moment, and the run after it: nothing lost, nothing answered or sent twice."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

import pytest

from tests.support.world import World, repeated, wait_until

pytestmark = pytest.mark.e2e

_DIE_AT = """
import os, pathlib, signal, time
from pipeline.replies.journal import Journal
from pipeline.storage.landing import Landing
from pipeline.stream.delta import DeltaTable
from pipeline.stream.table_writer import TableWriter
moment = {moment!r}
def die(): os.kill(os.getpid(), signal.SIGKILL)
def dying_after(of, name, at, when=lambda *arguments: True):
    method = getattr(of, name)
    def method_and_die(self, *arguments):
        arguments = [list(one) if hasattr(one, "__next__") else one for one in arguments]
        result = method(self, *arguments)
        if moment == at and when(self, *arguments): die()
        return result
    setattr(of, name, method_and_die)
dying_after(Journal, "record", "the questions are durable")
dying_after(TableWriter, "add", "the rows are handed over")
for table in ("silver", "bronze", "quarantine"):
    written = lambda self, rows, of=table: rows and self.table.name == of
    dying_after(DeltaTable, "append", table + " has its rows", written)
dying_after(Journal, "forget", "the journal has forgotten the replies", lambda self, keys: keys)
dying_after(Landing, "finish", "the files have left the landing", lambda self, names: names)
write = TableWriter.write
def write_after_commit(self):
    if moment == "Spark has committed the micro-batch":
        checkpoint = pathlib.Path(os.environ["PIPELINE_STORAGE"]) / "checkpoints" / "silver"
        planned = lambda log: max((int(p.name) for p in (checkpoint / log).glob("[0-9]*")), default=-1)
        while planned("commits") < planned("offsets"): time.sleep(0.01)
        die()
    write(self)
TableWriter.write = write_after_commit
"""
_MOMENTS = (
    "the questions are durable",
    "the rows are handed over",
    "Spark has committed the micro-batch",
    "silver has its rows",
    "the journal has forgotten the replies",
    "bronze has its rows",
    "quarantine has its rows",
    "the files have left the landing",
)


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


def test_a_kill_while_answers_are_shown_loses_nothing_and_repeats_nothing(world: World) -> None:
    world.rule(stream_piece=8, stream_pause=0.15)
    drafts: list[str] = []
    world.telegram.listen(lambda event: drafts.append(event["text"]) if event["type"] == "draft" else None)
    job = world.serving(world.run())
    texts = world.burst(60, chats=30)
    wait_until(lambda: len(world.sent()) >= 10 and any(drafts), 60, lambda: job.log)
    job.kill()
    assert len(world.sent()) < 60
    world.run_once()
    _assert_each_once(world, texts)
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


def _die_at(world: World, moment: str) -> list[str]:
    """Messages, of which one is none, and a run that dies at this moment; the messages' texts."""
    texts = world.burst(6, chats=3, text=moment)
    landing = world.storage / "landing"
    landing.mkdir(parents=True, exist_ok=True)
    (landing / f"1-injected-{abs(hash(moment))}.jsonl").write_text(f"garbage {moment}\n")
    job = world.run("--once", prelude=_DIE_AT.format(moment=moment))
    assert job.wait(150) == -9, job.log
    return texts


@pytest.mark.timeout(900)  # a run for each moment
@pytest.mark.parametrize("keep_checkpoint", [True, False], ids=["checkpoint kept", "checkpoint deleted"])
def test_a_kill_at_any_moment_between_the_landing_and_the_tables_loses_nothing_and_repeats_nothing(
    world: World, keep_checkpoint: bool
) -> None:
    moments = _MOMENTS if keep_checkpoint else _MOMENTS[2:6]
    texts = []
    for moment in moments:
        texts += _die_at(world, moment)
        if not keep_checkpoint:
            shutil.rmtree(world.storage / "checkpoints")
    texts += world.burst(3, chats=3, text="later")
    world.run_once()
    _assert_each_once(world, texts)
    assert sorted(row["raw"] for row in world.table("quarantine")) == sorted(f"garbage {moment}" for moment in moments)
    assert not list((world.storage / "landing").glob("*.jsonl")), "every file has left"
    # What was being generated at a kill is asked for again.
    assert max(world.asked().values()) <= 2


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
def append_or_fail(self, rows):
    if rows and not failed:
        failed.append(True)
        raise OSError(28, "No space left on device")
    append(self, rows)
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
