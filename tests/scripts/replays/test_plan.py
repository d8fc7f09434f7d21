"""What is replayed of what was chosen: plain decisions."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.errors import OperatorError
from pipeline.storage.landing import injected_file
from pipeline.telegram.update import Update, read_line
from pipeline.view.rows import LatestRow, MessageKey
from scripts.replays.plan import origin_name, planned, replay_id, selection
from tests.support.updates import raw_message, raw_update

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def newest(**changes: Any) -> LatestRow:
    values = {
        "bot_id": 42, "update_id": 1, "channel_id": 7, "message_id": 5, "user_message": "hi", "llm_response": "hello",
        "model_name": "m", "answer_status": "answered", "delivery_status": "unknown", "error": "no response in time",
        "prompt_tokens": 3, "completion_tokens": 2, "answered_at": NOON, "processed_at": NOON, "origin": None,
        "versions": 1, "first_received_at": NOON,
    }  # fmt: skip
    return LatestRow.model_validate(values | changes)


UPDATES = {MessageKey(42, 1, 7, 5): raw_update(1, body=raw_message("hi"))}


def test_a_replay_has_one_identity_until_its_message_has_one_more_row() -> None:
    row = newest()
    assert replay_id(row, "deliver") == replay_id(newest(delivery_status="dead", error="x"), "deliver")
    others = [
        replay_id(row, "answer"),
        replay_id(newest(versions=2), "deliver"),
        replay_id(newest(message_id=6), "deliver"),
        replay_id(newest(update_id=2), "deliver"),
    ]
    assert len({replay_id(row, "deliver"), *others}) == 5


def test_a_stored_answer_is_landed_with_its_message() -> None:
    (item,) = planned([newest()], UPDATES, set(), "deliver", 42, named=True)
    assert item.replay is not None
    assert item.update is not None
    file = injected_file([(item.replay, dict(item.update))], 42, NOON)
    read = read_line(file.content.decode(), 42)
    assert isinstance(read, Update), read
    assert read.origin == item.replay
    assert read.identity.origin == origin_name(newest(), "deliver")
    answer = item.replay.answer
    assert answer is not None
    assert (answer.text, answer.model, answer.prompt_tokens, answer.answered_at) == ("hello", "m", 3, NOON)
    assert answer.reason is None


def test_a_fallback_keeps_its_reason_and_a_message_that_is_asked_again_has_no_answer() -> None:
    (item,) = planned([newest(answer_status="fallback")], UPDATES, set(), "deliver", 42, named=True)
    assert item.replay is not None
    assert item.replay.answer is not None
    assert item.replay.answer.reason == "no response in time"
    (item,) = planned([newest()], UPDATES, set(), "answer", 42, named=True)
    assert item.replay is not None
    assert item.replay.answer is None


@pytest.mark.parametrize(
    ("row", "under_way", "reason"),
    [
        (newest(bot_id=43), set(), "it is bot 43's, the storage is bot 42's"),
        (newest(), {origin_name(newest(), "deliver")}, "a replay of it is under way"),
        (newest(), {origin_name(newest(), "answer")}, "a replay of it is under way"),
        (newest(message_id=6), set(), "its update is not in bronze"),
        (newest(llm_response=" "), set(), "there is no answer to deliver"),
    ],
)
def test_a_message_that_can_not_be_replayed_is_left_out_with_its_reason(
    row: LatestRow, under_way: set[str], reason: str
) -> None:
    (item,) = planned([row], UPDATES, under_way, "deliver", 42, named=True)
    assert (item.replay, item.why_not) == (None, reason)


def test_a_reply_that_was_sent_is_delivered_again_only_if_its_message_is_named() -> None:
    sent = newest(delivery_status="sent", error=None)
    (item,) = planned([sent], UPDATES, set(), "deliver", 42, named=False)
    assert item.why_not == "it was sent: name it with --id"
    (item,) = planned([sent], UPDATES, set(), "deliver", 42, named=True)
    assert item.replay is not None
    (item,) = planned([sent], UPDATES, set(), "answer", 42, named=False)
    assert item.replay is not None


def test_a_time_without_a_zone_is_utc_and_one_with_a_zone_is_converted() -> None:
    chosen = selection((), (), "2026-01-02T12:00", "2026-01-02T15:00+01:00")
    assert (chosen.since, chosen.until) == (NOON, datetime(2026, 1, 2, 14, tzinfo=UTC))


def test_a_status_is_one_of_the_delivery_or_one_of_the_answer() -> None:
    chosen = selection((), ("unknown", "fallback"), None, None)
    assert (chosen.delivery, chosen.answer) == (("unknown",), ("fallback",))
    assert selection(("-100/5", "7/6", "7/6"), (), None, None).messages == ((-100, 5), (7, 6))


@pytest.mark.parametrize(
    ("ids", "statuses", "since", "until", "line"),
    [
        ((), (), None, None, "no messages are chosen"),
        (("7/5",), ("dead",), None, None, "--id names the messages"),
        (("7-5",), (), None, None, "--id is '7-5': give CHAT/MESSAGE"),
        ((), ("sent",), None, None, "--status is 'sent': give unknown, dead, fallback"),
        ((), (), "yesterday", None, "--since is 'yesterday': give a time"),
        ((), (), "2026-01-02", "2026-01-01", "is not before --until"),
    ],
)
def test_a_choice_that_makes_no_sense_is_refused_in_one_line(
    ids: tuple[str, ...], statuses: tuple[str, ...], since: str | None, until: str | None, line: str
) -> None:
    with pytest.raises(OperatorError, match=line):
        selection(ids, statuses, since, until)


def test_a_replay_is_json_that_the_landing_can_hold() -> None:
    items = planned([newest(user_message="ü\ud83d", llm_response="ok")], UPDATES, set(), "deliver", 42, named=True)
    assert json.loads(items[0].replay.model_dump_json() if items[0].replay else "")["mode"] == "deliver"
