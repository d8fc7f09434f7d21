"""Methods about a chat."""

from pipeline.sandbox.telegram.simulator import Telegram
from tests.support.simulated import refused, says


def test_a_chat_action_is_recorded(telegram: Telegram) -> None:
    """sendChatAction: action is one of a list; the chat must be one that can be written to."""
    says(telegram)
    assert telegram.call("sendChatAction", {"chat_id": "1", "action": "typing"}) is True
    assert refused(lambda: telegram.call("sendChatAction", {"chat_id": 1, "action": "dancing"}))[0] == 400
    assert refused(lambda: telegram.call("sendChatAction", {"chat_id": 2, "action": "typing"}))[0] == 400
    assert [(action["chat_id"], action["action"]) for action in telegram.actions()] == [(1, "typing")]
