"""Drafts that the user sees grow."""

import pytest

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.people.drafts import DraftsOfChat
from pipeline.sandbox.telegram.people.table import ACTIONS
from pipeline.sandbox.telegram.simulator import Telegram
from tests.support.simulated import Clock, refused, says, send


def _draft(telegram: Telegram, chat_id: int = 1, **more: object) -> object:
    return telegram.call("sendMessageDraft", {"chat_id": chat_id, "draft_id": 7, **more})


def _shown(telegram: Telegram) -> list[Json]:
    drafts: list[Json] = telegram.perform(ACTIONS["drafts"], DraftsOfChat(chat_id=1))["drafts"]
    return drafts


@pytest.mark.shows("sendMessageDraft", "drafts")
def test_a_draft_grows_until_a_message_takes_its_place(telegram: Telegram) -> None:
    """sendMessageDraft: changes of drafts with the same identifier are animated; a message completes them."""
    events: list[Json] = []
    says(telegram)
    telegram.listen(events.append)
    assert _draft(telegram) is True
    assert _draft(telegram, text="<b>Once</b>", parse_mode="HTML", can_stop=True) is True
    bold = {"type": "bold", "offset": 0, "length": 4}
    assert _shown(telegram) == [
        {"draft_id": 7, "text": "Once", "entities": [bold], "thread_id": None, "can_stop": True}
    ]
    assert telegram.sent() == []
    send(telegram, text="Once upon a time")
    assert _shown(telegram) == []
    assert [(event["type"], event.get("text")) for event in events] == [
        ("draft", ""),
        ("draft", "Once"),
        ("draft", None),
        ("sent", None),
    ]


def test_a_draft_disappears_after_half_a_minute() -> None:
    """sendMessageDraft: an ephemeral 30-second preview."""
    clock = Clock()
    telegram = Telegram(now=clock)
    says(telegram)
    _draft(telegram, text="a")
    clock.seconds += 29
    assert len(_shown(telegram)) == 1
    _draft(telegram, text="ab")
    clock.seconds += 29
    assert len(_shown(telegram)) == 1
    clock.seconds += 1
    assert _shown(telegram) == []


def test_another_draft_replaces_the_first(telegram: Telegram) -> None:
    """sendMessageDraft: drafts with another identifier are replaced without animation."""
    says(telegram)
    _draft(telegram, text="a")
    _draft(telegram, draft_id=8, text="b")
    assert [(draft["draft_id"], draft["text"]) for draft in _shown(telegram)] == [(8, "b")]


def test_a_wrong_draft_is_refused(telegram: Telegram) -> None:
    """sendMessageDraft: a private chat, an identifier that is not zero, 0 to 4096 characters."""
    says(telegram)
    says(telegram, chat_id=-5)
    assert refused(lambda: _draft(telegram, -5))[:2] == (400, "Bad Request: TEXTDRAFT_PEER_INVALID")
    assert refused(lambda: _draft(telegram, draft_id=0))[:2] == (400, "Bad Request: RANDOM_ID_INVALID")
    assert refused(lambda: _draft(telegram, text="x" * 4097))[:2] == (400, "Bad Request: message is too long")
    telegram.block(1)
    assert refused(lambda: _draft(telegram))[0] == 403
