"""Privacy mode."""

from typing import Any

import pytest

from pipeline.sandbox.telegram.people.members import MemberChange
from pipeline.sandbox.telegram.people.messages import UserMessage
from pipeline.sandbox.telegram.people.privacy import Privacy
from pipeline.sandbox.telegram.people.table import ACTIONS
from pipeline.sandbox.telegram.simulator import Telegram
from tests.support.simulated import says, send

GROUP = -1_001_000_000_010


def _arrives(telegram: Telegram, text: str | None = "hello", **more: Any) -> bool:
    return telegram.receive(UserMessage(chat_id=GROUP, text=text, **more)).update_id is not None


@pytest.fixture
def private(telegram: Telegram) -> Telegram:
    """A bot in privacy mode."""
    telegram.perform(ACTIONS["privacy"], Privacy())
    return telegram


@pytest.mark.shows("privacy", "getMe")
def test_get_me_says_whether_the_bot_reads_everything(telegram: Telegram) -> None:
    """User: can_read_all_group_messages is true if privacy mode is disabled for the bot."""
    assert telegram.call("getMe", {})["can_read_all_group_messages"] is True
    assert _arrives(telegram)
    telegram.perform(ACTIONS["privacy"], Privacy(enabled=True))
    assert telegram.call("getMe", {})["can_read_all_group_messages"] is False
    assert not _arrives(telegram)
    telegram.perform(ACTIONS["privacy"], Privacy(enabled=False))
    assert _arrives(telegram)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hello", False),
        ("/start", True),
        ("/start@sandbox_bot", True),
        ("/start@other_bot", False),
        ("🎉 what does @Sandbox_Bot say?", True),
        ("what does @sandbox_bots say?", False),
    ],
)
def test_only_what_concerns_the_bot_arrives(private: Telegram, text: str, expected: bool) -> None:
    """Privacy mode: commands for the bot, general commands, and messages that name it."""
    assert _arrives(private, text) is expected


@pytest.mark.shows("message", "edited_message")
def test_replies_service_messages_and_inline_messages_arrive(private: Telegram) -> None:
    """Privacy mode: replies to the bot, service messages, and inline messages that were sent via the bot."""
    _arrives(private)
    answer = send(private, GROUP)["message_id"]
    assert _arrives(private, reply_to_message_id=answer)
    assert not _arrives(private, reply_to_message_id=1)
    assert _arrives(private, None, new_chat_members=[{"id": 3, "is_bot": False, "first_name": "Bo"}])
    assert _arrives(private, extra={"via_bot": private.me()})
    assert not _arrives(private, "changed", edited_message_id=1)
    assert _arrives(private, "@sandbox_bot", edited_message_id=1)


def test_a_general_command_goes_to_the_bot_that_wrote_last(private: Telegram) -> None:
    """Privacy mode: general commands reach a bot if it was the last bot to send a message to the group."""
    _arrives(private, "beep", user_id=99, is_bot=True)
    assert not _arrives(private, "/help")
    send(private, GROUP)
    assert _arrives(private, "/help")


def test_an_administrator_and_a_private_chat_are_exempt(private: Telegram) -> None:
    """Privacy mode: bots that are administrators receive all messages, as all bots do in private chats."""
    assert says(private) == 1
    assert len(private.get_updates()) == 1
    assert not _arrives(private)
    private.perform(ACTIONS["members"], MemberChange(chat_id=GROUP, status="administrator"))
    assert _arrives(private)


def test_watchers_learn_whether_the_bot_saw_a_message(private: Telegram) -> None:
    """No rule of the Bot API: the chat page shows who may see what."""
    seen: list[bool] = []
    private.listen(lambda event: seen.append(event["seen_by_bot"]))
    _arrives(private)
    _arrives(private, "/start")
    assert seen == [False, True]
