"""The stop button of a draft."""

import pytest

from pipeline.sandbox.telegram.people.drafts import DraftsOfChat, StopButton
from pipeline.sandbox.telegram.people.table import ACTIONS
from pipeline.sandbox.telegram.simulator import Telegram
from tests.support.simulated import says


def _draft(telegram: Telegram, **more: object) -> None:
    telegram.call("sendMessageDraft", {"chat_id": 1, "draft_id": 7, "text": "Once", **more})


def _stop(telegram: Telegram) -> object:
    return telegram.perform(ACTIONS["drafts/stop"], StopButton(chat_id=1, draft_id=7))["update_id"]


def _number_shown(telegram: Telegram) -> int:
    return len(telegram.perform(ACTIONS["drafts"], DraftsOfChat(chat_id=1))["drafts"])


@pytest.mark.shows("drafts/stop", "stopped_message_generation")
def test_a_stopped_draft_is_gone_and_stays_gone(telegram: Telegram) -> None:
    """MessageGenerationStopped: chat and draft_id; can_stop shows a button to stop further drafts."""
    says(telegram)
    _draft(telegram, can_stop=True)
    assert _stop(telegram) is not None
    assert telegram.get_updates()[-1]["stopped_message_generation"] == {
        "chat": {"id": 1, "type": "private", "first_name": "Ada"},
        "draft_id": 7,
    }
    assert _number_shown(telegram) == 0
    _draft(telegram, can_stop=True)
    assert _number_shown(telegram) == 0


def test_a_draft_may_be_kept_when_it_is_stopped(telegram: Telegram) -> None:
    """sendMessageDraft: keep_on_stop keeps the draft in the chat when the button is pressed."""
    says(telegram)
    _draft(telegram, can_stop=True, keep_on_stop=True)
    _stop(telegram)
    assert _number_shown(telegram) == 1
    with pytest.raises(ValueError, match="no stop button"):
        _stop(telegram)


def test_only_a_shown_draft_with_a_button_can_be_stopped(telegram: Telegram) -> None:
    """sendMessageDraft: can_stop is needed for the button."""
    says(telegram)
    with pytest.raises(KeyError, match="no draft 7"):
        _stop(telegram)
    _draft(telegram)
    with pytest.raises(ValueError, match="no stop button"):
        _stop(telegram)
