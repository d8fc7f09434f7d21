"""One button of a keyboard, found valid: https://core.telegram.org/bots/api#inlinekeyboardbutton and #keyboardbutton.

A FieldError is what the server says of a button that it can't read; a MethodError refuses one that it can.
"""

import re
from collections.abc import Callable
from typing import Any

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.chats import ChatType
from pipeline.sandbox.telegram.content.fields import (
    FieldError,
    optional_boolean,
    optional_string,
    refused,
    required_integer,
    required_object,
    required_string,
)
from pipeline.sandbox.telegram.text.links import LinkError, checked_link

_LONGEST_DATA = 64
"""Bytes."""
_LONGEST_COPIED_TEXT = 256
_STYLES = ("", "danger", "success", "primary")
_USERNAME = re.compile(r"@?[A-Za-z0-9_]+")

_Reader = Callable[[Json, ChatType | None], Any]
"""Returns the value of the field that says what the button does."""


def inline_button(given: Any, chat_type: ChatType | None) -> Json:
    """An InlineKeyboardButton with the one field that says what it does."""
    if not isinstance(given, dict):
        raise FieldError("InlineKeyboardButton must be an Object")
    button = _label(given)
    for name, read in _INLINE.items():
        # The server takes an empty url or callback_data for a missing one.
        if given.get(name) is not None and (given[name] != "" or name not in ("url", "callback_data")):
            return {**button, name: read(given, chat_type)}
    raise FieldError("Text buttons are unallowed in the inline keyboard")


def reply_button(given: Any, chat_type: ChatType | None) -> Json:
    """A KeyboardButton as an object; a text stands for a button that only has it."""
    if isinstance(given, str):
        return {"text": given}
    if not isinstance(given, dict):
        raise FieldError("KeyboardButton must be a String or an Object")
    button = _label(given)
    for name, (what, read) in _REPLY.items():
        value = given.get(name)
        if value is None or (value is False and name in ("request_contact", "request_location")):
            continue
        wanted = read(given, chat_type)
        if chat_type != "private":
            raise refused(f"{what} in private chats only")
        return {**button, name: wanted}
    return button


def _label(given: Json) -> Json:
    label: Json = {"text": required_string(given, "text")}
    style = optional_string(given, "style")
    if style not in _STYLES:
        raise FieldError("Invalid button style specified")
    if style:
        label["style"] = style
    icon = optional_string(given, "icon_custom_emoji_id")
    if icon:
        label["icon_custom_emoji_id"] = icon
    return label


def _url(given: Json, _: ChatType | None) -> str:
    return _link(optional_string(given, "url"), "Inline keyboard button")


def _callback_data(given: Json, _: ChatType | None) -> str:
    data = optional_string(given, "callback_data")
    if len(data.encode(errors="surrogatepass")) > _LONGEST_DATA:
        raise refused("BUTTON_DATA_INVALID")
    return data


def _only_elsewhere(_: Json, __: ChatType | None) -> Any:
    # Games and invoices, whose first button this must be, are not simulated.
    raise refused("BUTTON_TYPE_INVALID")


def _inline_query(name: str) -> _Reader:
    def read(given: Json, chat_type: ChatType | None) -> str:
        query = required_string(given, name)
        _refuse_in_channel(name, chat_type)
        return query

    return read


def _inline_query_in_chosen_chat(given: Json, chat_type: ChatType | None) -> Json:
    chosen = required_object(given, "switch_inline_query_chosen_chat")
    query = optional_string(chosen, "query")
    names = ("allow_user_chats", "allow_bot_chats", "allow_group_chats", "allow_channel_chats")
    allowed: Json = {name: True for name in names if optional_boolean(chosen, name)}
    _refuse_in_channel("switch_inline_query", chat_type)
    return {"query": query, **allowed}


def _refuse_in_channel(name: str, chat_type: ChatType | None) -> None:
    if chat_type == "channel":
        raise refused(
            f"Can't use {name} button in a channel chat, because users will not be able to use the button without"
            " knowing bot's username"
        )


def _login_url(given: Json, _: ChatType | None) -> Json:
    login = required_object(given, "login_url")
    url = required_string(login, "url")
    username = optional_string(login, "bot_username")
    if username and _USERNAME.fullmatch(username) is None:
        raise FieldError("LoginUrl bot username is invalid")
    return login | {"url": _link(url, "Inline keyboard button login", https_only=True)}


def _inline_web_app(given: Json, chat_type: ChatType | None) -> Json:
    url = _web_app_url(given, "Inline keyboard button Web App")
    if chat_type not in (None, "private"):
        raise refused("BUTTON_TYPE_INVALID")
    return {"url": url}


def _reply_web_app(given: Json, _: ChatType | None) -> Json:
    return {"url": _web_app_url(given, "Keyboard button Web App")}


def _web_app_url(given: Json, what: str) -> str:
    return _link(required_string(required_object(given, "web_app"), "url"), what, https_only=True)


def _copied_text(given: Json, _: ChatType | None) -> Json:
    text = required_string(required_object(given, "copy_text"), "text")
    if not 1 <= len(text) <= _LONGEST_COPIED_TEXT:
        raise refused("BUTTON_COPY_TEXT_INVALID")
    return {"text": text}


def _link(url: str, what: str, *, https_only: bool = False) -> str:
    try:
        return checked_link(url, https_only=https_only)
    except LinkError as error:
        raise refused(f"{what} {error}") from None


def _flag(name: str) -> _Reader:
    return lambda given, _: optional_boolean(given, name)


def _object(name: str) -> _Reader:
    return lambda given, _: required_object(given, name)


def _request(name: str) -> _Reader:
    """Of users or a chat: a request has an id, which comes back with the answer."""

    def read(given: Json, _: ChatType | None) -> Json:
        request = required_object(given, name)
        return request | {"request_id": required_integer(request, "request_id")}

    return read


# The server takes the first field of this order.
_INLINE: dict[str, _Reader] = {
    "url": _url,
    "callback_data": _callback_data,
    "callback_game": _only_elsewhere,
    "pay": _only_elsewhere,
    "switch_inline_query": _inline_query("switch_inline_query"),
    "switch_inline_query_chosen_chat": _inline_query_in_chosen_chat,
    "switch_inline_query_current_chat": _inline_query("switch_inline_query_current_chat"),
    "login_url": _login_url,
    "web_app": _inline_web_app,
    "copy_text": _copied_text,
    "disabled": _object("disabled"),
}

_REPLY: dict[str, tuple[str, _Reader]] = {
    "request_contact": ("Phone number can be requested", _flag("request_contact")),
    "request_location": ("Location can be requested", _flag("request_location")),
    "request_poll": ("Poll can be requested", _object("request_poll")),
    "web_app": ("Web App buttons can be used", _reply_web_app),
    "request_users": ("Users can be requested", _request("request_users")),
    "request_chat": ("Chats can be requested", _request("request_chat")),
}
