"""What the sources say is put together by message, and only the latest are kept."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from pipeline.watch.messages import MOST_KEPT, Messages
from pipeline.watch.sources.landing import LandedLine
from tests.support.replies import accepted
from tests.support.updates import envelope, raw_message, raw_update


def _line(seq: int, message_id: int = 5) -> LandedLine:
    return LandedLine(f"{seq}-1-1.jsonl", envelope(raw_update(body=raw_message(message_id=message_id)), seq=seq))


def _keys(messages: Messages) -> list[str]:
    return [known.key for known in messages.changes()[0]]


def test_all_that_is_said_of_a_line_meets_in_one_message() -> None:
    messages = Messages()
    messages.landed(_line(7), 42)
    messages.replied(accepted(seq=7), 100.0)
    messages.replied(accepted(seq=7), 200.0)
    messages.in_bronze({"seq": 7, "disposition": "answer", "chat_id": 7, "message_id": 5})
    messages.in_silver({"seq": 7, "delivery_status": "sent", "channel_id": 7, "message_id": 5})
    [known] = messages.all()
    assert known.update is not None
    assert known.reply is not None
    assert known.bronze is not None
    assert known.silver is not None
    assert known.accepted_at == 100.0
    assert _keys(messages) == ["7"]
    assert _keys(messages) == []


def test_a_vote_goes_to_its_question_or_to_the_answer_that_it_names() -> None:
    messages = Messages()
    messages.in_silver({"seq": 1, "channel_id": 7, "message_id": 5, "reply_message_ids": [50]})
    messages.in_silver({"seq": 2, "channel_id": 7, "message_id": 6, "reply_message_ids": [60, 61]})
    messages.changes()
    messages.voted({"channel_id": 7, "message_id": 50, "question_message_id": 5, "vote": "up"})
    messages.voted({"channel_id": 7, "message_id": 61, "question_message_id": None, "vote": "down"})
    messages.voted({"channel_id": 8, "message_id": 99, "question_message_id": 99, "vote": "up"})
    assert [[row["vote"] for row in known.feedback] for known in messages.all()] == [["up"], ["down"]]
    assert _keys(messages) == ["1", "2"]


def test_only_the_latest_messages_are_kept_and_the_others_are_said_to_be_gone() -> None:
    messages = Messages()
    for seq in range(1, MOST_KEPT + 4):
        messages.in_bronze({"seq": seq, "chat_id": 1, "message_id": seq})
    changed, gone = messages.changes()
    assert len(changed) == MOST_KEPT
    assert gone == ["1", "2", "3"]
    assert messages.changes() == ([], [])


def test_a_line_that_repeats_another_is_dropped_once_its_file_has_left_without_a_row() -> None:
    messages = Messages()
    messages.landed(_line(7), 42)
    messages.landed(_line(8, message_id=6), 42)
    messages.left(["7-1-1.jsonl", "8-1-1.jsonl"], 0.0)
    messages.in_bronze({"seq": 8, "disposition": "answer"})
    messages.left([], 1.0)
    messages.left([], 5.0)
    assert len(messages.all()) == 2
    messages.left([], 20.0)
    assert [known.key for known in messages.all()] == ["8"]
    assert messages.changes()[1] == ["7"]


def test_ticks_and_lines_that_cannot_be_read_are_left_to_the_tables() -> None:
    messages = Messages()
    messages.landed(LandedLine("1-tick.jsonl", '{"seq": 1, "tick": "start"}'), 42)
    messages.landed(LandedLine("2-1-1.jsonl", "nonsense"), 42)
    assert messages.all() == []


def test_equal_lines_in_quarantine_of_different_files_are_different_messages() -> None:
    messages = Messages()
    row: dict[str, Any] = {"raw": json.dumps([1]), "ingested_at": datetime(2026, 1, 2, tzinfo=UTC)}
    messages.in_quarantine(row | {"source_file": "1-1-1.jsonl"})
    messages.in_quarantine(row | {"source_file": "2-1-1.jsonl"})
    messages.in_quarantine(row | {"source_file": "2-1-1.jsonl"})
    assert len(messages.all()) == 2
