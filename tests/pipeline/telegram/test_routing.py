"""Which updates are answered, and why others are not."""

from collections.abc import Collection
from typing import Any

import pytest

from pipeline.messages.origin import NO_CHAT
from pipeline.telegram.bot import Bot
from pipeline.telegram.routing import Disposition, command, disposition
from pipeline.telegram.update import MEDIA_KINDS
from tests.support.updates import BOT, Json, group, mark, parsed, parsed_message, raw_message, raw_press, raw_update

ANONYMOUS = {"id": 1087968824, "is_bot": True, "first_name": "Group"}
ROBOT = {"id": 5, "is_bot": True, "first_name": "Robot"}
TO_BOT = {"message_id": 1, "from": {"id": BOT.id, "is_bot": True}}


def decided(text: str | None = "hi", kind: str = "message", **more: Any) -> str:
    return disposition(parsed_message(text, kind, **more), BOT).value


def in_group(text: str, *marks: Json, **more: Any) -> str:
    return decided(text, chat=group(), entities=list(marks), **more)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, "answer"),
        ({"text": None, "caption": "look"}, "answer"),
        ({"kind": "channel_post", "from": None, "chat": group("channel")}, "answer"),
        ({"kind": "edited_message"}, "edit"),
        ({"kind": "edited_channel_post"}, "edit"),
        ({"kind": "edited_business_message"}, "edit"),
        ({"kind": "business_message"}, "not_a_message"),
        ({"kind": "guest_message"}, "not_a_message"),
        ({"text": None}, "no_text"),
        ({"text": " \n "}, "no_text"),
        ({"text": None, "caption": ""}, "no_text"),
        ({"from": ROBOT}, "from_bot"),
        ({"via_bot": ROBOT}, "from_bot"),
        ({"from": ANONYMOUS}, "from_bot"),
        ({"from": ANONYMOUS, "sender_chat": group()}, "answer"),
        ({"text": None, "new_chat_title": "x", "chat": group()}, "service_message"),
        ({"text": "x", "pinned_message": {}}, "service_message"),
        ({"text": None, "forum_topic_created": {}}, "service_message"),
        ({"text": None, "sticker": {}}, "no_text"),
        ({"text": None, "location": {}}, "no_text"),
        *(({"text": None, kind: {}}, "answer") for kind in MEDIA_KINDS),
        ({"text": None, "photo": {}, "caption": " "}, "answer"),
        ({"text": None, "photo": {}, "kind": "channel_post", "chat": group("channel")}, "no_text"),
        ({"text": None, "photo": {}, "from": ROBOT}, "from_bot"),
        ({"text": None, "photo": {}, "kind": "edited_message"}, "edit"),
    ],
)
def test_a_message_outside_groups_is_answered_if_a_person_wrote_text(more: dict[str, Any], expected: str) -> None:
    assert decided(**more) == expected


@pytest.mark.parametrize("kind", ["callback_query", "poll", "my_chat_member", "stopped_message_generation"])
def test_other_updates_are_not_messages(kind: str) -> None:
    assert disposition(parsed(raw_update(kind=kind, body={})), BOT) is Disposition.NOT_A_MESSAGE


@pytest.mark.parametrize(
    ("text", "marks", "expected"),
    [
        ("hi all", [], "not_addressed"),
        ("hi @our_bot", [mark("mention", 3, 8)], "answer"),
        ("hi @OUR_Bot", [mark("mention", 3, 8)], "answer"),
        ("hi @our_bot2", [mark("mention", 3, 9)], "not_addressed"),
        ("hi @our_bot", [], "not_addressed"),  # no entity: Telegram finds no mention in code
        ("🎉🎉 @our_bot", [mark("mention", 5, 8)], "answer"),  # offsets are in UTF-16
        ("bot, hi", [mark("text_mention", 0, 3, user={"id": 42})], "answer"),
        ("bot, hi", [mark("text_mention", 0, 3, user={"id": 43})], "not_addressed"),
        ("/help", [mark("bot_command", 0, 5)], "answer"),
        ("/help@our_bot", [mark("bot_command", 0, 13)], "answer"),
        ("/help@other_bot", [mark("bot_command", 0, 15)], "not_addressed"),
        ("try /help", [mark("bot_command", 4, 5)], "not_addressed"),
        ("try /help@our_bot", [mark("bot_command", 4, 13)], "answer"),
        ("hi", [mark("mention", 90, 8)], "not_addressed"),
        ("hi", [mark("mention", -9, 4)], "not_addressed"),
    ],
)
def test_in_a_group_the_bot_must_be_addressed(text: str, marks: list[Json], expected: str) -> None:
    assert in_group(text, *marks) == expected
    assert decided(text, chat=group("group"), entities=marks) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hi @our_bot!", "answer"),
        ("hi @our_bot2", "not_addressed"),
        ("/start", "answer"),
        ("/start@our_bot now", "answer"),
        ("/start@other_bot", "not_addressed"),
        ("hi /start", "not_addressed"),
        ("hi", "not_addressed"),
    ],
)
def test_without_entities_the_text_itself_decides(text: str, expected: str) -> None:
    assert decided(text, chat=group()) == expected


def test_a_caption_is_searched_for_the_mention_too() -> None:
    marks = [mark("mention", 0, 8)]
    assert decided(None, chat=group(), caption="@our_bot what is it?", caption_entities=marks) == "answer"


def test_a_reply_to_the_bot_addresses_it() -> None:
    assert in_group("and you?", reply_to_message=TO_BOT) == "answer"
    assert in_group("and you?", reply_to_message={"message_id": 1, "from": {"id": 43}}) == "not_addressed"


def test_media_without_words_in_a_group_are_answered_if_they_reply_to_the_bot() -> None:
    assert decided(None, chat=group(), voice={}, reply_to_message=TO_BOT) == "answer"
    assert decided(None, chat=group(), voice={}) == "not_addressed"


def test_a_message_in_a_topic_that_the_bot_created_is_not_a_reply_to_it() -> None:
    assert in_group("hi", reply_to_message={**TO_BOT, "forum_topic_created": {}}) == "not_addressed"


@pytest.mark.parametrize(("allowed", "expected"), [((), "answer"), ((7, 8), "answer"), ((8,), "chat_not_allowed")])
def test_an_allow_list_keeps_other_chats_out(allowed: tuple[int, ...], expected: str) -> None:
    assert disposition(parsed(raw_update(body=raw_message())), BOT, frozenset(allowed)).value == expected


@pytest.mark.parametrize(
    ("more", "allowed", "expected"),
    [
        ({}, (), "answer"),
        ({}, (98, 99), "answer"),
        ({}, (98,), "user_not_allowed"),
        ({}, (7,), "user_not_allowed"),  # the chat's id is not the author's
        # In the name of a chat: that chat is the author, whoever is in `from`.
        ({"sender_chat": {"id": -7, "type": "channel"}}, (-7,), "answer"),
        ({"sender_chat": {"id": -7, "type": "channel"}}, (99,), "user_not_allowed"),
        ({"from": ANONYMOUS, "sender_chat": group()}, (-100,), "answer"),
        ({"from": ANONYMOUS, "sender_chat": group()}, (ANONYMOUS["id"],), "user_not_allowed"),
        ({"from": None}, (), "answer"),
        ({"from": None}, (99,), "user_not_allowed"),
        # Why it would not be answered anyway is said first.
        ({"text": None}, (98,), "no_text"),
        ({"from": ROBOT}, (98,), "from_bot"),
        ({"kind": "edited_message"}, (98,), "edit"),
    ],
)
def test_an_allow_list_keeps_other_users_out(more: dict[str, Any], allowed: tuple[int, ...], expected: str) -> None:
    assert disposition(parsed_message(**more), BOT, (), frozenset(allowed)).value == expected


def test_a_user_who_is_not_allowed_is_kept_out_of_groups_too() -> None:
    addressed, to_others = (parsed_message(text, chat=group()) for text in ("/help", "hi all"))
    for update in (addressed, to_others):
        assert disposition(update, BOT, (), {98}) is Disposition.USER_NOT_ALLOWED
    assert disposition(addressed, BOT, (), {99}) is Disposition.ANSWER
    assert disposition(to_others, BOT, (), {99}) is Disposition.NOT_ADDRESSED


@pytest.mark.parametrize(
    ("chats", "users", "expected"),
    [
        ({7}, {99}, "answer"),
        ({8}, {99}, "chat_not_allowed"),
        ({7}, {98}, "user_not_allowed"),
        ({8}, {98}, "chat_not_allowed"),
    ],
)
def test_of_two_allow_lists_a_message_must_be_on_both(chats: set[int], users: set[int], expected: str) -> None:
    assert disposition(parsed_message(), BOT, chats, users).value == expected


@pytest.mark.parametrize(
    ("chats", "users", "kept_out"),
    [({8}, (), "chat_not_allowed"), ((), {98}, "user_not_allowed"), ({8}, {98}, "chat_not_allowed")],
)
def test_a_probe_passes_the_allow_lists_and_a_replay_does_not(
    chats: Collection[int], users: Collection[int], kept_out: str
) -> None:
    probe = parsed(raw_update(), origin={"kind": "probe", "id": "p", "deliver": True})
    replay = parsed(raw_update(), origin={"kind": "replay", "id": "r", "mode": "answer"})
    assert disposition(probe, BOT, chats, users) is Disposition.ANSWER
    assert disposition(replay, BOT, chats, users).value == kept_out


# Presses of buttons


@pytest.mark.parametrize(
    ("update", "expected"),
    [
        (raw_press(), "feedback"),
        (raw_press(chat=group("channel")), "feedback"),
        (raw_press(chat=group("channel"), date=0), "feedback"),  # all that is given of an old message
        (raw_press(data="feedback:1:down:-5:9223372036854775807"), "feedback"),
        (raw_press(data="feedback:1:down:5:9223372036854775808"), "not_a_message"),
        (raw_press(data="feedback:2:up:1:5"), "not_a_message"),
        (raw_press(data="yes"), "not_a_message"),
        (raw_press(data=5), "not_a_message"),
        (raw_press(data=None), "not_a_message"),
        (raw_press(message_id="x"), "not_a_message"),
        (raw_update(kind="callback_query", body={"id": "1", "from": {"id": 3}, "data": "feedback:1:up:1:5",
                                                 "inline_message_id": "x"}), "not_a_message"),
        (raw_update(kind="inline_query", body=raw_press()["callback_query"]), "not_a_message"),
        (raw_update(kind="callback_query", body="x"), "not_a_message"),
    ],
)  # fmt: skip
def test_a_press_under_an_answer_is_feedback_and_any_other_press_is_kept_as_it_is(update: Json, expected: str) -> None:
    assert disposition(parsed(update), BOT).value == expected


@pytest.mark.parametrize(
    ("chats", "users", "expected"),
    [
        ({7}, {99}, "feedback"),
        ({8}, {99}, "chat_not_allowed"),
        ({7}, {98}, "user_not_allowed"),
    ],
)
def test_a_press_counts_from_a_chat_and_a_user_that_are_allowed(
    chats: set[int], users: set[int], expected: str
) -> None:
    assert disposition(parsed(raw_press()), BOT, chats, users).value == expected
    probe = parsed(raw_press(), origin={"kind": "probe", "id": "p", "deliver": True})
    assert disposition(probe, BOT, chats, users) is Disposition.FEEDBACK


def test_a_check_can_press_in_the_chat_that_does_not_exist() -> None:
    probe = parsed(raw_press(chat={"id": NO_CHAT, "type": "private"}), origin={"kind": "probe", "id": "p"})
    assert (disposition(probe, BOT), probe.identity.origin) == (Disposition.FEEDBACK, "probe:p")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/start", "start"),
        ("/START@Our_Bot x", "start"),
        ("/start@other_bot", None),
        ("/start!", None),
        (" /start", None),
        ("start", None),
        ("/", None),
        ("/help\nme", "help"),
    ],
)
def test_a_command_is_read_from_the_beginning_of_the_text(text: str, expected: str | None) -> None:
    assert command(text, Bot(42, "our_bot")) == expected
