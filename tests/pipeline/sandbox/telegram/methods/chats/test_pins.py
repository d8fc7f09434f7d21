"""Pinned messages."""

import pytest

from pipeline.sandbox.telegram.simulator import Telegram
from tests.support.simulated import refused, says, send


def _pin(telegram: Telegram, method: str, **parameters: int) -> object:
    return telegram.call(method, {"chat_id": 1, **parameters})


@pytest.mark.shows("pinChatMessage", "unpinChatMessage", "unpinAllChatMessages")
def test_messages_are_pinned_and_unpinned(telegram: Telegram) -> None:
    """unpinChatMessage: without message_id the most recent pinned message will be unpinned."""
    asked = says(telegram)
    answered = send(telegram)["message_id"]
    assert _pin(telegram, "pinChatMessage", message_id=asked) is True
    assert _pin(telegram, "pinChatMessage", message_id=answered) is True
    assert _pin(telegram, "unpinChatMessage", message_id=asked) is True
    assert _pin(telegram, "unpinChatMessage") is True
    nothing = refused(lambda: _pin(telegram, "unpinChatMessage"))
    assert nothing[:2] == (400, "Bad Request: message to unpin not found")
    _pin(telegram, "pinChatMessage", message_id=asked)
    assert _pin(telegram, "unpinAllChatMessages") is True
    assert "pinned_message" not in telegram.call("getChat", {"chat_id": 1})


def test_an_unknown_message_can_not_be_pinned(telegram: Telegram) -> None:
    """pinChatMessage: message_id is the identifier of a message to pin."""
    says(telegram)
    error = refused(lambda: _pin(telegram, "pinChatMessage", message_id=99))
    assert error[:2] == (400, "Bad Request: message to pin not found")


def test_pinning_in_a_group_needs_the_right_to_pin(telegram: Telegram) -> None:
    """pinChatMessage: the bot must be an administrator with the can_pin_messages right."""
    asked = says(telegram, chat_id=-5)
    pin = {"chat_id": -5, "message_id": asked}
    no_right = (400, "Bad Request: not enough rights to manage pinned messages in the chat")
    assert refused(lambda: telegram.call("pinChatMessage", pin))[:2] == no_right
