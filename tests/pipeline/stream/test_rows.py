"""The rows of the tables."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.conversations.context import Context
from pipeline.limits.charge import Charge, Tokens
from pipeline.messages.origin import Probe
from pipeline.replies.reply import PartState, Reply
from pipeline.stream.micro_batch import question_of
from pipeline.stream.rows import Row, bronze_row, feedback_row, quarantine_row, silver_row
from pipeline.tables import BRONZE, FEEDBACK, QUARANTINE, SILVER, Table
from pipeline.telegram.routing import Disposition
from pipeline.telegram.update import Malformed, Update
from tests.support.replies import NOON, accepted, answer, answered, part
from tests.support.updates import BOT, group, mark, parsed, parsed_message, raw_press, raw_update

INGESTED = datetime(2026, 1, 2, 3, 5, tzinfo=UTC)
EARLIER = datetime(2026, 1, 2, 11, tzinfo=UTC)
PROCESSED = datetime(2026, 1, 3, tzinfo=UTC)
PYTHON_TYPES = {"bigint": int, "string": str, "timestamp": datetime, "array<bigint>": list}


def in_table(table: Table, row: Row) -> dict[str, Any]:
    """The row as the table gets it: every column once, with a value of the column's type."""
    values = table.ordered(row)
    for column, value in zip(table.columns, values, strict=True):
        assert value is None or type(value) is PYTHON_TYPES[column.type], column.name
    return dict(zip(table.column_names, values, strict=True))


# Bronze


def bronze(update: Update) -> dict[str, Any]:
    row = bronze_row(update, Disposition.EDIT, source_file="1-1-1.jsonl", ingested_at=INGESTED, batch_id=8)
    return in_table(BRONZE, row)


def test_bronze_has_a_value_for_every_column_from_its_own_field() -> None:
    update = parsed_message(
        "hi @our_bot",
        chat=group(),
        message_id=9,
        message_thread_id=33,
        is_topic_message=True,
        author_signature="chief",
        entities=[mark("mention", 3, 8)],
        reply_to_message={"message_id": 4},
        **{"from": {"id": 99, "first_name": "Ann", "last_name": "Lee", "language_code": "de"}},
    )
    assert bronze(update) == {
        "bot_id": 42,
        "update_id": 1,
        "seq": 1000,
        "kind": "message",
        "disposition": "edit",
        "message_id": 9,
        "chat_id": -100,
        "chat_type": "supergroup",
        "chat_title": "Friends",
        "topic_id": 33,
        "author_id": 99,
        "author_name": "Ann Lee",
        "author_signature": "chief",
        "author_language": "de",
        "text": "hi @our_bot",
        "entities": '[{"type": "mention", "offset": 3, "length": 8}]',
        "reply_to": 4,
        "date": datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC),
        "received_at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "ingested_at": INGESTED,
        "source_file": "1-1-1.jsonl",
        "batch_id": 8,
        "raw": update.raw,
        "origin": None,
    }


def test_the_bronze_row_of_an_injected_update_names_its_origin() -> None:
    assert (
        bronze(parsed(raw_update(), origin={"kind": "replay", "id": "r-1", "mode": "answer"}))["origin"] == "replay:r-1"
    )


def test_the_author_of_a_message_in_a_chats_name_is_that_chat() -> None:
    found = bronze(parsed_message(sender_chat={"id": -7, "type": "channel", "title": "News"}))
    assert (found["author_id"], found["author_name"]) == (-7, "News")


@pytest.mark.parametrize("text", [None, ""])
def test_a_message_without_words_has_none_in_bronze(text: str | None) -> None:
    found = bronze(parsed_message(text, photo=[]))
    assert (found["text"], found["entities"]) == (text, None)


def test_an_update_that_is_not_a_message_has_its_chat_and_author() -> None:
    body = {"id": "1", "from": {"id": 3, "first_name": "Bo"}, "message": {"chat": {"id": 8, "type": "private"}}}
    found = bronze(parsed(raw_update(kind="callback_query", body=body)))
    wanted = {
        "kind": "callback_query",
        "chat_id": 8,
        "author_id": 3,
        "author_name": "Bo",
        "message_id": None,
        "date": None,
    }
    assert {name: found[name] for name in wanted} == wanted
    assert json.loads(found["raw"]) == raw_update(kind="callback_query", body=body)


def test_a_guest_message_is_a_message_and_a_stopped_draft_has_its_chat() -> None:
    guest = bronze(parsed_message("hi", "guest_message"))
    assert (guest["kind"], guest["text"], guest["message_id"]) == ("guest_message", "hi", 5)
    body = {"chat": {"id": 8, "type": "private"}, "draft_id": 7}
    stopped = bronze(parsed(raw_update(kind="stopped_message_generation", body=body)))
    assert (stopped["kind"], stopped["chat_id"], stopped["message_id"]) == ("stopped_message_generation", 8, None)


def test_an_update_without_content_is_a_row_too() -> None:
    found = bronze(parsed({"update_id": 5}))
    assert {name for name, value in found.items() if value is not None} == {
        "bot_id", "update_id", "seq", "kind", "disposition", "received_at", "ingested_at", "source_file",
        "batch_id", "raw",
    }  # fmt: skip


@pytest.mark.parametrize("date", [2**39, -(2**39)])
def test_a_date_that_no_table_can_hold_is_left_out(date: int) -> None:
    assert bronze(parsed_message(date=date))["date"] is None


# Silver


def silver(reply: Reply) -> dict[str, Any]:
    return in_table(SILVER, silver_row(reply, processed_at=PROCESSED, batch_id=8))


def test_silver_has_a_value_for_every_column_from_its_own_field() -> None:
    asked = accepted(
        "why?",
        chat_id=-5,
        seq=3,
        chat_type="supergroup",
        chat_title="Friends",
        topic_id=9,
        author_signature="chief",
        author_id=99,
    )
    context = Context(instructions=3, since=1, turns=2, digest="d16e57")
    charge = Charge().charged(Tokens(prompt=31, completion=5))
    asked = asked.with_context(context).with_charge(charge)
    said = answer(
        "one two", model="m", prompt_tokens=30, completion_tokens=4, asked_at=EARLIER, first_token_at=PROCESSED
    )
    reply = asked.with_answer(said, (part("one", PartState.SENT, 11), part("two", PartState.PENDING)))
    assert silver(reply.sent(1, 12, NOON)) == {
        "bot_id": 42,
        "update_id": 3,
        "seq": 3,
        "message_id": 103,
        "channel_id": -5,
        "conversation_type": "supergroup",
        "channel_title": "Friends",
        "topic_id": 9,
        "author_signature": "chief",
        "user_message": "why?",
        "llm_response": "one two",
        "model_name": "m",
        "answer_status": "answered",
        "delivery_status": "sent",
        "reply_message_ids": [11, 12],
        "error": None,
        "prompt_tokens": 30,
        "completion_tokens": 4,
        "received_at": NOON,
        "answered_at": NOON,
        "delivered_at": NOON,
        "processed_at": PROCESSED,
        "batch_id": 8,
        "origin": None,
        "author_id": 99,
        "asked_at": EARLIER,
        "first_token_at": PROCESSED,
        "context_from": 1,
        "context_turns": 2,
        "request_hash": "d16e57",
        "instructions_version": 3,
        "charged_prompt_tokens": 31,
        "charged_completion_tokens": 5,
    }


def test_an_answer_without_the_model_has_no_request_in_silver() -> None:
    fixed = answered(part("a", PartState.SENT, 1), text="/help", command="help")
    found = silver(fixed)
    assert {found[name] for name in ("asked_at", "context_turns", "request_hash", "instructions_version")} == {None}
    # Not null, as in the rows of earlier releases, where the model's own count is what was spent.
    assert (found["charged_prompt_tokens"], found["charged_completion_tokens"]) == (0, 0)


@pytest.mark.parametrize("more", [{}, {"sender_chat": {"id": -7, "type": "channel", "title": "News"}}, {"from": None}])
def test_the_author_in_silver_is_the_author_in_bronze(more: dict[str, Any]) -> None:
    update = parsed_message(**more)
    reply = Reply.accepted(question_of(update, BOT)).with_answer(answer(), (part("hello", PartState.SENT, 1),))
    assert silver(reply)["author_id"] == bronze(update)["author_id"]


def test_a_question_of_an_earlier_release_has_no_author_in_silver() -> None:
    assert silver(answered(part("a", PartState.SENT, 1)))["author_id"] is None


def test_the_silver_row_of_an_injected_question_names_its_origin() -> None:
    assert silver(answered(part("a", PartState.SENT, 1), origin=Probe(id="p", deliver=True)))["origin"] == "probe:p"


def test_the_silver_row_of_an_upgraded_group_has_the_chat_that_the_question_was_asked_in() -> None:
    assert silver(answered(part("a", PartState.SENT, 1), chat_id=-5).moved(-1005))["channel_id"] == -5


@pytest.mark.parametrize(
    ("reply", "status", "ids", "error"),
    [
        (answered(part("a", PartState.SENT, 1), part("b", PartState.UNKNOWN, error="cut")), "unknown", [1], "cut"),
        (answered(part("a", PartState.DEAD, error="403 blocked")), "dead", [], "403 blocked"),
        (accepted().with_answer(answer(reason="400 no"), (part("a", PartState.SENT, 1),)), "sent", [1], "400 no"),
        (answered("a", origin=Probe(id="p")), "withheld", [], None),
    ],
)
def test_a_silver_row_says_how_the_delivery_ended_and_why(
    reply: Reply, status: str, ids: list[int], error: str
) -> None:
    found = silver(reply)
    assert (found["delivery_status"], found["reply_message_ids"], found["error"]) == (status, ids, error)
    assert found["delivered_at"] is None


# Feedback


def feedback(update: Update) -> dict[str, Any]:
    return in_table(FEEDBACK, feedback_row(update, source_file="1-1-1.jsonl", ingested_at=INGESTED, batch_id=8))


def test_feedback_has_a_value_for_every_column_from_its_own_field() -> None:
    press = raw_press(6, "feedback:1:down:3:103", chat=group())
    assert feedback(parsed(press, seq=1001)) == {
        "bot_id": 42,
        "update_id": 6,
        "seq": 1001,
        "channel_id": -100,
        "message_id": 77,
        "question_update_id": 3,
        "question_message_id": 103,
        "author_id": 99,
        "vote": "down",
        "received_at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "ingested_at": INGESTED,
        "source_file": "1-1-1.jsonl",
        "batch_id": 8,
        "origin": None,
    }


def test_the_press_of_a_check_says_so_in_feedback() -> None:
    probe = parsed(raw_press(), origin={"kind": "probe", "id": "p", "deliver": True})
    assert feedback(probe)["origin"] == "probe:p"


# Quarantine


def test_quarantine_has_the_line_and_what_is_wrong_with_it() -> None:
    row = quarantine_row(Malformed("not JSON", "{"), source_file="1-1-1.jsonl", ingested_at=INGESTED, batch_id=8)
    assert in_table(QUARANTINE, row) == {
        "reason": "not JSON",
        "raw": "{",
        "source_file": "1-1-1.jsonl",
        "ingested_at": INGESTED,
        "batch_id": 8,
    }


@pytest.mark.parametrize(
    ("seconds", "kept"),
    [
        (-62_135_596_800, False),  # the year 1
        (-9_223_372_037, False),
        (-9_214_560_000, True),  # 1678
        (0, True),
        (9_214_646_399, True),  # the end of 2261
        (9_214_646_400, False),
        (253_402_300_799, False),  # the end of 9999
    ],
)
def test_a_messages_date_is_one_that_64_bits_of_nanoseconds_hold(seconds: int, kept: bool) -> None:
    date = bronze(parsed_message(date=seconds))["date"]
    assert date == (datetime.fromtimestamp(seconds, UTC) if kept else None)
