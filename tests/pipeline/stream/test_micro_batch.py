"""A micro-batch as values: what it reads, and what is decided about it."""

from datetime import UTC, datetime

import pytest

from pipeline.messages.origin import Probe, probe_update
from pipeline.stream.micro_batch import question_of, read_batch
from tests.support.replies import NOON
from tests.support.updates import BOT, envelope, group, parsed, parsed_message, raw_message, raw_update


def test_a_batch_is_put_into_the_order_of_arrival_whatever_order_it_comes_in() -> None:
    lines = [(envelope(raw_update(update_id), seq=seq), f"{seq}.jsonl") for update_id, seq in ((9, 3), (1, 1), (5, 2))]
    batch = read_batch(lines, BOT.id)
    assert [(update.update_id, update.seq, file) for update, file in batch.updates] == [
        (1, 1, "1.jsonl"),
        (5, 2, "2.jsonl"),
        (9, 3, "3.jsonl"),
    ]
    assert batch.files == {"1.jsonl", "2.jsonl", "3.jsonl"}
    assert batch.malformed == []


@pytest.mark.parametrize("seqs", [(4, 7), (7, 4)])
def test_an_update_that_was_landed_twice_counts_once_as_it_came_first(seqs: tuple[int, int]) -> None:
    batch = read_batch([(envelope(raw_update(1), seq=seq), str(seq)) for seq in seqs], BOT.id)
    assert [(update.seq, file) for update, file in batch.updates] == [(4, "4")]
    assert batch.files == {"4", "7"}


def test_the_same_number_of_another_message_is_another_update() -> None:
    """update_id alone restarts at random after a week of silence."""
    lines = [(envelope(raw_update(1, body=raw_message(message_id=i)), seq=i), "f") for i in (1, 2)]
    assert len(read_batch(lines, BOT.id).updates) == 2


def test_a_replay_is_another_message_than_its_original_and_itself_counts_once() -> None:
    update, origin = raw_update(1), {"kind": "replay", "id": "r", "mode": "answer"}
    lines = [(envelope(update, seq=1), "a"), *((envelope(update, seq=i, origin=origin), str(i)) for i in (2, 3))]
    batch = read_batch(lines, BOT.id)
    assert [(update.identity.origin, file) for update, file in batch.updates] == [(None, "a"), ("replay:r", "2")]


def test_a_bad_line_stops_no_other_and_is_kept_with_its_file() -> None:
    lines = [("{", "a"), (envelope(raw_update(1)), "a"), ("", "b"), (" ", "b"), ('{"seq": 5, "tick": "settle"}', "c")]
    batch = read_batch(lines, BOT.id)
    assert [update.update_id for update, _ in batch.updates] == [1]
    assert [(bad.raw, file) for bad, file in batch.malformed] == [("{", "a")]
    assert batch.files == {"a", "b", "c"}


def test_an_empty_batch_is_empty() -> None:
    batch = read_batch([], BOT.id)
    assert (batch.updates, batch.malformed, batch.files) == ([], [], frozenset())


def test_a_question_has_what_its_answer_and_its_row_need() -> None:
    update = parsed_message(
        "/Start@our_bot now",
        chat=group(),
        message_id=9,
        message_thread_id=33,
        is_topic_message=True,
        author_signature="chief",
    )
    assert question_of(update, BOT).model_dump() == {
        "bot_id": 42,
        "update_id": 1,
        "chat_id": -100,
        "message_id": 9,
        "seq": 1000,
        "chat_type": "supergroup",
        "chat_title": "Friends",
        "topic_id": 33,
        "author_signature": "chief",
        "text": "/Start@our_bot now",
        "command": "start",
        "received_at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "origin": None,
    }
    assert question_of(update, BOT).identity == update.identity


def test_the_question_of_a_probe_knows_that_it_is_one() -> None:
    update = parsed(probe_update("hi", NOON), origin={"kind": "probe", "id": "p"})
    assert question_of(update, BOT).origin == Probe(id="p")
    assert question_of(update, BOT).identity == update.identity


def test_a_caption_is_a_question() -> None:
    assert question_of(parsed_message(None, caption="what is it?"), BOT).text == "what is it?"
