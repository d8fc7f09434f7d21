"""Probes and replays, injected while a run continues."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.messages.answer import AnswerStatus
from pipeline.messages.origin import Origin, Probe, Replay, StoredAnswer, probe_update
from pipeline.storage.durable import write_durably
from pipeline.storage.landing import injected_file
from tests.support.world import World, repeated, wait_until

pytestmark = pytest.mark.e2e

_TAKE_BACK_WHAT_IS_LISTED = """
from pathlib import Path
from pipeline.stream.query import SilverStream
process = SilverStream._process
def process_without_it(self, *batch):
    for path in self._landing.glob("*-injected-*"):
        path.unlink()
    process(self, *batch)
SilverStream._process = process_without_it
"""
NOW = datetime.now(UTC)


def _land(world: World, *lines: tuple[Origin, dict[str, Any]], bot_id: int | None = None) -> Path:
    made = injected_file(lines, bot_id or world.telegram.bot_id, datetime.now(UTC))
    path = world.storage / "landing" / made.name
    path.parent.mkdir(parents=True, exist_ok=True)
    write_durably(path, made.content)
    return path


def _updates(world: World) -> list[dict[str, Any]]:
    """What Telegram delivered, as bronze has it, in its order."""
    rows = sorted((row for row in world.table("bronze") if row["origin"] is None), key=lambda row: row["seq"])
    return [json.loads(row["raw"]) for row in rows]


def _waiting(world: World) -> list[Path]:
    """Files from outside that are still to be read, or whose micro-batch may be called again."""
    return list((world.storage / "landing").glob("*-injected-*"))


def _silver(world: World, origin: str | None) -> list[dict[str, Any]]:
    return [row for row in world.table("silver") if row["origin"] == origin]


def test_a_probe_goes_the_whole_way_and_reaches_telegram_only_where_it_is_to_be_delivered(world: World) -> None:
    world.rule(latency=1.0)
    world.say("may I?", chat_id=6)
    world.say("/help", chat_id=-100, user_id=98)
    job = world.serving(world.run("--allowed-chats", "5,-100", "--allowed-users", "5"))
    quiet = (Probe(id="quiet"), probe_update("is it there?", NOW))
    _land(world, quiet)
    _land(world, quiet, (Probe(id="loud", deliver=True), probe_update("can it be read?", NOW, chat_id=6)))
    _land(world, (Probe(id="foreign"), probe_update("whose?", NOW)), bot_id=43)
    wait_until(lambda: len(world.table("silver")) == 2, 40, lambda: job.log)
    world.say("hello", chat_id=5)
    wait_until(lambda: len(world.table("silver")) == 3, 40, lambda: job.log)

    [row] = _silver(world, "probe:quiet")
    assert (row["llm_response"], row["delivery_status"], row["channel_id"]) == ("echo: is it there?", "withheld", 0)
    assert (row["reply_message_ids"], row["delivered_at"]) == ([], None)
    [row] = _silver(world, "probe:loud")
    assert (row["delivery_status"], row["answer_status"]) == ("sent", "answered")
    assert [(sent["chat_id"], sent["text"]) for sent in world.sent()] == [
        (6, "echo: can it be read?"),
        (5, "echo: hello"),
    ]
    assert world.sent(6)[0].get("reply_to_message_id") is None
    assert {action["chat_id"] for action in world.telegram.actions()} <= {5, 6}
    assert set(world.asked().values()) == {1}
    decided = {(row["origin"], row["text"]): (row["author_id"], row["disposition"]) for row in world.table("bronze")}
    assert decided == {
        (None, "may I?"): (6, "chat_not_allowed"),
        (None, "/help"): (98, "user_not_allowed"),
        (None, "hello"): (5, "answer"),
        ("probe:loud", "can it be read?"): (6, "answer"),
        ("probe:quiet", "is it there?"): (0, "answer"),
    }
    assert len(world.table("bronze")) == len(decided)
    assert {row["user_message"]: row["author_id"] for row in world.table("silver")} == {
        "hello": 5,
        "can it be read?": 6,
        "is it there?": 0,
    }
    [bad] = world.table("quarantine")
    assert bad["reason"].startswith("bot_id: ")
    # Nothing is left to be read, and what the probes were numbered is no business of Telegram's.
    assert json.loads(world.command("status", "--storage", str(world.storage), "--json"))["landing_files"] == 0
    assert job.terminate() < 15


def test_an_unknown_reply_is_delivered_once_without_the_model_however_often_that_is_landed(world: World) -> None:
    world.fault("sendMessage", "lost_request", times=1)
    job = world.serving(world.run())
    world.say("hello", chat_id=1)
    wait_until(lambda: len(world.table("silver")) == 1, 40, lambda: job.log)
    [unknown] = world.table("silver")
    assert (unknown["delivery_status"], unknown["author_id"]) == ("unknown", 1)
    assert world.sent() == []
    stored = StoredAnswer(
        text=unknown["llm_response"],
        status=AnswerStatus(unknown["answer_status"]),
        model=unknown["model_name"],
        prompt_tokens=unknown["prompt_tokens"],
        completion_tokens=unknown["completion_tokens"],
        answered_at=unknown["answered_at"],
    )
    line = (Replay(id="again", mode="deliver", answer=stored), _updates(world)[0])
    _land(world, line, line)
    _land(world, line)
    wait_until(lambda: len(world.table("silver")) == 2, 40, lambda: job.log)
    _land(world, line)
    wait_until(lambda: not _waiting(world), 20, lambda: job.log)
    job.kill()
    # A run that has not seen the line itself asks the tables.
    job = world.serving(world.run())
    _land(world, line)
    wait_until(lambda: not _waiting(world), 20, lambda: job.log)
    assert job.terminate() < 15

    [replayed] = _silver(world, "replay:again")
    same = set(unknown) - {"origin", "delivery_status", "error", "reply_message_ids", "delivered_at", "seq"}
    same -= {"received_at", "processed_at", "batch_id"}
    # No model was asked for it, and nothing is charged again.
    of_the_model = {"asked_at", "first_token_at", "context_turns", "request_hash", "instructions_version"}
    charged = {"charged_prompt_tokens", "charged_completion_tokens"}
    same -= of_the_model | charged
    assert {name: replayed[name] for name in same} == {name: unknown[name] for name in same}
    assert {replayed[name] for name in of_the_model} == {None}
    assert {replayed[name] for name in charged} == {0}
    assert (replayed["delivery_status"], replayed["error"]) == ("sent", None)
    assert len(world.table("silver")) == len(world.table("bronze")) == 2
    [sent] = world.sent()
    assert (sent["text"], sent["reply_to_message_id"]) == ("echo: hello", unknown["message_id"])
    assert set(world.asked().values()) == {1}
    status = json.loads(world.command("status", "--storage", str(world.storage), "--json"))
    assert (status["unknown_count"], status["landing_files"]) == (0, 0)


def test_a_kill_in_the_middle_of_replays_repeats_none_and_loses_none(world: World) -> None:
    world.rule(latency=0.2)
    texts = world.burst(60, chats=20)
    job = world.serving(world.run())
    world.wait_for_rows(job, 60, silver=60, bronze=60)
    lines = [(Replay(id=f"again-{i}", mode="answer"), update) for i, update in enumerate(_updates(world))]
    _land(world, *lines)
    wait_until(lambda: len(world.sent()) >= 75, 40, lambda: job.log)
    job.kill()
    assert len(world.sent()) < 120
    _land(world, *lines)
    world.run_once()

    silver = [row for row in world.table("silver") if row["origin"] is not None]
    assert sorted(row["user_message"] for row in silver) == sorted(texts)
    assert not repeated([row["origin"] for row in silver])
    assert not repeated([row["origin"] for row in world.table("bronze") if row["origin"]])
    unknown = {row["user_message"] for row in silver if row["delivery_status"] == "unknown"}
    sent = [one["text"].removeprefix("echo: ") for one in world.sent()]
    assert max(sent.count(text) for text in texts) == 2
    assert {text for text in texts if sent.count(text) == 1} <= unknown
    # Once for the message, once for its replay, and once more if the kill cut that short.
    assert max(world.asked().values()) <= 3
    for chat in range(1, 21):
        again = [one["text"].removeprefix("echo: ") for one in world.sent(chat)][3:]
        assert again == [text for text in texts if text in again]


def test_a_file_that_is_taken_back_between_listing_and_reading_stops_nobody(world: World) -> None:
    _land(world, (Probe(id="p"), probe_update("is it there?", NOW)))
    world.say("hello")
    job = world.run("--once", prelude=_TAKE_BACK_WHAT_IS_LISTED)
    assert job.wait() == 0, job.log
    assert "the stream failed" not in job.log
    assert [row["user_message"] for row in world.table("silver")] == ["hello"]
