"""The rows of bronze."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.stream.rows import bronze_row
from pipeline.tables import BRONZE
from pipeline.telegram.routing import Disposition
from pipeline.telegram.update import Update
from tests.support.updates import group, mark, parsed, parsed_message, raw_update

INGESTED = datetime(2026, 1, 2, 3, 5, tzinfo=UTC)
PYTHON_TYPES = {"bigint": int, "string": str, "timestamp": datetime}


def row(update: Update) -> dict[str, Any]:
    values = bronze_row(update, Disposition.EDIT, source_file="1-1-1.jsonl", ingested_at=INGESTED, batch_id=8)
    for column, value in zip(BRONZE.columns, values, strict=True):
        assert value is None or type(value) is PYTHON_TYPES[column.type], column.name
    return dict(zip(BRONZE.column_names, values, strict=True))


def test_every_column_has_its_value_in_the_tables_order() -> None:
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
    assert row(update) == {
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


def test_what_was_landed_from_outside_is_named() -> None:
    assert row(parsed(raw_update(), origin={"kind": "replay", "id": "r-1", "mode": "answer"}))["origin"] == "replay:r-1"


def test_a_message_on_behalf_of_a_chat_is_that_chats() -> None:
    found = row(parsed_message(sender_chat={"id": -7, "type": "channel", "title": "News"}))
    assert (found["author_id"], found["author_name"]) == (-7, "News")


@pytest.mark.parametrize("text", [None, ""])
def test_a_message_without_words_has_none(text: str | None) -> None:
    found = row(parsed_message(text, photo=[]))
    assert (found["text"], found["entities"]) == (text, None)


def test_another_update_has_its_chat_and_author_and_no_message() -> None:
    body = {"id": "1", "from": {"id": 3, "first_name": "Bo"}, "message": {"chat": {"id": 8, "type": "private"}}}
    found = row(parsed(raw_update(kind="callback_query", body=body)))
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


def test_a_bare_update_is_a_row_too() -> None:
    found = row(parsed({"update_id": 5}))
    assert {name for name, value in found.items() if value is not None} == {
        "bot_id", "update_id", "seq", "kind", "disposition", "received_at", "ingested_at", "source_file",
        "batch_id", "raw",
    }  # fmt: skip


@pytest.mark.parametrize("date", [2**39, -(2**39)])
def test_a_date_that_no_table_can_hold_is_left_out(date: int) -> None:
    assert row(parsed_message(date=date))["date"] is None
