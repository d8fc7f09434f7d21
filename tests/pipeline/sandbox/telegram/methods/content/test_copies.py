"""Messages that are sent again."""

from functools import partial
from typing import Any

import pytest

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.content.made_up import made_up_file
from pipeline.sandbox.telegram.people.messages import UserMessage
from pipeline.sandbox.telegram.simulator import Telegram
from tests.support.simulated import refused, says, send

CHANNEL = -1_001_000_000_009


def forward(telegram: Telegram, message_id: int, **more: Any) -> Json:
    message: Json = telegram.call("forwardMessage", {"chat_id": 2, "from_chat_id": 1, "message_id": message_id, **more})
    return message


def copy(telegram: Telegram, message_id: int, **more: Any) -> Json:
    """The message that copyMessage sent."""
    given = {"chat_id": 2, "from_chat_id": 1, "message_id": message_id, **more}
    sent = telegram.call("copyMessage", given)
    message = telegram.transcript(2)[-1]
    assert sent == {"message_id": message["message_id"]}
    return message


@pytest.fixture(autouse=True)
def second_chat(telegram: Telegram) -> None:
    says(telegram, chat_id=2, first_name="Bob")


@pytest.mark.shows("forwardMessage")
def test_a_forward_says_where_it_came_from(telegram: Telegram) -> None:
    """Message: forward_origin; MessageOriginUser: the message was originally sent by a known user."""
    message = forward(telegram, says(telegram, "see /help"))
    assert message["forward_origin"] == {
        "type": "user",
        "date": 1_700_000_000,
        "sender_user": {"id": 1, "is_bot": False, "first_name": "Ada"},
    }
    assert (message["text"], message["chat"]["id"], message["from"]) == ("see /help", 2, telegram.me())
    assert message["entities"] == [{"type": "bot_command", "offset": 4, "length": 5}]
    again = telegram.call("forwardMessage", {"chat_id": 1, "from_chat_id": 2, "message_id": message["message_id"]})
    assert again["forward_origin"] == message["forward_origin"]


def test_a_forward_of_a_post_names_its_chat(telegram: Telegram) -> None:
    """MessageOriginChannel: originally sent to a channel. MessageOriginChat: on behalf of a chat to a group."""
    group = -1_001_000_000_010
    post = says(telegram, "news", chat_id=CHANNEL, chat_type="channel", title="News")
    anonymous = says(telegram, "hush", chat_id=group, sender_chat_id=group)
    of_channel = forward(telegram, post, from_chat_id=CHANNEL)["forward_origin"]
    of_group = forward(telegram, anonymous, from_chat_id=group)["forward_origin"]
    assert (of_channel["type"], of_channel["chat"]["title"], of_channel["message_id"]) == ("channel", "News", post)
    assert (of_group["type"], of_group["sender_chat"]["id"]) == ("chat", group)


def test_a_forward_and_a_copy_leave_behind_what_belongs_to_the_place(telegram: Telegram) -> None:
    """forwardMessage, copyMessage: the content goes along, not the reply or the keyboard."""
    question = says(telegram)
    keyboard = {"inline_keyboard": [[{"text": "a", "callback_data": "a"}]]}
    answer = send(telegram, reply_parameters={"message_id": question}, reply_markup=keyboard)
    for message in (forward(telegram, answer["message_id"]), copy(telegram, answer["message_id"])):
        assert message["text"] == "answer"
        assert {"reply_to_message", "reply_markup"}.isdisjoint(message)


def test_service_and_protected_messages_are_not_forwarded(telegram: Telegram) -> None:
    """forwardMessage: service messages and messages with protected content can't be forwarded."""
    service = telegram.receive(UserMessage(new_chat_members=[telegram.me()])).message_id
    protected = telegram.receive(UserMessage(text="secret", extra={"has_protected_content": True})).message_id
    own = send(telegram, protect_content=True)["message_id"]
    for message_id in (service, protected, own):
        refusal = refused(partial(forward, telegram, message_id))
        assert refusal[:2] == (400, "Bad Request: the message can't be forwarded")
    assert refused(lambda: copy(telegram, service))[:2] == (400, "Bad Request: the message can't be copied")
    copy(telegram, protected)


@pytest.mark.parametrize(("method", "what"), [("forwardMessage", "forward"), ("copyMessage", "copy")])
def test_the_message_must_exist(telegram: Telegram, method: str, what: str) -> None:
    """forwardMessage, copyMessage: message_id in the chat specified in from_chat_id."""
    says(telegram)
    refusals = {
        ("1", 99): f"message to {what} not found",
        ("", 1): 'parameter "from_chat_id" is required',
        ("77", 1): "chat not found",
    }
    for (chat_id, message_id), reason in refusals.items():
        given = {"chat_id": 2, "from_chat_id": chat_id, "message_id": message_id}
        refusal = refused(partial(telegram.call, method, given))
        assert refusal[:2] == (400, f"Bad Request: {reason}")


@pytest.mark.shows("copyMessage")
def test_a_copy_is_like_a_message_of_the_bots_own(telegram: Telegram) -> None:
    """copyMessage: the copied message doesn't have a link to the original message; returns the MessageId."""
    message = copy(telegram, says(telegram, "hello"), reply_parameters={"message_id": 1})
    assert message["text"] == "hello"
    assert message["from"] == telegram.me()
    assert message["reply_to_message"]["message_id"] == 1
    assert "forward_origin" not in message


def test_a_copy_may_have_another_caption(telegram: Telegram) -> None:
    """copyMessage: new caption for media; if not specified, the original caption is kept."""
    photo = telegram.receive(UserMessage(photo=True, caption="/old")).message_id
    kept = copy(telegram, photo)
    assert (kept["caption"], kept["caption_entities"][0]["type"]) == ("/old", "bot_command")
    changed = copy(telegram, photo, caption="<b>new</b>", parse_mode="HTML", show_caption_above_media=True)
    assert (changed["caption"], changed["caption_entities"][0]["type"]) == ("new", "bold")
    assert changed["show_caption_above_media"] is True
    assert changed["photo"] == kept["photo"]
    assert {"caption", "caption_entities"}.isdisjoint(copy(telegram, photo, caption=""))
    assert "caption" not in copy(telegram, says(telegram, "text"), caption="new")


def test_a_forwarded_poll_is_the_same_and_a_copied_one_is_new(telegram: Telegram) -> None:
    """copyMessage: a quiz poll can be copied only if its correct options are known; a copy has no votes yet."""
    says(telegram)
    poll = telegram.call("sendPoll", {"chat_id": 1, "question": "Tea?", "options": ["yes", "no"]})
    telegram.call("stopPoll", {"chat_id": 1, "message_id": poll["message_id"]})
    assert forward(telegram, poll["message_id"])["poll"]["id"] == poll["poll"]["id"]
    copied = copy(telegram, poll["message_id"])["poll"]
    assert copied["id"] != poll["poll"]["id"]
    assert (copied["question"], copied["is_closed"]) == ("Tea?", False)


@pytest.mark.shows("forwardMessages", "copyMessages")
@pytest.mark.parametrize("method", ["forwardMessages", "copyMessages"])
def test_several_messages_are_sent_again_without_those_that_cannot_be(telegram: Telegram, method: str) -> None:
    """forwardMessages, copyMessages: if some of the messages can't be found or forwarded, they are skipped."""
    first = says(telegram, "one")
    telegram.receive(UserMessage(new_chat_members=[telegram.me()]))
    last = says(telegram, "two")
    given = {"chat_id": 2, "from_chat_id": 1, "message_ids": f"[{first}, {first + 1}, {last}, 99]"}
    sent = telegram.call(method, given)
    messages = telegram.transcript(2)[-2:]
    assert [message["text"] for message in messages] == ["one", "two"]
    assert sent == [{"message_id": message["message_id"]} for message in messages]
    assert ("forward_origin" in messages[0]) is (method == "forwardMessages")


def test_an_album_stays_an_album(telegram: Telegram) -> None:
    """forwardMessages, copyMessages: album grouping is kept for forwarded and copied messages."""
    says(telegram)
    media = [{"type": "photo", "media": "attach://p", "caption": "look"}] * 2
    files = {"p": made_up_file("photo")}
    album = [
        message["message_id"] for message in telegram.call("sendMediaGroup", {"chat_id": 1, "media": media} | files)
    ]
    given = {"chat_id": 2, "from_chat_id": 1, "message_ids": album}
    telegram.call("forwardMessages", given)
    telegram.call("copyMessages", given | {"remove_caption": True})
    forwarded, _, copied, other = telegram.transcript(2)[-4:]
    original = telegram.transcript(1)[-1]["media_group_id"]
    assert len({original, forwarded["media_group_id"], copied["media_group_id"]}) == 3
    assert copied["media_group_id"] == other["media_group_id"]
    assert (forwarded["caption"], "caption" in copied) == ("look", False)
    telegram.call("forwardMessages", given | {"message_ids": album[:1]})
    assert "media_group_id" not in telegram.transcript(2)[-1]


@pytest.mark.parametrize(
    ("message_ids", "reason"),
    [
        (None, "message identifiers are not specified"),
        ([], "message identifiers are not specified"),
        ("{}", "expected an Array of message identifiers"),
        ([2, 1], "message identifiers must be in a strictly increasing order"),
        ([1, 1], "message identifiers must be in a strictly increasing order"),
        (list(range(1, 102)), "too many message identifiers specified"),
        ([98, 99], "there are no messages to forward"),
    ],
)
def test_several_messages_are_named_in_order(telegram: Telegram, message_ids: Any, reason: str) -> None:
    """forwardMessages: 1-100 message identifiers, specified in a strictly increasing order."""
    says(telegram)
    given = {"chat_id": 2, "from_chat_id": 1, "message_ids": message_ids}
    for method in ("forwardMessages", "copyMessages"):
        refusal = refused(partial(telegram.call, method, given))
        assert refusal[:2] == (400, f"Bad Request: {reason}")
