"""A micro-batch as values: what it reads, and what is decided about it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.messages.origin import Probe, probe_update
from pipeline.messages.question import Quoted
from pipeline.stream.micro_batch import (
    Albums,
    Batch,
    LandedUpdate,
    MalformedLine,
    Recent,
    RoutedUpdate,
    is_distributed,
    may_be_known,
    question_of,
    questions,
    read_batch,
    routed,
)
from pipeline.telegram.routing import Disposition
from pipeline.telegram.update import Malformed
from tests.support.replies import NOON
from tests.support.updates import BOT, envelope, group, parsed, parsed_message, raw_message, raw_press, raw_update


def test_updates_are_in_their_order_of_arrival_whatever_order_the_lines_come_in() -> None:
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
def test_an_update_that_was_landed_twice_counts_once_as_it_first_came(seqs: tuple[int, int]) -> None:
    batch = read_batch([(envelope(raw_update(1), seq=seq), str(seq)) for seq in seqs], BOT.id)
    assert [(update.seq, file) for update, file in batch.updates] == [(4, "4")]
    assert batch.files == {"4", "7"}


def test_two_messages_with_the_same_update_id_are_two_updates() -> None:
    """update_id alone restarts at random after a week of silence."""
    lines = [(envelope(raw_update(1, body=raw_message(message_id=i)), seq=i), "f") for i in (1, 2)]
    assert len(read_batch(lines, BOT.id).updates) == 2


def test_a_replay_is_not_its_original_and_counts_once_itself() -> None:
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


def test_a_batch_without_lines_has_nothing() -> None:
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
        **{"from": {"id": 99, "is_bot": False, "first_name": "Ann", "language_code": "pt-BR"}},
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
        "author_id": 99,
        "author_signature": "chief",
        "language": "pt-BR",
        "text": "/Start@our_bot now",
        "media": None,
        "command": "start",
        "replied_to": None,
        "received_at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "origin": None,
    }
    assert question_of(update, BOT).identity == update.identity


def test_the_question_of_a_probe_knows_that_it_is_one() -> None:
    update = parsed(probe_update("hi", NOON), origin={"kind": "probe", "id": "p"})
    assert question_of(update, BOT).origin == Probe(id="p")
    assert question_of(update, BOT).identity == update.identity


def test_a_question_without_an_author_has_no_language() -> None:
    assert question_of(parsed_message("a post", kind="channel_post", **{"from": None}), BOT).language is None
    assert question_of(parsed_message("hi"), BOT).language is None


def test_a_caption_is_a_question() -> None:
    question = question_of(parsed_message(None, caption="what is it?", photo=[]), BOT)
    assert (question.text, question.media, question.is_unreadable) == ("what is it?", "photo", False)


def test_media_without_a_caption_is_a_question_without_a_text() -> None:
    question = question_of(parsed_message(None, voice={}), BOT)
    assert (question.text, question.media, question.command, question.is_unreadable) == ("", "voice", None, True)


@pytest.mark.parametrize(
    ("replied", "quoted"),
    [
        ({"text": "one"}, Quoted(message_id=4, text="one", by_bot=False)),
        ({"text": "one", "from": {"id": 43}}, Quoted(message_id=4, text="one", by_bot=False)),
        ({"text": "one", "from": {"id": BOT.id}}, Quoted(message_id=4, text="one", by_bot=True)),
        ({"caption": "a picture"}, Quoted(message_id=4, text="a picture", by_bot=False)),
        ({"text": "🙂" * 1001}, Quoted(message_id=4, text="🙂" * 1000, by_bot=False)),
        ({"photo": []}, None),
        ({"text": " "}, None),
        ({"forum_topic_created": {"name": "x"}}, None),
    ],
)
def test_a_question_knows_what_it_replies_to(replied: dict[str, object], quoted: Quoted | None) -> None:
    update = parsed_message("and?", reply_to_message={"message_id": 4, **replied})
    assert question_of(update, BOT).replied_to == quoted


def batch(
    *files: str, updates: list[LandedUpdate] | None = None, malformed: list[MalformedLine] | None = None
) -> Batch:
    return Batch(updates or [], malformed or [], frozenset(files))


def numbered(*numbers: int, origin: bool = False, file: str = "f") -> list[LandedUpdate]:
    more = {"origin": {"kind": "replay", "id": "r", "mode": "answer"}} if origin else {}
    return [
        LandedUpdate(parsed(raw_update(i, body=raw_message(f"m{i}", message_id=i)), seq=i, **more), file)
        for i in numbers
    ]


def answerable(*numbers: int, file: str = "f") -> list[RoutedUpdate]:
    return routed(batch(file, updates=numbered(*numbers, file=file)), BOT, (), ())


def test_every_update_has_its_disposition_and_keeps_its_place() -> None:
    updates = [*numbered(1), LandedUpdate(parsed_message("b", kind="edited_message"), "g"), *numbered(3)]
    found = routed(batch(updates=updates), BOT, (), ())
    assert [(item.file, item.disposition) for item in found] == [
        ("f", Disposition.ANSWER),
        ("g", Disposition.EDIT),
        ("f", Disposition.ANSWER),
    ]
    assert [item.identity for item in found] == [item.update.identity for item in found]


def test_only_a_press_that_counts_has_a_row_in_feedback_and_it_is_known_by_the_message_that_has_the_button() -> None:
    pressed, other = (LandedUpdate(parsed(raw_press(data=data)), "f") for data in ("feedback:1:up:1:5", "x"))
    [counts, does_not] = routed(batch(updates=[pressed, other]), BOT, (), ())
    assert counts.vote_identity == counts.identity._replace(message_id=77)
    assert counts.identity.message_id is None
    assert does_not.vote_identity is None


# Albums


def photos(*numbers: int, album: str | None = "a", **more: Any) -> list[RoutedUpdate]:
    updates = [
        parsed(raw_update(i, body=raw_message(None, message_id=i, photo=[], media_group_id=album, **more)), seq=i)
        for i in numbers
    ]
    return routed(batch(updates=[LandedUpdate(update, "f") for update in updates]), BOT, (), ())


def answered_of(updates: list[RoutedUpdate]) -> list[int]:
    assert {item.disposition for item in updates} <= {Disposition.ANSWER, Disposition.NO_TEXT}
    return [item.update.update_id for item in updates if item.disposition is Disposition.ANSWER]


def test_of_an_album_only_the_first_is_answered_also_if_it_comes_in_several_batches() -> None:
    albums = Albums()
    assert answered_of(albums.answered_once(photos(1, 2))) == [1]
    assert answered_of(albums.answered_once(photos(3))) == []
    assert answered_of(albums.answered_once(photos(1, 2))) == [1], "Spark may call a batch again"
    assert answered_of(albums.answered_once(photos(4, album="b"))) == [4]
    assert answered_of(albums.answered_once(photos(5, chat={"id": 8, "type": "private"}))) == [5]
    assert answered_of(albums.answered_once(photos(6, 7, album=None))) == [6, 7]


def test_where_an_album_has_words_they_are_answered_and_its_other_parts_are_not() -> None:
    albums = Albums()
    assert answered_of(albums.answered_once([*photos(1, caption="look"), *photos(2, 3)])) == [1]
    assert answered_of(albums.answered_once([*photos(4, album="b"), *photos(5, album="b", caption="look")])) == [4, 5]


def test_the_albums_that_are_remembered_are_bounded() -> None:
    albums = Albums(most=2)
    for number, album in enumerate("abc", 1):
        albums.answered_once(photos(number, album=album))
    assert answered_of(albums.answered_once(photos(9, album="c"))) == []
    assert answered_of(albums.answered_once(photos(9, album="a"))) == [9]


def test_a_part_of_an_album_that_is_replayed_is_answered() -> None:
    origin = {"kind": "replay", "id": "r", "mode": "answer"}
    body = raw_message(None, message_id=2, photo=[], media_group_id="a")
    albums = Albums()
    albums.answered_once(photos(1))
    replayed = LandedUpdate(parsed(raw_update(2, body=body), origin=origin), "f")
    assert answered_of(albums.answered_once(routed(batch(updates=[replayed]), BOT, (), ()))) == [2]


def test_a_chat_that_is_not_allowed_is_not_answered() -> None:
    [item] = routed(batch(updates=numbered(1)), BOT, {8}, ())
    assert item.disposition is Disposition.CHAT_NOT_ALLOWED


def test_a_user_who_is_not_allowed_is_not_answered() -> None:
    [item] = routed(batch(updates=numbered(1)), BOT, (), {98})
    assert item.disposition is Disposition.USER_NOT_ALLOWED


def test_the_question_of_a_replay_has_the_author_of_its_message() -> None:
    update = parsed(raw_update(), origin={"kind": "replay", "id": "r", "mode": "answer"})
    assert question_of(update, BOT).author_id == 99


# What may be in the tables already


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("20-1-1.jsonl", False),
        ("10-1-1.jsonl", False),
        ("9-1-1.jsonl", True),
        ("20-injected-x.jsonl", True),
        ("x", True),
    ],
)
def test_files_from_before_the_run_and_injected_ones_may_be_known_to_the_tables(file: str, expected: bool) -> None:
    assert may_be_known(file, run_began=10) is expected


def test_what_was_seen_longest_ago_is_forgotten_first() -> None:
    recent = Recent[int](most=2)
    recent.add([1, 2])
    recent.add([3])
    assert [number in recent for number in (1, 2, 3, 4)] == [False, True, True, False]


# Questions


def test_a_question_is_new_unless_this_run_or_the_journal_has_it() -> None:
    updates = answerable(1, 2, 3)
    recent, journaled, new = (item.identity for item in updates)
    found = questions(updates, BOT, recent={recent}, in_journal=lambda key: key == journaled.key)
    assert [question.identity for question in found] == [new]


@pytest.mark.parametrize("disposition", [item for item in Disposition if item is not Disposition.ANSWER])
def test_an_update_with_another_disposition_is_not_a_question(disposition: Disposition) -> None:
    updates = [item._replace(disposition=disposition) for item in answerable(1)]
    assert questions(updates, BOT, recent=(), in_journal=lambda key: False) == []


@pytest.mark.parametrize(
    ("above", "count", "expected"), [(None, 9, False), (2, 2, False), (2, 3, True), (0, 1, True), (0, 0, False)]
)
def test_the_executors_get_a_batch_above_a_number_of_questions(above: int | None, count: int, expected: bool) -> None:
    new = [question_of(item.update, BOT) for item in answerable(*range(1, count + 1))]
    assert is_distributed(new, above) is expected


def test_a_malformed_line_is_known_by_its_file_and_its_text() -> None:
    lines = [MalformedLine(Malformed(why, raw), file) for why, raw, file in ("x{a", "y{a", "x[a", "x{b")]
    for keys in ([line.key for line in lines], [line.digest for line in lines]):
        assert keys[0] == keys[1]
        assert len(set(keys)) == 3
    assert len(MalformedLine(Malformed("long", "{" * 1_000_000), "a").digest) == 16
