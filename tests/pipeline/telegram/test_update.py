"""Parsing of landed lines."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.messages.identity import Identity
from pipeline.messages.origin import Probe, Replay, StoredAnswer, probe_update
from pipeline.sandbox.telegram.delivery.update_queue import UPDATE_KINDS
from pipeline.telegram.update import KINDS, Malformed, Tick, Update, read_line
from tests.support.replies import NOON
from tests.support.updates import BOT, Json, envelope, group, mark, parsed, parsed_message, raw_message, raw_update

STORED = {"text": "said", "status": "answered", "answered_at": "2026-01-02T03:04:05Z", "model": "m"}
REPLAY = {"kind": "replay", "id": "r", "mode": "deliver"}


def test_a_message_is_read_with_its_envelope() -> None:
    raw = raw_update(17, body=raw_message("hello", chat_id=-5, message_id=9))
    update = parsed(raw, seq=1234)
    assert (update.bot_id, update.seq, update.update_id, update.kind) == (42, 1234, 17, "message")
    assert update.received_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert update.message is not None
    assert (update.message.words, update.message.date) == ("hello", 1_700_000_000)
    assert update.identity == Identity(42, 17, -5, 9)
    assert update.identity.key == "42:17:-5:9"
    assert json.loads(update.raw) == raw


@pytest.mark.parametrize(
    ("origin", "chat_id", "name"),
    [
        (Probe(id="p"), 0, "probe:p"),
        (Probe(id="P.1_x-2", deliver=True), 7, "probe:P.1_x-2"),
        (Replay(id="r", mode="answer"), -5, "replay:r"),
        (Replay(id="r", mode="deliver", answer=StoredAnswer.model_validate_json(json.dumps(STORED))), 7, "replay:r"),
    ],
)
def test_an_injected_line_is_read_as_it_was_written(origin: Probe | Replay, chat_id: int, name: str) -> None:
    raw = raw_update(17, body=raw_message(chat_id=chat_id))
    update = parsed(raw, origin=origin.model_dump(mode="json"))
    assert update.origin == origin
    assert update.identity == Identity(42, 17, chat_id, 5, name)
    assert update.identity.key == f"42:17:{chat_id}:5:{name}"


def test_a_time_without_zone_is_utc() -> None:
    update = read_line(envelope(raw_update(), received_at="2026-01-02T03:04:05"), BOT.id)
    assert isinstance(update, Update)
    assert update.received_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_a_caption_counts_as_text_and_its_entities_count_with_it() -> None:
    update = parsed_message(None, caption="look", caption_entities=[mark("bold", 0, 4)], photo=[])
    assert update.message is not None
    assert update.message.words == "look"
    assert [entity.type for entity in update.message.marks or []] == ["bold"]


def test_an_empty_text_is_not_replaced_by_the_caption() -> None:
    update = parsed_message("", caption="look")
    assert update.message is not None
    assert (update.message.words, update.message.marks) == ("", None)


@pytest.mark.parametrize(("is_topic", "topic"), [(True, 33), (None, None)])
def test_a_thread_is_a_topic_only_in_a_forum(is_topic: bool | None, topic: int | None) -> None:
    update = parsed_message(message_thread_id=33, is_topic_message=is_topic, chat=group())
    assert update.message is not None
    assert update.message.topic_id == topic


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ({}, "Ann"),
        ({"from": {"id": 1, "first_name": "Ann", "last_name": "Lee"}}, "Ann Lee"),
        ({"from": {"id": 1, "first_name": ""}}, None),
        ({"from": None}, None),
        ({"sender_chat": {"id": -1, "type": "channel", "title": "News"}}, "News"),
    ],
)
def test_the_author_is_the_person_or_the_chat_that_speaks(more: dict[str, Any], name: str | None) -> None:
    message = parsed_message(**more).message
    assert message is not None
    assert message.author_name == name


@pytest.mark.parametrize(
    ("more", "author"),
    [
        ({}, 99),
        ({"from": None}, None),
        ({"from": None, "sender_chat": {"id": -1, "type": "channel"}}, -1),
        # Telegram puts a bot of its own in `from` there.
        ({"from": {"id": 136817688, "is_bot": True}, "sender_chat": {"id": -1, "type": "channel"}}, -1),
    ],
)
def test_the_authors_id_is_the_persons_or_that_of_the_chat_that_speaks(
    more: dict[str, Any], author: int | None
) -> None:
    message = parsed_message(**more).message
    assert message is not None
    assert message.author_id == author


def test_the_bot_asks_for_every_kind_that_the_simulator_knows() -> None:
    assert set(KINDS) == UPDATE_KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_recognised(kind: str) -> None:
    assert parsed(raw_update(kind=kind)).kind == kind


def test_an_update_without_a_kind_is_kept_as_empty() -> None:
    update = parsed({"update_id": 3})
    assert (update.kind, update.identity) == ("empty", Identity(42, 3, None, None))
    assert update.identity.key == "42:3::"


def test_an_unknown_kind_and_unknown_fields_are_kept() -> None:
    update = parsed(raw_update(kind="hologram", body={"chat": {"id": 8, "type": "private"}, "user": {"id": 4}}))
    assert (update.kind, update.fields) == ("hologram", frozenset({"chat", "user"}))
    assert update.chat is not None
    assert update.sender is not None
    assert (update.chat.id, update.sender.id) == (8, 4)


def test_a_callback_query_belongs_to_the_chat_of_its_message() -> None:
    update = parsed(raw_update(kind="callback_query", body={"id": "1", "from": {"id": 3}, "message": raw_message()}))
    assert update.message is None
    assert update.identity == Identity(42, 1, 7, None)
    assert update.sender is not None
    assert update.sender.id == 3


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "not JSON: "),
        ("[" * 100_000, "not JSON: "),
        ("9" * 5000, "not JSON: "),
        ("[]", "not an envelope: a JSON list"),
        ("null", "not an envelope: a JSON NoneType"),
        ("{}", "update: missing or not an object"),
        (envelope([1]), "update: missing or not an object"),
        (envelope(raw_update(), bot_id=43), "bot_id: this storage belongs to bot 42"),
        (envelope(raw_update(), received_at="noon"), "received_at: not a time in ISO 8601"),
        (envelope(raw_update(), received_at=None), "received_at: not a time in ISO 8601"),
        (envelope(raw_update(), seq="1"), "seq: "),
        (envelope(raw_update(), seq=2**63), "seq: "),
        (envelope({"message": raw_message()}), "update_id: "),
        (envelope(raw_update(2**63)), "update_id: "),
        (envelope(raw_update(body="hi")), "message: not an object"),
        (envelope(raw_update(kind="channel_post", body=[1])), "channel_post: not an object"),
        (envelope(raw_update(body=raw_message(message_id=2**63))), "message.message_id: "),
        (envelope(raw_update(body=raw_message(chat={"id": -(2**63) - 1, "type": "private"}))), "message.chat.id: "),
        (envelope(raw_update(body=raw_message(chat={"id": 1}))), "message.chat.type: "),
        (envelope(raw_update(body=raw_message(text=7))), "message.text: "),
        (envelope(raw_update(body=raw_message(date="now"))), "message.date: "),
        (envelope(raw_update(body=raw_message(date=2**60))), "message.date: "),
        (envelope(raw_update(kind="channel_post", body=raw_message(text=7))), "channel_post.text: "),
        (envelope(raw_update(body=raw_message(entities=[{"type": "bold"}]))), "message.entities.0.offset: "),
        (envelope(raw_update(kind="poll_answer", body={"user": {"id": "x"}})), "sender.id: "),
        (envelope(raw_update(), received_at="0001-01-01T00:00:00+14:00"), "received_at: "),
        (envelope(raw_update(), received_at="2262-01-01T00:00:00+00:00"), "received_at: "),
        (envelope(raw_update(body={"location": float("nan")})), "not JSON: NaN"),
        (envelope(raw_update(body={"location": float("-inf")})), "not JSON: -Infinity"),
        (envelope(raw_update(body={"location": "big"})).replace('"big"', "1e999"), "not JSON: "),
    ],
)  # fmt: skip
def test_an_unreadable_line_is_malformed_with_a_reason_that_names_the_field(line: str, reason: str) -> None:
    read = read_line(line, BOT.id)
    assert isinstance(read, Malformed)
    assert read.reason.startswith(reason)
    assert len(read.reason) <= 300
    assert "\n" not in read.reason
    assert read.raw == line


@pytest.mark.parametrize(
    ("origin", "reason"),
    [
        (None, "origin: "),
        ("probe", "origin: "),
        ({"id": "p"}, "origin: "),
        ({"kind": "test", "id": "p"}, "origin: "),
        ({"kind": "probe"}, "origin.probe.id: "),
        ({"kind": "probe", "id": "p:q"}, "origin.probe.id: "),
        ({"kind": "probe", "id": "p" * 65}, "origin.probe.id: "),
        ({"kind": "probe", "id": "p\n"}, "origin.probe.id: "),
        ({"kind": "probe", "id": 5}, "origin.probe.id: "),
        ({"kind": "probe", "id": "p", "deliver": "yes"}, "origin.probe.deliver: "),
        ({"kind": "probe", "id": "p", "a\nb": 1}, "origin.probe.a b: Extra"),
        ({"kind": "replay", "id": "r"}, "origin.replay.mode: "),
        ({"kind": "replay", "id": "r", "mode": "send"}, "origin.replay.mode: "),
        (REPLAY, "origin.replay: Value error, mode deliver has an answer"),
        ({**REPLAY, "mode": "answer", "answer": STORED}, "origin.replay: Value error, mode deliver has an answer"),
        ({**REPLAY, "answer": {**STORED, "x": 1}}, "origin.replay.answer.x: Extra"),
        ({**REPLAY, "answer": {**STORED, "text": " \0"}}, "origin.replay.answer.text: Value error, nothing to send"),
        ({**REPLAY, "answer": {**STORED, "text": "\ud800"}}, "origin: Invalid JSON"),
        ({**REPLAY, "answer": {**STORED, "status": "no"}}, "origin.replay.answer.status: "),
        ({**REPLAY, "answer": {**STORED, "prompt_tokens": 2**63}}, "origin.replay.answer.prompt_tokens: "),
        ({**REPLAY, "answer": {**STORED, "answered_at": "0001-01-01T00:00:00Z"}}, "origin.replay.answer.answered_at: "),
        ({**REPLAY, "answer": {**STORED, "answered_at": "2026-01-02T03:04:05"}}, "origin.replay.answer.answered_at: "),
    ],
)
def test_an_origin_that_is_not_exactly_as_it_should_be_is_malformed(origin: Any, reason: str) -> None:
    read = read_line(envelope(raw_update(), origin=origin), BOT.id)
    assert isinstance(read, Malformed)
    assert read.reason.startswith(reason)
    assert "\n" not in read.reason


def test_another_bots_probe_is_refused() -> None:
    read = read_line(envelope(probe_update("hi", NOON), bot_id=43, origin={"kind": "probe", "id": "p"}), BOT.id)
    assert isinstance(read, Malformed)
    assert read.reason.startswith("bot_id: ")


@pytest.mark.parametrize(
    ("chat_id", "origin"),
    [
        (7, {"kind": "probe", "id": "p"}),
        (0, {"kind": "probe", "id": "p", "deliver": True}),
        (0, {"kind": "replay", "id": "r", "mode": "answer"}),
    ],
)
def test_a_probe_that_is_not_delivered_has_a_chat_that_nothing_else_has(chat_id: int, origin: Json) -> None:
    read = read_line(envelope(probe_update("hi", NOON, chat_id), origin=origin), BOT.id)
    assert isinstance(read, Malformed)
    assert read.reason.startswith("origin: chat 0 is for probes that are not delivered")


@pytest.mark.parametrize("depth", [100, 300, 450, 600, 800, 950, 1100])
def test_deep_nesting_is_read_or_malformed_and_never_raises(depth: int) -> None:
    body = json.dumps(raw_message())[:-1] + ', "deep": ' + "[" * depth + "]" * depth + "}"
    line = envelope(None).replace("null", f'{{"update_id": 1, "message": {body}}}')
    assert isinstance(read_line(line, BOT.id), Malformed | Update)


def test_lone_surrogates_become_replacement_characters_and_stay_in_raw() -> None:
    update = parsed(raw_update(body=raw_message("a\ud83dz", **{"from": {"id": 1, "first_name": "\udc00"}})))
    assert update.message is not None
    assert update.message.words == "a\ufffdz"
    assert update.message.author_name == "\ufffd"
    assert "a\\ud83dz" in update.raw
    update.raw.encode()


def test_no_parsed_name_holds_a_lone_surrogate() -> None:
    update = parsed({"update_id": 1, "\ud800": {"\ud801": 1}})
    update.kind.encode()
    assert [name.encode(errors="replace") for name in update.fields] == [name.encode() for name in update.fields]


def test_an_injected_unreadable_update_brings_no_text_that_a_table_cannot_hold() -> None:
    read = read_line(envelope(None, unreadable="why\n\ud800" + "x" * 400, text="{\ud800"), BOT.id)
    assert isinstance(read, Malformed)
    assert read == Malformed(("update: why \ufffd" + "x" * 400)[:300], "{\ufffd")


def test_a_tick_is_no_update() -> None:
    assert read_line('{"seq": 5, "tick": "settle"}', BOT.id) == Tick(5)


def test_a_tick_without_a_seq_is_malformed() -> None:
    assert isinstance(read_line('{"tick": "settle"}', BOT.id), Malformed)
