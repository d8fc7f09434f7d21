"""Keyboards as a whole."""

import json
from typing import Any

import pytest

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.content.keyboards import inline_keyboard, parsed_markup, reply_markup
from tests.support.simulated import refused

INLINE = {"inline_keyboard": [[{"text": "Yes", "callback_data": "yes"}]]}
KEYS = {"keyboard": [["Yes", {"text": "No"}]], "resize_keyboard": True, "one_time_keyboard": False}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (INLINE, INLINE),
        (INLINE | {"force_reply": True}, INLINE | {"force_reply": True}),
        (KEYS, {"keyboard": [[{"text": "Yes"}, {"text": "No"}]], "resize_keyboard": True}),
        ({"remove_keyboard": True, "selective": True}, {"remove_keyboard": True, "selective": True}),
        (
            {"force_reply": True, "input_field_placeholder": "Your name"},
            {"force_reply": True, "input_field_placeholder": "Your name"},
        ),
        ({"inline_keyboard": []}, None),
        ({"inline_keyboard": [[]]}, None),
        ({"inline_keyboard": [[{"text": "", "callback_data": "x"}]]}, None),
        ({}, None),
        (None, None),
    ],
)
def test_four_kinds_of_markup_are_kept(given: Json | None, kept: Json | None) -> None:
    """sendMessage: reply_markup is InlineKeyboardMarkup, ReplyKeyboardMarkup, ReplyKeyboardRemove or ForceReply."""
    assert parsed_markup(given, "private") == kept
    if given is not None:
        assert reply_markup({"reply_markup": json.dumps(given)}, "private") == kept


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("[", "can't parse reply keyboard markup JSON object"),
        ([], "object expected as reply markup"),
        ({"inline_keyboard": {}}, 'field "inline_keyboard" must be of type Array'),
        (
            {"inline_keyboard": [{"text": "Yes"}]},
            'field "inline_keyboard" of the InlineKeyboardMarkup must be an Array of Arrays',
        ),
        ({"keyboard": ["Yes"]}, 'field "keyboard" must be an Array of Arrays'),
        ({"keyboard": [[1]]}, "can't parse keyboard button: KeyboardButton must be a String or an Object"),
        (
            {"inline_keyboard": [[{"text": "Yes"}]]},
            "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
        ),
        (
            {"inline_keyboard": [[{"callback_data": "yes"}]]},
            "can't parse inline keyboard button: Can't find field \"text\"",
        ),
        ({"keyboard": [["Yes"]], "selective": "yes"}, 'field "selective" must be of type Boolean'),
    ],
)
def test_a_markup_is_refused_in_the_servers_words(given: Any, said: str) -> None:
    """No rule of the Bot API's pages: what the server answers."""
    outcome = refused(lambda: reply_markup({"reply_markup": given}, "private"))
    assert outcome[:2] == (400, f"Bad Request: {said}")


def test_a_message_has_at_most_100_inline_buttons() -> None:
    """No rule of the Bot API's pages: the server's limits, 12 buttons in a row and 100 in all."""
    row = [{"text": str(number), "callback_data": "x"} for number in range(10)]
    assert parsed_markup({"inline_keyboard": [row] * 10}, "private") == {"inline_keyboard": [row] * 10}
    outcome = refused(lambda: parsed_markup({"inline_keyboard": [*[row] * 10, row[:1]]}, "private"))
    assert outcome[:2] == (400, "Bad Request: reply markup is too long")
    assert parsed_markup({"inline_keyboard": [row + row]}, "private") == {"inline_keyboard": [row + row[:2]]}


def test_channels_and_edits_take_inline_keyboards_only() -> None:
    """ReplyKeyboardMarkup: not supported in channels; editMessageText: reply_markup is an inline keyboard."""
    for read, chat_type in ((reply_markup, "channel"), (inline_keyboard, "private")):
        assert read({"reply_markup": INLINE}, chat_type) == INLINE  # type: ignore[arg-type]
        outcome = refused(lambda: read({"reply_markup": KEYS}, chat_type))  # type: ignore[arg-type]  # noqa: B023
        assert outcome[:2] == (400, "Bad Request: inline keyboard expected")
