"""An answer that is shown while it is written: what a person sees, and can stop."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import pytest

from pipeline.sandbox.telegram.people.drafts import StopButton
from pipeline.sandbox.telegram.people.table import ACTIONS
from tests.support.world import World, wait_until

pytestmark = pytest.mark.e2e

_SLOWLY: dict[str, Any] = {"stream_piece": 16, "stream_pause": 0.2}
"""The first piece has the first word."""
_STORY = "Once upon a time there was a bot. " * 5


class Shown(NamedTuple):
    """What a chat shows of an answer, and when: a draft with its number, or a message without one."""

    at: float
    chat_id: int
    draft_id: int | None
    text: str


def _watch(world: World) -> list[Shown]:
    shown: list[Shown] = []

    def note(event: dict[str, Any]) -> None:
        if event["type"] == "draft" and event["text"] is not None:
            shown.append(Shown(time.time(), event["chat_id"], event["draft_id"], event["text"]))
        elif event["type"] == "message" and event.get("message", {}).get("from", {}).get("is_bot"):
            shown.append(Shown(time.time(), event["chat_id"], None, event["message"].get("text", "")))

    world.telegram.listen(note)
    return shown


def _stop(world: World, draft: Shown) -> None:
    assert draft.draft_id is not None
    world.telegram.perform(ACTIONS["drafts/stop"], StopButton(chat_id=draft.chat_id, draft_id=draft.draft_id))


def _row(world: World, text: str) -> dict[str, Any]:
    (row,) = [row for row in world.table("silver") if row["user_message"] == text]
    return row


def test_an_answer_grows_in_its_chat_until_the_one_reply_takes_its_place(world: World) -> None:
    shown = _watch(world)
    world.rule(contains="story", answer=_STORY, latency=0.5, **_SLOWLY)
    job = world.serving(world.run())
    delays = []
    for chat in range(1, 6):
        world.say(f"a story for {chat}", chat_id=chat)
        wait_until(lambda chat=chat: len(world.sent(chat)) == 1, 30, lambda: job.log)  # type: ignore[misc]
        first = next(each for each in shown if each.chat_id == chat)
        delays.append(first.at - world.model.calls[-1]["first_at"])
        drafts = [each.text for each in shown if each.chat_id == chat]
        assert len(drafts) > 3
        assert all(_STORY.startswith(text) for text in drafts), "each is the beginning of the answer"
        assert drafts == sorted(drafts, key=len)
        assert world.sent(chat)[0]["text"] == _STORY.strip()
    print("first words after the model's first token:", [round(delay, 3) for delay in delays])
    assert sorted(delays)[len(delays) // 2] < 0.3
    world.wait_for_rows(job, silver=5)
    row = _row(world, "a story for 1")
    assert (row["answer_status"], row["error"]) == ("answered", None)
    assert row["asked_at"] < row["first_token_at"] < row["answered_at"]
    assert row["completion_tokens"] > 10


def test_a_person_stops_an_answer_and_what_was_written_is_the_reply(world: World) -> None:
    shown = _watch(world)
    world.rule(contains="story", answer=_STORY * 20, **_SLOWLY)
    job = world.serving(world.run())
    world.say("a story", chat_id=1)
    world.say("and then?", chat_id=1)
    wait_until(lambda: len(shown) >= 3, 30, lambda: job.log)
    pressed = time.time()
    _stop(world, shown[-1])
    wait_until(lambda: len(world.sent(1)) == 2, 30, lambda: job.log)
    reply, following = world.sent(1)
    assert (_STORY * 20).startswith(reply["text"])
    assert len(reply["text"]) >= len(shown[2].text)
    assert following["text"] == "echo: and then?"
    # The model was told: it wrote no further.
    call = world.model.calls[0]
    assert call["finished_at"] - pressed < 5
    print("stopped after", round(call["finished_at"] - pressed, 2))
    world.wait_for_rows(job, silver=2, bronze=3)
    row = _row(world, "a story")
    assert (row["answer_status"], row["delivery_status"]) == ("answered", "sent")
    assert row["llm_response"] == reply["text"]
    assert row["error"] == "stopped by the person who asked"
    assert "stopped_message_generation" in [row["kind"] for row in world.table("bronze")]


def test_a_kill_while_an_answer_is_shown_asks_the_same_again_and_sends_one_reply(world: World) -> None:
    shown = _watch(world)
    world.rule(contains="story", answer=_STORY, times=1, **_SLOWLY)
    job = world.serving(world.run())
    world.say("a story", chat_id=1)
    wait_until(lambda: len(shown) >= 2, 30, lambda: job.log)
    job.kill()
    assert world.sent() == []
    world.run_once()
    assert [sent["text"] for sent in world.sent()] == ["echo: a story"]
    first, second = world.model.calls
    assert first["messages"] == second["messages"]
    assert _row(world, "a story")["answer_status"] == "answered"


def test_where_drafts_are_off_or_the_server_does_not_stream_nothing_is_shown(world: World) -> None:
    shown = _watch(world)
    world.rule(latency=0.5)
    world.say("without", chat_id=1)
    world.run_once(PIPELINE_DRAFTS="off")
    world.model.clear_rules()
    world.rule(refuse_stream_options=True)
    world.rule(refuse_stream=True)
    world.rule(latency=0.5)
    world.say("refused", chat_id=1)
    world.run_once()
    assert [sent["text"] for sent in world.sent()] == ["echo: without", "echo: refused"]
    assert [each for each in shown if each.draft_id is not None] == []
    assert not any(call["streamed"] for call in world.model.calls)
    assert _row(world, "refused")["first_token_at"] is None
