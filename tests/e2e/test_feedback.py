"""What people think of an answer: pressed under it, thanked for at once, and one row each, whatever happens between."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, QueryBuilder

from pipeline.messages.origin import Probe, probe_update
from pipeline.messages.phrases import phrases
from pipeline.messages.vote import Thumb, probe_press
from pipeline.storage.durable import write_durably
from pipeline.storage.landing import injected_file
from pipeline.tables import ANSWERS
from tests.support.simulated import performs
from tests.support.world import World, wait_until

pytestmark = pytest.mark.e2e

_DIE_AT = """
import os, signal
from pipeline.storage.landing import Landing
from pipeline.stream.delta import DeltaTable
from pipeline.telegram.intake import Intake
moment = {moment!r}
def dying(of, name, when, after=True):
    method = getattr(of, name)
    def method_and_die(self, *arguments, **keywords):
        arguments = [list(one) if hasattr(one, "__next__") else one for one in arguments]
        result = method(self, *arguments, **keywords) if after else None
        if when(self, *arguments): os.kill(os.getpid(), signal.SIGKILL)
        return result if after else method(self, *arguments, **keywords)
    setattr(of, name, method_and_die)
has_press = lambda updates: any("callback_query" in str(update) for update in updates)
if moment == "landed":
    dying(Landing, "land", lambda self, updates: has_press(updates))
for table in ("bronze", "feedback"):
    of_press = lambda rows: any(row.get("kind") == "callback_query" or "vote" in row for row in rows)
    written = lambda self, rows, of=table: self.table.name == of and of_press(rows)
    if moment == "in " + table:
        dying(DeltaTable, "append", written)
    if moment == "before " + table:
        dying(DeltaTable, "append", written, after=False)
"""
_MOMENTS = ("landed", "before bronze", "in bronze", "in feedback")
"""After each of them something else is durable."""


def _press(world: World, message_id: int, thumb: Thumb, user_id: int = 1, chat_id: int = 1) -> str:
    """A person presses a button; the id of the press."""
    pressed = performs(
        world.telegram, "callbacks", chat_id=chat_id, message_id=message_id, text=thumb.label, user_id=user_id
    )
    return str(pressed["callback_query_id"])


def _seen(world: World, press: str) -> dict[str, Any]:
    """What the person sees who pressed."""
    return performs(world.telegram, "callbacks/answer", callback_query_id=press)


def _is_answered(world: World, press: str) -> bool:
    return bool(_seen(world, press)["answered"])


def _has_rows(world: World, count: int) -> bool:
    return len(world.table("feedback")) == count


def _votes(world: World) -> dict[str, tuple[int, int]]:
    """How many are for and against each answer, by its question."""
    builder = QueryBuilder()
    for table in ANSWERS.reads:
        builder.register(table.name, DeltaTable(str(world.storage / table.name)))
    found = builder.execute(ANSWERS.select({table.name: table.name for table in ANSWERS.reads})).read_all()
    return {row["user_message"]: (row["thumbs_up"], row["thumbs_down"]) for row in pa.table(found).to_pylist()}


def test_a_press_is_answered_within_a_second_and_in_the_table_within_ten_and_the_latest_one_is_the_vote(
    world: World,
) -> None:
    world.say("good?", language_code="de")
    world.say("a post", chat_id=-1000000000300, chat_type="channel", title="News")
    job = world.serving(world.run())
    wait_until(lambda: len(world.sent()) == 2, 30, lambda: job.log)
    private, channel = world.sent(1)[0]["message_id"], world.sent(-1000000000300)[0]["message_id"]
    for thumb, message_id, chat_id, user_id in (
        (Thumb.UP, private, 1, 1),
        (Thumb.UP, private, 1, 1),
        (Thumb.DOWN, private, 1, 1),
        (Thumb.UP, channel, -1000000000300, 7),
    ):
        rows = len(world.table("feedback"))
        press = _press(world, message_id, thumb, user_id, chat_id)
        wait_until(partial(_is_answered, world, press), 1, lambda: job.log)
        assert _seen(world, press)["text"] == phrases("de" if user_id == 1 else None).thanks
        wait_until(partial(_has_rows, world, rows + 1), 10, lambda: job.log)
    assert [row["vote"] for row in sorted(world.table("feedback"), key=lambda row: row["seq"])] == [
        "up", "up", "down", "up",
    ]  # fmt: skip
    wait_until(lambda: len(world.table("silver")) == 2, 10, lambda: job.log)
    assert _votes(world) == {"good?": (0, 1), "a post": (1, 0)}
    assert json.loads(world.command("status", "--json"))["feedback"] == {"up": 1, "down": 1}
    assert {row["disposition"] for row in world.table("bronze") if row["kind"] == "callback_query"} == {"feedback"}
    job.terminate()


def test_what_is_no_answer_of_the_model_has_no_buttons_and_a_setting_takes_them_away(world: World) -> None:
    world.say("/help", chat_id=1)
    world.say(photo=True, chat_id=2)
    world.run_once()
    world.say("hi", chat_id=3)
    world.run_once("--feedback", "off")
    with pytest.raises(ValueError, match="has no such button"):
        _press(world, world.sent(3)[0]["message_id"], Thumb.UP, chat_id=3)
    assert len(world.sent()) == 3
    for chat_id in (1, 2):
        with pytest.raises(ValueError, match="has no such button"):
            _press(world, world.sent(chat_id)[0]["message_id"], Thumb.UP, chat_id=chat_id)


@pytest.mark.timeout(600)  # a run for each moment
def test_a_kill_at_any_moment_between_a_press_and_its_row_leaves_one_row(world: World) -> None:
    world.say("good?")
    world.run_once()
    message_id = world.sent()[0]["message_id"]
    for moment in _MOMENTS:
        _press(world, message_id, Thumb.UP)
        job = world.run("--once", prelude=_DIE_AT.format(moment=moment))
        assert job.wait(150) == -9, job.log
    world.run_once()
    presses = [row["update_id"] for row in world.table("bronze") if row["kind"] == "callback_query"]
    assert sorted(row["update_id"] for row in world.table("feedback")) == sorted(presses)
    assert len(presses) == len(set(presses)) == len(_MOMENTS)
    assert not list((world.storage / "landing").glob("*.jsonl")), "every file has left"
    assert _votes(world) == {"good?": (1, 0)}


def test_a_check_can_press_too_and_reaches_nobody_and_no_report(world: World) -> None:
    now = datetime.now(UTC)
    probe = probe_update("probe me", now)
    lines = [(Probe(id="p"), probe), (Probe(id="p-press"), probe_press(probe, Thumb.DOWN, now))]
    file = injected_file(lines, world.telegram.bot_id, now)
    landing = world.storage / "landing"
    landing.mkdir(parents=True)
    write_durably(landing / file.name, file.content)
    world.say("good?")
    world.run_once()
    [row] = world.table("feedback")
    assert (row["origin"], row["vote"], row["channel_id"]) == ("probe:p-press", "down", 0)
    assert _votes(world) == {"probe me": (0, 1), "good?": (0, 0)}
    assert json.loads(world.command("status", "--json"))["feedback"] == {}
    assert [sent["text"] for sent in world.sent()] == ["echo: good?"]


def test_of_an_album_one_photo_is_answered_and_a_voice_message_in_a_group_if_it_replies_to_the_bot(
    world: World,
) -> None:
    for _ in range(3):
        world.say(photo=True, chat_id=1, language_code="ja", extra={"media_group_id": "9"})
    group: dict[str, Any] = {"chat_id": -100, "chat_type": "group", "title": "Club", "user_id": 7}
    world.say("/start", **group)
    world.run_once()
    bot_message = world.sent(-100)[0]["message_id"]
    world.say(photo=True, **group)
    world.say(photo=True, reply_to_message_id=bot_message, **group)
    world.run_once()
    assert [sent["text"] for sent in world.sent(1)] == [phrases("ja").unreadable]
    assert [sent["text"] for sent in world.sent(-100)][1:] == [phrases("en").unreadable]
    rows = sorted((row for row in world.table("bronze") if row["kind"] == "message"), key=lambda row: row["seq"])
    assert [row["disposition"] for row in rows] == [
        "answer", "no_text", "no_text", "answer", "not_addressed", "answer",
    ]  # fmt: skip
