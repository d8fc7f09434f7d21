"""The simulated Telegram from several threads, and its listeners."""

import threading

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.simulator import Telegram
from tests.support.simulated import says, send, texts


def test_a_thread_may_wait_for_updates(telegram: Telegram) -> None:
    """getUpdates: long polling, called from several threads of one process."""
    got: list[Json] = []
    waiting = threading.Thread(target=lambda: got.extend(telegram.get_updates(timeout=10)))
    waiting.start()
    says(telegram)
    waiting.join(5)
    assert texts(got) == ["hi"]


def test_a_listener_gets_events_in_order_until_it_is_removed(telegram: Telegram) -> None:
    """No rule of the Bot API: what the chat page lives on."""
    events: list[str] = []
    end = telegram.listen(lambda event: events.append(event["type"]))
    says(telegram)
    telegram.call("sendChatAction", {"chat_id": 1, "action": "typing"})
    send(telegram)
    end()
    says(telegram)
    assert events == ["message", "action", "sent"]
    assert [message["text"] for message in telegram.transcript(1)] == ["hi", "answer", "hi"]
