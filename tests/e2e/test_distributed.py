"""Answering over executors in processes of their own, with credentials from a broadcast."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import pytest

from tests.support.files import contents
from tests.support.world import KEY, TOKEN, World, repeated, wait_until

pytestmark = pytest.mark.e2e

_NAME_WHAT_THE_DRIVER_ASKS = """
from pipeline.model.on_driver import DriverAnswering
submit = DriverAnswering.submit
def submit_and_say(self, asked, done):
    for each in asked:
        print("driver asks", each.question.text, flush=True)
    submit(self, asked, done)
DriverAnswering.submit = submit_and_say
"""
_CLUSTER = ("--spark-master", "local-cluster[2,1,1024]", "--concurrency", "5", "--context-turns", "0")
"""Batches of more than 20 questions are for the executors then, without memory also the later ones of a chat."""


def test_executors_answer_through_the_death_of_one_and_a_rotation_of_both_secrets(world: World, tmp_path: Path) -> None:
    world.rule(contains="message", latency=0.5)
    key_file, token_file = tmp_path / "key", tmp_path / "token"
    key_file.write_text(KEY)
    token_file.write_text(TOKEN)
    for name in ("OPENAI_API_KEY", "TELEGRAM_BOT_TOKEN"):
        world.environment.pop(name)
    files = {"OPENAI_API_KEY_FILE": str(key_file), "TELEGRAM_BOT_TOKEN_FILE": str(token_file)}
    job = world.run(*_CLUSTER, prelude=_NAME_WHAT_THE_DRIVER_ASKS, **files)
    world.serving(job, timeout=180)
    texts = world.burst(300, chats=150)
    wait_until(lambda: len(world.model.calls) >= 40, 60, lambda: job.log)
    os.kill(_an_executor(job.pid), signal.SIGKILL)
    wait_until(lambda: len(world.sent()) == 300, 180, lambda: job.log)
    world.model.api_key = "another-key-of-the-model"
    key_file.write_text("another-key-of-the-model")
    world.telegram.rotate_token(new_token := f"{TOKEN[:-1]}2")
    token_file.write_text(new_token)
    texts += world.burst(30, chats=30, text="rotated")
    wait_until(lambda: len(world.table("silver")) == 330, 120, lambda: job.log)
    # All by the executors: Spark ran the dead one's tasks again, and the new secrets came with a new broadcast.
    assert "driver asks" not in job.log
    replies = [sent["text"].removeprefix("echo: ") for sent in world.sent()]
    assert sorted(replies) == sorted(texts)
    assert not repeated(replies)
    assert sorted(row["user_message"] for row in world.table("silver")) == sorted(texts)
    # While Spark's blocks, the broadcasts among them, are still there.
    for secret in (KEY, "another-key-of-the-model", TOKEN, new_token):
        assert secret not in job.log
        for path, content in contents(world.storage):
            assert secret.encode() not in content, path
    assert job.terminate() < 15


def _descendants(pid: int) -> dict[int, str]:
    """Processes below one, with their command lines."""
    parents: dict[int, int] = {}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it may have ended meanwhile
            parents[int(process.name)] = int(process.joinpath("stat").read_text().rpartition(")")[2].split()[1])
    found: set[int] = set()
    frontier = {pid}
    while frontier:
        frontier = {child for child, parent in parents.items() if parent in frontier}
        found |= frontier
    return {child: Path(f"/proc/{child}/cmdline").read_text().replace("\0", " ") for child in found}


def _an_executor(pid: int) -> int:
    return next(child for child, args in _descendants(pid).items() if "CoarseGrainedExecutorBackend" in args)
