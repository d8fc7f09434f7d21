"""Methods about a chat."""

import pytest

from pipeline.sandbox.telegram.simulator import Telegram
from tests.support.simulated import refused, says


@pytest.mark.shows("sendChatAction")
def test_a_chat_action_is_recorded(telegram: Telegram) -> None:
    """sendChatAction: action is one of a list; the chat must be one that can be written to."""
    says(telegram)
    assert telegram.call("sendChatAction", {"chat_id": "1", "action": "typing"}) is True
    assert refused(lambda: telegram.call("sendChatAction", {"chat_id": 1, "action": "dancing"}))[0] == 400
    assert refused(lambda: telegram.call("sendChatAction", {"chat_id": 2, "action": "typing"}))[0] == 400
    assert [(action["chat_id"], action["action"]) for action in telegram.actions()] == [(1, "typing")]


@pytest.mark.shows("getChat")
def test_a_chat_is_described(telegram: Telegram) -> None:
    """getChat: up-to-date information about the chat; chat_id is a number or the @username of a public group."""
    says(telegram, chat_id=-5, title="Team")
    chat = telegram.call("getChat", {"chat_id": "-5"})
    assert (chat["id"], chat["type"], chat["title"]) == (-5, "group", "Team")
    assert refused(lambda: telegram.call("getChat", {"chat_id": 77}))[:2] == (400, "Bad Request: chat not found")
