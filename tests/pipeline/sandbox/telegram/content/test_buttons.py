"""Buttons, one by one."""

from typing import Any

import pytest

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.content.buttons import inline_button, reply_button
from pipeline.sandbox.telegram.content.fields import FieldError
from tests.support.simulated import refused


@pytest.mark.parametrize(
    "action",
    [
        {"url": "https://example.com/"},
        {"callback_data": "ж" * 32},
        {"switch_inline_query": ""},
        {"switch_inline_query_current_chat": "cats"},
        {"switch_inline_query_chosen_chat": {"query": "cats", "allow_user_chats": True}},
        {"login_url": {"url": "https://example.com/login", "bot_username": "@other_bot"}},
        {"web_app": {"url": "https://example.com/app"}},
        {"copy_text": {"text": "x" * 256}},
        {"disabled": {}},
    ],
)
def test_an_inline_button_does_one_thing(action: Json) -> None:
    """InlineKeyboardButton: exactly one of the optional fields says what the button does."""
    given = {"text": "Press", **action, "unknown": 1}
    assert inline_button(given, "private") == {"text": "Press", **action}


def test_a_button_may_have_a_colour_and_an_icon() -> None:
    """InlineKeyboardButton: style is danger, success or primary; icon_custom_emoji_id."""
    given = {"text": "Go", "callback_data": "go", "style": "danger", "icon_custom_emoji_id": "5"}
    assert inline_button(given, "private") == given
    with pytest.raises(FieldError, match="style"):
        inline_button(given | {"style": "pink"}, "private")


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ({"callback_data": "x" * 65}, "BUTTON_DATA_INVALID"),
        ({"callback_data": "ж" * 33}, "BUTTON_DATA_INVALID"),
        ({"url": "not-a-url"}, "inline keyboard button URL 'not-a-url' is invalid: Wrong HTTP URL"),
        (
            {"login_url": {"url": "http://example.com"}},
            "inline keyboard button login URL 'http://example.com' is invalid: Only HTTPS links are allowed",
        ),
        (
            {"web_app": {"url": "tg://user?id=1"}},
            "inline keyboard button Web App URL 'tg://user?id=1' is invalid: Only HTTPS links are allowed",
        ),
        ({"copy_text": {"text": ""}}, "BUTTON_COPY_TEXT_INVALID"),
        ({"copy_text": {"text": "x" * 257}}, "BUTTON_COPY_TEXT_INVALID"),
        ({"pay": True}, "BUTTON_TYPE_INVALID"),
        ({"callback_game": {}}, "BUTTON_TYPE_INVALID"),
    ],
)
def test_an_inline_button_is_refused_in_the_servers_words(action: Json, said: str) -> None:
    """InlineKeyboardButton: callback_data has 1-64 bytes, copied text 1-256 characters; links are HTTP or HTTPS."""
    outcome = refused(lambda: inline_button({"text": "Press", **action}, "private"))
    assert outcome[:2] == (400, f"Bad Request: {said}")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("Press", "InlineKeyboardButton must be an Object"),
        ({"callback_data": "x"}, 'Can\'t find field "text"'),
        ({"text": "Press"}, "Text buttons are unallowed in the inline keyboard"),
        ({"text": "Press", "callback_data": ""}, "Text buttons are unallowed in the inline keyboard"),
        ({"text": "Press", "web_app": "https://example.com"}, 'Field "web_app" must be of type Object'),
        ({"text": "Press", "login_url": {"url": "https://a.b", "bot_username": "a-b"}}, "LoginUrl bot username"),
    ],
)
def test_what_is_no_inline_button_is_not_read(given: Any, said: str) -> None:
    """InlineKeyboardButton: text, and exactly one field that says what the button does."""
    with pytest.raises(FieldError) as error:
        inline_button(given, "private")
    assert str(error.value).startswith(said)


def test_a_channel_and_a_group_allow_fewer_buttons() -> None:
    """InlineKeyboardButton: web_app is available only in private chats; switch_inline_query not in channels."""
    web_app = {"text": "App", "web_app": {"url": "https://example.com/"}}
    assert refused(lambda: inline_button(web_app, "group"))[1] == "Bad Request: BUTTON_TYPE_INVALID"
    switch = {"text": "Share", "switch_inline_query_current_chat": ""}
    assert inline_button(switch, "group") == switch
    assert refused(lambda: inline_button(switch, "channel"))[1].startswith(
        "Bad Request: can't use switch_inline_query_current_chat button in a channel chat"
    )


@pytest.mark.parametrize(
    ("request_", "what"),
    [
        ({"request_contact": True}, "phone number can be requested"),
        ({"request_location": True}, "location can be requested"),
        ({"request_poll": {"type": "quiz"}}, "poll can be requested"),
        ({"request_users": {"request_id": 1, "max_quantity": 3}}, "users can be requested"),
        ({"request_chat": {"request_id": 1, "chat_is_channel": False}}, "chats can be requested"),
        ({"web_app": {"url": "https://example.com/"}}, "web App buttons can be used"),
    ],
)
def test_a_key_asks_only_in_private_chats(request_: Json, what: str) -> None:
    """KeyboardButton: requests and Web Apps are available in private chats only."""
    given = {"text": "Ask", **request_}
    assert reply_button(given, "private") == given
    assert refused(lambda: reply_button(given, "group"))[1] == f"Bad Request: {what} in private chats only"


def test_a_text_is_a_key() -> None:
    """KeyboardButton: for simple text buttons, String can be used instead of this object."""
    assert reply_button("Yes", "group") == {"text": "Yes"}
    assert reply_button({"text": "Yes", "request_contact": False}, "group") == {"text": "Yes"}
    with pytest.raises(FieldError, match="KeyboardButton must be a String or an Object"):
        reply_button(1, "group")
    with pytest.raises(FieldError, match='Can\'t find field "request_id"'):
        reply_button({"text": "Ask", "request_users": {}}, "private")
