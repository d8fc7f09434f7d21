"""People press the buttons of a reply keyboard."""

import pytest

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.simulator import Telegram
from tests.support.simulated import performs, says, send

GROUP = -1_001_000_000_010


def _last(telegram: Telegram) -> Json:
    message: Json = telegram.get_updates()[-1]["message"]
    return message


@pytest.mark.shows("keyboard")
def test_a_pressed_key_sends_its_text(telegram: Telegram) -> None:
    """KeyboardButton: if none of the optional fields are used, its text is sent as a message."""
    says(telegram, first_name="Ada")
    send(telegram, reply_markup={"keyboard": [["/help", "No"]]})
    pressed = performs(telegram, "keyboard", text="/help")
    message = _last(telegram)
    assert message["message_id"] == pressed["message_id"]
    assert (message["text"], message["entities"][0]["type"]) == ("/help", "bot_command")
    assert message["from"]["first_name"] == "Ada"
    assert "reply_to_message" not in message


def test_in_a_group_a_key_answers_the_message_that_brought_it(telegram: Telegram) -> None:
    """Privacy mode: replies to the bot's messages reach it; groups' apps make a pressed key one."""
    telegram.create_topic(GROUP, 7, "Questions")
    says(telegram, chat_id=GROUP, message_thread_id=7)
    menu = send(telegram, GROUP, message_thread_id=7, reply_markup={"keyboard": [["Yes"]]})
    performs(telegram, "keyboard", chat_id=GROUP, text="Yes", user_id=9)
    message = _last(telegram)
    assert message["reply_to_message"]["message_id"] == menu["message_id"]
    assert (message["message_thread_id"], message["from"]["id"]) == (7, 9)


@pytest.mark.parametrize(
    ("button", "given", "content"),
    [
        (
            {"request_contact": True},
            {"phone_number": "+15550101"},
            {"contact": {"phone_number": "+15550101", "first_name": "Ada", "user_id": 1}},
        ),
        (
            {"request_location": True},
            {"latitude": 1.5, "longitude": 2},
            {"location": {"latitude": 1.5, "longitude": 2.0}},
        ),
        (
            {"request_users": {"request_id": 5, "max_quantity": 2}},
            {"shared_user_ids": [7, 8]},
            {"users_shared": {"request_id": 5, "users": [{"user_id": 7}, {"user_id": 8}]}},
        ),
        (
            {"request_chat": {"request_id": 6, "chat_is_channel": False}},
            {"shared_chat_id": -5},
            {"chat_shared": {"request_id": 6, "chat_id": -5}},
        ),
        (
            {"web_app": {"url": "https://example.com/"}},
            {"web_app_data": "done"},
            {"web_app_data": {"data": "done", "button_text": "Ask"}},
        ),
    ],
)
def test_a_key_sends_what_it_asks_for(telegram: Telegram, button: Json, given: Json, content: Json) -> None:
    """KeyboardButton: the contact, the location, or a service message with what the person chose."""
    says(telegram, first_name="Ada")
    send(telegram, reply_markup={"keyboard": [[{"text": "Ask", **button}]]})
    performs(telegram, "keyboard", text="Ask", **given)
    message = _last(telegram)
    assert content.items() <= message.items()
    assert "text" not in message


@pytest.mark.parametrize(
    ("button", "reason"),
    [
        ({"request_users": {"request_id": 5}}, "asks for 1 to 1 of shared_user_ids"),
        ({"request_chat": {"request_id": 6, "chat_is_channel": False}}, "asks for shared_chat_id"),
        ({"web_app": {"url": "https://example.com/"}}, "asks for web_app_data"),
        ({"request_poll": {}}, "pressing it is not simulated"),
    ],
)
def test_a_key_does_not_send_less_than_it_asks_for(telegram: Telegram, button: Json, reason: str) -> None:
    """No rule of the Bot API: what a test gets that presses wrongly."""
    says(telegram)
    send(telegram, reply_markup={"keyboard": [[{"text": "Ask", **button}]]})
    with pytest.raises(ValueError, match=reason):
        performs(telegram, "keyboard", text="Ask")


def test_only_a_key_that_is_shown_can_be_pressed(telegram: Telegram) -> None:
    """ReplyKeyboardRemove: the user will not be able to summon the keyboard."""
    with pytest.raises(KeyError, match="there is no chat 1"):
        performs(telegram, "keyboard", text="Yes")
    says(telegram)
    send(telegram, reply_markup={"keyboard": [["Yes"]]})
    with pytest.raises(ValueError, match="sees no button 'No'"):
        performs(telegram, "keyboard", text="No")
    send(telegram, reply_markup={"remove_keyboard": True})
    with pytest.raises(ValueError, match="sees no button 'Yes'"):
        performs(telegram, "keyboard", text="Yes")
