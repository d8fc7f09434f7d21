"""What the model is given of a conversation, over kills and restarts, and what the tables say of it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import Any

import pytest

from pipeline.replies.journal import read_journal
from pipeline.replies.reply import Reply
from tests.support.world import Job, World, wait_until

pytestmark = pytest.mark.e2e


def _given(world: World, question: str) -> list[list[str]]:
    """What the model was given before a question, at each attempt; the instructions are left out."""
    calls = [call["messages"] for call in world.model.calls if call["user_text"] == question]
    return [[str(message["content"]) for message in messages[1:-1]] for messages in calls]


def _turns(*questions: str) -> list[str]:
    return [text for question in questions for text in (question, f"echo: {question}")]


def _say_and_wait(world: World, job: Job, *questions: str) -> None:
    for question in questions:
        before = len(world.sent(1))
        world.say(question)
        wait_until(lambda before=before: len(world.sent(1)) > before, 60, lambda: job.log)  # type: ignore[misc]


def _open(world: World) -> dict[str, Reply]:
    """The open replies that the journal has, by the text of their question, in order of arrival."""
    replies = sorted(read_journal(world.storage / "journal").replies.values(), key=lambda reply: reply.question.seq)
    return {reply.question.text: reply for reply in replies if not reply.terminal}


def _explained(world: World, chat: int, message: int) -> tuple[int, Any]:
    """The exit code of `pipeline explain`, and what it prints."""
    command = [sys.executable, "-m", "pipeline", "explain", "--json", f"{chat}/{message}"]
    done = subprocess.run(command, env=world.environment, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


@pytest.mark.timeout(600)  # two runs that serve
@pytest.mark.parametrize("keep_checkpoint", [True, False], ids=["checkpoint kept", "checkpoint deleted"])
def test_a_conversation_goes_on_after_a_kill_as_if_there_had_been_none(world: World, keep_checkpoint: bool) -> None:
    questions = [f"question {number}" for number in range(1, 11)]
    job = world.serving(world.run())
    _say_and_wait(world, job, *questions[:5])
    job.kill()
    if not keep_checkpoint:
        shutil.rmtree(world.storage / "checkpoints")
    job = world.serving(world.run())
    _say_and_wait(world, job, *questions[5:])
    wait_until(lambda: len(world.table("silver")) == 10, 30, lambda: job.log)
    job.terminate()
    for number, question in enumerate(questions):
        assert _given(world, question) == [_turns(*questions[:number])]
    rows = sorted(world.table("silver"), key=lambda row: int(row["seq"]))
    assert [row["context_turns"] for row in rows] == list(range(10))
    assert [row["context_from"] for row in rows] == [None, *[rows[0]["seq"]] * 9]
    for row in (rows[5], rows[9]):
        code, explanation = _explained(world, 1, row["message_id"])
        assert (code, explanation["reproduced"], explanation["request_hash"]) == (0, True, row["request_hash"])
        assert [each["content"] for each in explanation["messages"][1:-1]] == _given(world, row["user_message"])[0]


def test_questions_that_wait_at_a_kill_are_asked_as_they_would_have_been(world: World) -> None:
    job = world.serving(world.run())
    _say_and_wait(world, job, "one")
    world.rule(contains="two", latency=60.0)
    world.say("two")
    wait_until(lambda: len(_given(world, "two")) == 1, 30, lambda: job.log)
    world.say("three")
    wait_until(lambda: "three" in _open(world), 30, lambda: job.log)
    assert [reply.context for reply in _open(world).values()][-1] is None, "it depends on the answer before it"
    job.kill()
    world.model.clear_rules()
    world.run_once()
    assert [sent["text"] for sent in world.sent(1)] == ["echo: one", "echo: two", "echo: three"]
    # What the model is given is decided once.
    assert _given(world, "two") == [_turns("one")] * 2
    assert _given(world, "three") == [_turns("one", "two")]


def test_a_conversation_is_that_of_a_topic_and_begins_anew_when_it_is_told_to(world: World) -> None:
    forum: dict[str, Any] = {"chat_id": -1000000000200, "chat_type": "supergroup", "title": "Forum", "user_id": 7}
    name = f"@{world.telegram.username}"
    for topic in (71, 72):
        world.telegram.create_topic(forum["chat_id"], topic, f"Topic {topic}")
    world.say("first")
    world.say("/new")
    edited = world.telegram.transcript(1)[0]["message_id"]
    world.say("edited", edited_message_id=edited)
    world.say("second")
    world.say("replying", reply_to_message_id=edited)
    for topic in (71, 72, 71):
        world.say(f"{name} in {topic}", **forum, message_thread_id=topic)
    job = world.run_once()
    assert _given(world, "second") == [[]]
    # The one that is replied to comes first, as it now is; it was asked before the conversation began anew.
    assert _given(world, "replying")[0][1:] == _turns("second")
    in_71, in_72 = _given(world, f"{name} in 71"), _given(world, f"{name} in 72")
    assert (in_71, in_72) == ([[], _turns(f"{name} in 71")], [[]]), job.log
    for row in world.table("silver"):
        code, explanation = _explained(world, row["channel_id"], row["message_id"])
        if row["user_message"] == "/new":
            assert (code, "has a fixed answer" in explanation) == (2, True)
        else:
            assert (code, explanation["reproduced"]) == (0, True)


def test_without_turns_each_message_is_answered_on_its_own(world: World) -> None:
    world.say("one")
    world.say("two", reply_to_message_id=world.telegram.transcript(1)[0]["message_id"])
    world.run_once("--context-turns=0")
    assert _given(world, "two") == [[]]
    assert {row["context_turns"] for row in world.table("silver")} == {None}
