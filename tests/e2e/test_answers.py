"""What a person, and a reader of the tables, gets from a run."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.messages.phrases import phrases
from tests.support.world import World, wait_until

pytestmark = pytest.mark.e2e

_NAME_LOADED_SANDBOX_CODE = """
import atexit, sys
atexit.register(lambda: print("loaded:", [m for m in sys.modules if m.startswith("pipeline.sandbox")]))
"""


def test_every_kind_of_message_ends_in_the_right_chat_and_the_right_table(world: World) -> None:
    telegram = world.telegram
    group: dict[str, Any] = {"chat_id": -100, "chat_type": "group", "title": "Club", "user_id": 7}
    forum: dict[str, Any] = {"chat_id": -1000000000200, "chat_type": "supergroup", "title": "Forum", "user_id": 7}
    world.say("¿Qué tal?", chat_id=1, first_name="Ana", language_code="es")
    world.say("🎉", chat_id=2)
    world.say("/start", chat_id=3)
    world.say("/privacy", chat_id=11, first_name="Bia", language_code="pt-BR")
    world.say(photo=True, caption="what is this?", chat_id=4)
    world.say(photo=True, caption="", chat_id=5)
    world.say("x" * 6000, chat_id=6)
    world.say("just talking", **group)
    world.say(f"@{telegram.username} in the group", **group)
    telegram.create_topic(forum["chat_id"], 77, "Questions")
    world.say(f"/ask@{telegram.username} in the topic", **forum, message_thread_id=77)
    world.say("a post", chat_id=-1000000000300, chat_type="channel", title="News")
    edited = world.telegram.transcript(1)[0]["message_id"]
    world.say("edited", chat_id=1, edited_message_id=edited)
    world.say("I am a bot", chat_id=8, is_bot=True)
    world.say(chat_id=-100, new_chat_members=[{"id": 9, "is_bot": False, "first_name": "New"}])
    world.say("to a blocker", chat_id=10)
    telegram.block(10)
    world.say(
        "to an upgraded group: /ask",
        chat_id=-101,
        chat_type="group",
        title="Old",
        user_id=7,
        entities=[
            {"type": "mention", "offset": 0, "length": 0},
            {
                "type": "text_mention",
                "offset": 0,
                "length": 2,
                "user": {"id": telegram.bot_id, "is_bot": True, "first_name": "Bot"},
            },
        ],
    )
    telegram.migrate(-101, -1000000000101)
    world.run_once(PIPELINE_PRIVACY_CONTACT="Ada, ada@example.org")

    bronze = world.table("bronze")
    dispositions = {
        (row["chat_id"], row["text"]): row["disposition"] for row in bronze if row["kind"] != "my_chat_member"
    }
    assert dispositions[5, ""] == "answer"
    assert dispositions[-100, "just talking"] == "not_addressed"
    assert dispositions[1, "edited"] == "edit"
    assert dispositions[8, "I am a bot"] == "from_bot"
    assert dispositions[-100, None] == "service_message"
    silver = {row["user_message"]: row for row in world.table("silver")}
    assert len(silver) == sum(row["disposition"] == "answer" for row in bronze) == 12
    for row in bronze:
        assert json.loads(row["raw"])["update_id"] == row["update_id"]

    assert [sent["text"] for sent in world.sent(1)] == ["echo: ¿Qué tal?"]
    assert silver["/start"]["answer_status"] == "fixed"
    assert silver["/start"]["model_name"] is None
    assert world.asked()["/start"] == 0
    (privacy,) = world.sent(11)
    assert privacy["text"].startswith("Guardo todas as mensagens que o Telegram me entrega")
    assert privacy["text"].endswith("Perguntas sobre os seus dados: Ada, ada@example.org")
    assert [row["author_language"] for row in bronze if row["chat_id"] == 11] == ["pt-BR"]
    menus = [telegram.call("getMyCommands", {"language_code": code}) for code in ("", "hi")]
    commands = ["start", "help", "new", "usage", "privacy"]
    assert [[entry["command"] for entry in menu] for menu in menus] == [commands] * 2
    assert menus[0] != menus[1]
    shown, told = silver["what is this?"]["llm_response"].splitlines()
    assert (shown, "a photo" in told) == ("echo: what is this?", True)
    assert (silver[""]["answer_status"], silver[""]["model_name"]) == ("fixed", None)
    assert [sent["text"] for sent in world.sent(5)] == [phrases("en").unreadable]
    parts = world.sent(6)
    assert [len(sent["text"]) for sent in parts] == [4096, 6006 - 4096]
    assert silver["x" * 6000]["reply_message_ids"] == [sent["message_id"] for sent in parts]
    in_topic = world.sent(forum["chat_id"])[0]
    assert in_topic["message_thread_id"] == 77
    assert in_topic["reply_to_message_id"] == silver[f"/ask@{telegram.username} in the topic"]["message_id"]
    assert silver["a post"]["conversation_type"] == "channel"
    assert silver["a post"]["channel_title"] == "News"
    assert silver["to a blocker"]["delivery_status"] == "dead"
    assert "403" in silver["to a blocker"]["error"]
    assert [sent["text"] for sent in world.sent(-1000000000101)] == ["echo: to an upgraded group: /ask"]
    row = silver["¿Qué tal?"]
    assert row["delivery_status"] == "sent"
    assert row["prompt_tokens"] > 0
    assert row["received_at"] <= row["answered_at"] <= row["delivered_at"] <= row["processed_at"]


def test_malformed_input_is_named_and_kept_and_stops_nobody(world: World) -> None:
    landing = world.storage / "landing"
    landing.mkdir(parents=True)
    (landing / "1-0-0.jsonl").write_bytes(b"garbage \xff\n\n" + json.dumps({"seq": 1}).encode() + b"\n")
    world.say("before", chat_id=1)
    beyond = 2**62 + 1
    for update in (
        {"update_id": 900, "message": {"message_id": 1, "date": 1, "text": "no chat"}},
        {"update_id": 901, "message": {"message_id": 1, "date": 1, "chat": {"id": 2, "type": "private"}, "text": 5}},
        {
            "update_id": 902,
            "message": {
                "message_id": 1,
                "date": 1,
                "chat": {"id": 3, "type": "private"},
                "from": {"id": 3, "is_bot": False, "first_name": "\ud800"},
                "text": "a\udfffb",
            },
        },
        {
            "update_id": 903,
            "message": {
                "message_id": beyond,
                "date": 1,
                "chat": {"id": beyond, "type": "private"},
                "from": {"id": beyond, "is_bot": False, "first_name": "Far"},
                "text": "far",
            },
        },
        {"update_id": 904, "message": "not an object"},
        {"update_id": 905, "some_future_kind": {"x": 1}},
        {
            "update_id": 906,
            "message": {"message_id": 2**70, "date": 1, "chat": {"id": 4, "type": "private"}, "text": "x"},
        },
    ):
        world.telegram.inject(update)
    world.say("after", chat_id=1)
    job = world.run("--once", prelude=_NAME_LOADED_SANDBOX_CODE)
    assert job.wait() == 0, job.log

    reasons = sorted(row["reason"] for row in world.table("quarantine"))
    assert len(reasons) == 6, reasons
    for named in (
        "message.chat",
        "message.text",
        "message.message_id",
        "message: not an object",
        "not JSON",
        "update:",
    ):
        assert any(reason.startswith(named) for reason in reasons), (named, reasons)
    assert any("garbage" in row["raw"] for row in world.table("quarantine"))
    bronze = {row["update_id"]: row for row in world.table("bronze")}
    assert bronze[905]["disposition"] == "not_a_message"
    assert bronze[902]["text"] == "a\ufffdb"
    assert "\\udfff" in bronze[902]["raw"]
    assert bronze[903]["chat_id"] == beyond
    answered = {row["user_message"] for row in world.table("silver")}
    assert answered == {"before", "after", "a\ufffdb", "far"}
    # Servers of anyone's: nothing of the sandbox is loaded to talk to them.
    assert "loaded: []" in job.log


def test_a_message_is_answered_while_another_chat_still_waits_for_the_model(world: World) -> None:
    world.rule(contains="slow", latency=20.0)
    job = world.serving(world.run())
    world.telegram.receive_all([])
    for number in range(4):
        world.say(f"slow {number}", chat_id=1000 + number)
    texts = world.burst(196, chats=98)
    wait_until(lambda: len(world.sent()) >= 196, 18, lambda: job.log)
    assert {sent["text"] for sent in world.sent()} == {f"echo: {text}" for text in texts}
    # Batches are not held either: the answers that are there reach silver before the slow ones.
    wait_until(lambda: len(world.table("silver")) == 196, 18, lambda: job.log)
    wait_until(lambda: len(world.table("silver")) == 200, 30, lambda: job.log)
    assert any(action["chat_id"] == 1000 and action["action"] == "typing" for action in world.telegram.actions())
    assert job.terminate() < 15
