"""What all methods that send have in common: the keyboard."""

import pytest

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.simulator import Telegram
from tests.support.simulated import refused, says, send

INLINE: Json = {"inline_keyboard": [[{"text": "Yes", "callback_data": "yes"}]]}
KEYS: Json = {"keyboard": [[{"text": "Yes"}]]}


@pytest.mark.shows("sendMessage")
def test_an_inline_keyboard_stays_at_its_message(telegram: Telegram) -> None:
    """Message: reply_markup is the inline keyboard attached to the message."""
    says(telegram)
    events: list[Json] = []
    telegram.listen(events.append)
    message = send(telegram, reply_markup=INLINE)
    assert message["reply_markup"] == INLINE
    assert events[0]["message"]["reply_markup"] == INLINE
    assert telegram.sent()[-1]["reply_markup"] == INLINE
    assert "reply_markup" not in send(telegram)
    assert "reply_markup" not in telegram.sent()[-1]


@pytest.mark.parametrize("markup", [KEYS, {"remove_keyboard": True}, {"force_reply": True}])
def test_another_markup_is_shown_to_people_only(telegram: Telegram, markup: Json) -> None:
    """Message: reply_markup is an inline keyboard; another markup is not in the Message that the bot gets."""
    says(telegram)
    events: list[Json] = []
    telegram.listen(events.append)
    message = send(telegram, reply_markup=markup)
    assert "reply_markup" not in message
    assert events[0]["message"]["reply_markup"] == markup
    assert telegram.transcript(1)[-1]["reply_markup"] == markup
    assert telegram.sent()[-1]["reply_markup"] == markup
    reply = send(telegram, reply_parameters={"message_id": message["message_id"]})
    assert "reply_markup" not in reply["reply_to_message"]


def test_a_wrong_keyboard_sends_nothing(telegram: Telegram) -> None:
    """InlineKeyboardButton: callback_data has 1-64 bytes."""
    says(telegram)
    markup = {"inline_keyboard": [[{"text": "Yes", "callback_data": "x" * 65}]]}
    assert refused(lambda: send(telegram, reply_markup=markup))[:2] == (400, "Bad Request: BUTTON_DATA_INVALID")
    assert telegram.sent() == []


def test_a_channel_takes_inline_keyboards_only(telegram: Telegram) -> None:
    """ReplyKeyboardMarkup: not supported in channels."""
    channel = -1_001_000_000_009
    says(telegram, chat_id=channel, chat_type="channel")
    assert send(telegram, channel, reply_markup=INLINE)["reply_markup"] == INLINE
    outcome = refused(lambda: send(telegram, channel, reply_markup=KEYS))
    assert outcome[:2] == (400, "Bad Request: inline keyboard expected")
