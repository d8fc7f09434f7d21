"""sendMessage."""

import pytest

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.simulator import Telegram
from tests.support.simulated import refused, says, send


@pytest.mark.shows("sendMessage")
def test_a_sent_message_is_returned_and_recorded(telegram: Telegram) -> None:
    """sendMessage: on success, the sent Message is returned."""
    says(telegram)
    message = send(telegram, text="hello /help")
    assert message["text"] == "hello /help"
    assert message["chat"]["id"] == 1
    assert message["date"] == 1_700_000_000
    assert message["from"] == telegram.me()
    assert message["entities"] == [{"type": "bot_command", "offset": 6, "length": 5}]
    (sent,) = telegram.sent()
    assert (sent["n"], sent["message_id"], sent["text"]) == (1, message["message_id"], "hello /help")
    assert telegram.sent(since=1) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [("", "message text is empty"), ("  \n ", "text must be non-empty"), ("<b> </b>", "text must be non-empty")],
)
def test_an_empty_text_is_refused(telegram: Telegram, text: str, reason: str) -> None:
    """sendMessage: text takes 1-4096 characters after entities parsing."""
    says(telegram)
    outcome = refused(lambda: send(telegram, text=text, parse_mode="HTML"))
    assert outcome[:2] == (400, f"Bad Request: {reason}")


@pytest.mark.shows("sendMessage")
def test_a_text_has_at_most_4096_utf16_units_after_parsing(telegram: Telegram) -> None:
    """sendMessage: text takes 1-4096 characters after entities parsing."""
    says(telegram)
    send(telegram, text="x" * 4096)
    send(telegram, text="🎉" * 2048)
    send(telegram, text="<b>" + "&lt;" * 4096 + "</b>", parse_mode="HTML")
    too_long = (400, "Bad Request: message is too long")
    assert refused(lambda: send(telegram, text="x" * 4097))[:2] == too_long
    assert refused(lambda: send(telegram, text="🎉" * 2048 + "x"))[:2] == too_long


def test_markup_is_parsed_or_refused(telegram: Telegram) -> None:
    """Formatting options: parse_mode HTML gives entities; text that can't be parsed is refused."""
    says(telegram)
    message = send(telegram, text="<b>1 &lt; 2</b>", parse_mode="HTML")
    assert (message["text"], message["entities"][0]["type"]) == ("1 < 2", "bold")
    assert telegram.sent()[-1]["raw_text"] == "<b>1 &lt; 2</b>"
    code, description, _ = refused(lambda: send(telegram, text="1 < 2", parse_mode="html"))
    assert code == 400
    assert description.startswith("Bad Request: can't parse entities: Unsupported start tag")
    assert send(telegram, text="<b>plain</b>")["text"] == "<b>plain</b>"


def test_a_text_with_a_lone_surrogate_is_refused(telegram: Telegram) -> None:
    """Making requests: all queries must be made using UTF-8."""
    says(telegram)
    assert refused(lambda: send(telegram, text="\ud800"))[:2] == (
        400,
        "Bad Request: strings must be encoded in UTF-8",
    )


@pytest.mark.shows("sendMessage")
@pytest.mark.parametrize(
    "parameters",
    [
        {"reply_parameters": {"message_id": 1}},
        {"reply_parameters": '{"message_id": 1, "allow_sending_without_reply": true}'},
        {"reply_to_message_id": "1"},
    ],
)
def test_a_reply_names_the_message_it_answers(telegram: Telegram, parameters: Json) -> None:
    """ReplyParameters: message_id of the message that will be replied to in the current chat."""
    says(telegram, "question")
    reply = send(telegram, **parameters)
    assert reply["reply_to_message"]["text"] == "question"
    assert telegram.sent()[-1]["reply_to_message_id"] == 1


def test_a_reply_to_a_deleted_message_needs_permission(telegram: Telegram) -> None:
    """ReplyParameters: allow_sending_without_reply sends even if the message to be replied to is not found."""
    gone = says(telegram)
    assert telegram.delete_message(1, gone)
    assert not telegram.delete_message(1, gone)
    assert refused(lambda: send(telegram, reply_parameters={"message_id": gone}))[:2] == (
        400,
        "Bad Request: message to be replied not found",
    )
    alone = send(telegram, reply_parameters={"message_id": gone, "allow_sending_without_reply": True})
    assert "reply_to_message" not in alone
    assert telegram.sent()[-1]["reply_to_message_id"] is None


def test_replies_do_not_nest(telegram: Telegram) -> None:
    """Message: the object in reply_to_message will not contain further reply_to_message fields."""
    says(telegram, "first")
    answer = send(telegram, reply_parameters={"message_id": 1})
    says(telegram, "again", reply_to_message_id=answer["message_id"])
    quoted = telegram.get_updates()[-1]["message"]["reply_to_message"]
    assert quoted["text"] == "answer"
    assert "reply_to_message" not in quoted


@pytest.mark.parametrize(("given", "text"), [(5, "5"), (True, "true"), ({"a": [1, "é"]}, '{"a":[1,"é"]}')])
def test_what_is_no_string_is_a_text_of_json(telegram: Telegram, given: object, text: str) -> None:
    """Making requests: parameters in application/json, where the server reads a value as it is written."""
    says(telegram)
    assert telegram.call("sendMessage", {"chat_id": 1, "text": given})["text"] == text
