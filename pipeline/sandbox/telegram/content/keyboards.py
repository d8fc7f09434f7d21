"""The `reply_markup` of a message: found valid, and written as the Bot API returns it.

https://core.telegram.org/bots/api#inlinekeyboardmarkup, https://core.telegram.org/bots/api#replykeyboardmarkup,
https://core.telegram.org/bots/api#replykeyboardremove, https://core.telegram.org/bots/api#forcereply. The limits that
these pages don't give are those of the server.
"""

from collections.abc import Callable
from typing import Any

from pipeline.sandbox.json_types import Json, Parameters
from pipeline.sandbox.telegram.chats import ChatType
from pipeline.sandbox.telegram.content.buttons import inline_button, reply_button
from pipeline.sandbox.telegram.content.fields import (
    FieldError,
    optional_array,
    optional_boolean,
    optional_string,
    refused,
)
from pipeline.sandbox.telegram.parameters import decoded

_BUTTONS_IN_A_ROW = 12
"""Further buttons of a row are left out without an error."""
_BUTTONS_OF_A_MESSAGE = 100
_REPLY_KEYBOARD_FLAGS = ("is_persistent", "resize_keyboard", "one_time_keyboard", "selective", "force_reply")


def reply_markup(parameters: Parameters, chat_type: ChatType) -> Json | None:
    """The `reply_markup` of a message to a chat of this type; None without one. MethodError 400 in the server's words.

    In a channel it is an inline keyboard, or nothing.
    """
    markup = parsed_markup(_given(parameters), chat_type)
    if chat_type == "channel":
        expect_inline(markup)
    return markup


def inline_keyboard(parameters: Parameters, chat_type: ChatType) -> Json | None:
    """The `reply_markup` of an edit, which may be an inline keyboard only; None without one. MethodError 400."""
    markup = parsed_markup(_given(parameters), chat_type)
    expect_inline(markup)
    return markup


def expect_inline(markup: Json | None) -> None:
    """MethodError 400 for a markup of another kind."""
    if markup is not None and not is_inline(markup):
        raise refused("Inline keyboard expected")


def is_inline(markup: Json) -> bool:
    return "inline_keyboard" in markup


def parsed_markup(given: Any, chat_type: ChatType | None) -> Json | None:
    """Any of the four kinds; None for one that has no button. MethodError 400.

    `chat_type` is None where the chat is not known yet: in results of an inline query.
    """
    if given is None:
        return None
    if not isinstance(given, dict):
        raise refused("Object expected as reply markup")
    try:
        return _markup(given, chat_type)
    except FieldError as error:
        raise refused(error) from None


def _given(parameters: Parameters) -> Any:
    return decoded(parameters, "reply_markup", "can't parse reply keyboard markup JSON object")


def _markup(given: Json, chat_type: ChatType | None) -> Json | None:
    # The first kind that is there counts, as in the server.
    if optional_array(given, "keyboard"):
        return _reply_keyboard(given, chat_type)
    if optional_array(given, "inline_keyboard"):
        return _inline_keyboard(given, chat_type)
    flags = _flags(given, "selective", "remove_keyboard", "force_reply")
    if flags.get("remove_keyboard"):
        return {name: value for name, value in flags.items() if name != "force_reply"}
    if flags.get("force_reply"):
        return flags | _placeholder(given)
    return None


def _reply_keyboard(given: Json, chat_type: ChatType | None) -> Json | None:
    rows = _rows(
        given["keyboard"],
        'Field "keyboard" must be an Array of Arrays',
        "Can't parse keyboard button",
        lambda button: reply_button(button, chat_type),
    )
    return {"keyboard": rows, **_flags(given, *_REPLY_KEYBOARD_FLAGS), **_placeholder(given)} if rows else None


def _inline_keyboard(given: Json, chat_type: ChatType | None) -> Json | None:
    rows = _rows(
        given["inline_keyboard"],
        'Field "inline_keyboard" of the InlineKeyboardMarkup must be an Array of Arrays',
        "Can't parse inline keyboard button",
        lambda button: inline_button(button, chat_type),
    )
    if sum(len(row) for row in rows) > _BUTTONS_OF_A_MESSAGE:
        raise refused("reply markup is too long")
    return {"inline_keyboard": rows, **_flags(given, "force_reply")} if rows else None


def _rows(given: list[Any], expected: str, unreadable: str, read: Callable[[Any], Json]) -> list[list[Json]]:
    """Rows with buttons; a button without a text, and a row without buttons, is left out."""
    rows: list[list[Json]] = []
    for row in given:
        if not isinstance(row, list):
            raise FieldError(expected)
        buttons = []
        for button in row:
            try:
                buttons.append(read(button))
            except FieldError as error:
                raise FieldError(f"{unreadable}: {error}") from None
        rows.append([button for button in buttons if button["text"]][:_BUTTONS_IN_A_ROW])
    return [row for row in rows if row]


def _flags(given: Json, *names: str) -> Json:
    """Those that are true."""
    return {name: True for name in names if optional_boolean(given, name)}


def _placeholder(given: Json) -> Json:
    text = optional_string(given, "input_field_placeholder")
    return {"input_field_placeholder": text} if text else {}
