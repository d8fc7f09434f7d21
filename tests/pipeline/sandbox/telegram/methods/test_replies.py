"""Replies: to a message of the same chat or of another one, and with a quote."""

import pytest

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.simulator import Telegram
from tests.support.simulated import refused, says, send

CHANNEL = -1_001_000_000_009
POEM = "🌊 the sea, the sea"


def _quoted(telegram: Telegram, question: int, **reply: object) -> Json:
    return send(telegram, reply_parameters={"message_id": question, **reply})


@pytest.mark.shows("sendMessage")
def test_a_quote_is_in_the_reply(telegram: Telegram) -> None:
    """TextQuote: text, entities, position in UTF-16 code units, and is_manual."""
    question = says(telegram, POEM)
    message = _quoted(telegram, question, quote="<b>the</b> sea", quote_parse_mode="HTML")
    bold = {"type": "bold", "offset": 0, "length": 3}
    assert message["quote"] == {"text": "the sea", "entities": [bold], "position": 3, "is_manual": True}
    assert message["reply_to_message"]["message_id"] == question


def test_of_equal_quotes_the_one_near_the_position_is_meant(telegram: Telegram) -> None:
    """ReplyParameters: quote_position is the position of the quote in the original message."""
    question = says(telegram, POEM)
    assert _quoted(telegram, question, quote="the sea", quote_position=12)["quote"]["position"] == 12
    assert _quoted(telegram, question, quote="the sea", quote_position=99)["quote"]["position"] == 12


@pytest.mark.parametrize("quote", ["the lake", "x" * 1025, " "])
def test_a_quote_that_the_message_does_not_have_is_refused(telegram: Telegram, quote: str) -> None:
    """ReplyParameters: the message will fail to send if the quote isn't found in the original message."""
    question = says(telegram, POEM + "x" * 1025)
    assert refused(lambda: _quoted(telegram, question, quote=quote))[:2] == (400, "Bad Request: QUOTE_TEXT_INVALID")
    assert telegram.sent() == []


def test_a_message_of_another_chat_is_an_external_reply(telegram: Telegram) -> None:
    """ExternalReplyInfo: origin; chat and message_id if the original chat is a supergroup or a channel."""
    says(telegram)
    says(telegram)
    post = says(telegram, "news", chat_id=CHANNEL, chat_type="channel")
    message = _quoted(telegram, post, chat_id=CHANNEL, quote="new")
    external = message["external_reply"]
    assert "reply_to_message" not in message
    assert (external["origin"]["type"], external["chat"]["id"], external["message_id"]) == ("channel", CHANNEL, post)
    assert message["quote"]["text"] == "new"
    assert telegram.sent()[-1]["reply_to_message_id"] is None
    says(telegram, chat_id=-5)
    private = _quoted(telegram, 1, chat_id="-5")["external_reply"]
    assert private["origin"]["sender_user"]["id"] == 1
    assert not {"chat", "message_id"} & private.keys()
    assert _quoted(telegram, 2, chat_id=1)["reply_to_message"]["message_id"] == 2


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ({"message_id": 99}, "message to be replied not found"),
        ({"message_id": 1, "chat_id": 77}, "chat not found"),
        ({"message_id": 99, "chat_id": -5}, "message to be replied not found"),
        ([], "object expected as reply parameters"),
        ("{", "can't parse reply parameters JSON object"),
    ],
)
def test_a_wrong_reply_sends_nothing(telegram: Telegram, reply: object, reason: str) -> None:
    """ReplyParameters: message_id and chat_id name the message that will be replied to."""
    says(telegram)
    says(telegram, chat_id=-5)
    assert refused(lambda: send(telegram, reply_parameters=reply))[:2] == (400, f"Bad Request: {reason}")
    assert telegram.sent() == []


def test_a_reply_may_do_without_its_message(telegram: Telegram) -> None:
    """ReplyParameters: allow_sending_without_reply if the specified message is not found."""
    says(telegram)
    allowed: Json = {"allow_sending_without_reply": True}
    assert "reply_to_message" not in send(telegram, reply_parameters={"message_id": 99, "quote": "x", **allowed})
    assert "reply_to_message" not in send(telegram, reply_to_message_id=99, **allowed)
