"""What a chat is, and what the bot is doing in it."""

import pytest

from pipeline.sandbox.telegram.simulator import Telegram
from tests.support.simulated import refused, says, send


@pytest.mark.shows("sendChatAction")
def test_a_chat_action_is_recorded(telegram: Telegram) -> None:
    """sendChatAction: action is one of a list; the chat must be one that can be written to."""
    says(telegram)
    assert telegram.call("sendChatAction", {"chat_id": "1", "action": "typing"}) is True
    error = refused(lambda: telegram.call("sendChatAction", {"chat_id": 1, "action": "dancing"}))
    assert error[:2] == (400, "Bad Request: wrong parameter action in request")
    assert refused(lambda: telegram.call("sendChatAction", {"chat_id": 2, "action": "typing"}))[0] == 400
    assert [(action["chat_id"], action["action"]) for action in telegram.actions()] == [(1, "typing")]


@pytest.mark.parametrize(
    ("given", "action"),
    [
        ("record_audio", "record_voice"),
        ("upload_audio", "upload_voice"),
        ("pick_up_location", "find_location"),
        ("Typing", "typing"),
        ("cancel", "cancel"),
    ],
)
def test_earlier_names_of_a_chat_action_are_taken(telegram: Telegram, given: str, action: str) -> None:
    """sendChatAction: names of earlier versions, which libraries still offer; the server knows them."""
    says(telegram)
    assert telegram.call("sendChatAction", {"chat_id": 1, "action": given}) is True
    assert telegram.actions()[-1]["action"] == action


@pytest.mark.shows("getChat")
def test_a_chat_has_every_field_that_strict_clients_ask_for() -> None:
    """ChatFullInfo: accent_color_id, max_reaction_count and accepted_gift_types are not optional."""
    telegram = Telegram()
    says(telegram, username="ada")
    says(telegram, chat_id=-5, title="Team")
    private, group = telegram.call("getChat", {"chat_id": 1}), telegram.call("getChat", {"chat_id": "-5"})
    for chat in (private, group):
        assert {"id", "type", "accent_color_id", "max_reaction_count"} <= chat.keys()
        assert {"unlimited_gifts", "limited_gifts", "unique_gifts"} <= chat["accepted_gift_types"].keys()
    assert private["active_usernames"] == ["ada"]
    assert "permissions" not in private
    assert group["permissions"]["can_send_messages"] is True
    assert refused(lambda: telegram.call("getChat", {"chat_id": 9}))[:2] == (400, "Bad Request: chat not found")


def test_a_chat_names_its_last_pinned_message(telegram: Telegram) -> None:
    """ChatFullInfo: pinned_message is the most recent one."""
    says(telegram)
    first, second = send(telegram, text="a"), send(telegram, text="b")
    for message in (first, second):
        telegram.call("pinChatMessage", {"chat_id": 1, "message_id": message["message_id"]})
    assert telegram.call("getChat", {"chat_id": 1})["pinned_message"]["text"] == "b"
    telegram.call("unpinChatMessage", {"chat_id": 1})
    assert telegram.call("getChat", {"chat_id": 1})["pinned_message"]["text"] == "a"


@pytest.mark.shows("getUserProfilePhotos")
def test_people_have_no_photos(telegram: Telegram) -> None:
    """getUserProfilePhotos: a list of profile pictures for a user."""
    says(telegram)
    assert telegram.call("getUserProfilePhotos", {"user_id": 1}) == {"total_count": 0, "photos": []}
    unknown = refused(lambda: telegram.call("getUserProfilePhotos", {"user_id": 9}))
    assert unknown[:2] == (400, "Bad Request: user not found")
