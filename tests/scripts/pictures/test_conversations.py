"""The conversation on the pictures of the chat page."""

from __future__ import annotations

from scripts.pictures.conversations import converse


def test_it_is_the_same_each_time_to_the_second() -> None:
    assert [converse().transcript(1), converse().transcript(1)] == [converse().transcript(1)] * 2


def test_it_shows_buttons_a_reply_and_several_chats() -> None:
    telegram = converse()
    messages = telegram.transcript(1)
    assert any("inline_keyboard" in message.get("reply_markup", {}) for message in messages)
    assert any("reply_to_message" in message for message in messages)
    assert {chat["type"] for chat in telegram.chats()} >= {"private", "supergroup", "channel"}
