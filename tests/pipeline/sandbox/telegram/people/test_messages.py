"""What people write, edit and delete, as the bot sees it."""

from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.sandbox.telegram.people.messages import UserMessage
from pipeline.sandbox.telegram.simulator import Telegram
from tests.support.simulated import refused, says, send


@pytest.mark.shows("message")
def test_a_private_message_has_its_author_and_chat(telegram: Telegram) -> None:
    """Message and User: from, chat, date, text, language_code."""
    says(telegram, "/start", first_name="Ada", username="ada", language_code="en")
    assert telegram.get_updates()[0]["message"] == {
        "message_id": 1,
        "from": {"id": 1, "is_bot": False, "first_name": "Ada", "username": "ada", "language_code": "en"},
        "chat": {"id": 1, "type": "private", "first_name": "Ada", "username": "ada"},
        "date": 1_700_000_000,
        "text": "/start",
        "entities": [{"type": "bot_command", "offset": 0, "length": 6}],
    }


@pytest.mark.shows("edited_message")
def test_an_edit_is_a_separate_update(telegram: Telegram) -> None:
    """Update: edited_message is a new version of a message that is known to the bot and was edited."""
    message_id = says(telegram, "/befor")
    delivered = telegram.receive(UserMessage(text="after", edited_message_id=message_id))
    before, after = telegram.get_updates()
    assert delivered.message_id == message_id
    assert before["message"]["text"] == "/befor"
    assert after["edited_message"]["text"] == "after"
    assert "edit_date" in after["edited_message"]
    assert "entities" not in after["edited_message"]


@pytest.mark.shows("edited_channel_post")
def test_an_edit_of_a_channel_post_is_a_separate_update(telegram: Telegram) -> None:
    """Update: edited_channel_post is a new version of a channel post that is known to the bot and was edited."""
    channel = -1_001_000_000_009
    post = says(telegram, "befor", chat_id=channel, chat_type="channel")
    telegram.receive(UserMessage(chat_id=channel, text="before", edited_message_id=post))
    assert telegram.get_updates()[-1]["edited_channel_post"]["text"] == "before"


@pytest.mark.shows("channel_post")
def test_a_channel_post_has_no_author(telegram: Telegram) -> None:
    """Update: channel_post; Message: from may be empty for messages sent to channels; sender_chat is the channel."""
    says(telegram, chat_id=-1_001_000_000_009, chat_type="channel", title="News")
    post = telegram.get_updates()[0]["channel_post"]
    assert "from" not in post
    assert post["sender_chat"]["id"] == -1_001_000_000_009


def test_a_photo_may_have_a_caption(telegram: Telegram) -> None:
    """Message: photo is an array of PhotoSize; caption and caption_entities go with it."""
    telegram.receive_all([UserMessage(photo=True), UserMessage(photo=True, caption="/what is it")])
    plain, captioned = (update["message"] for update in telegram.get_updates())
    assert plain["photo"]
    assert "caption" not in plain
    assert "text" not in plain
    assert captioned["caption"] == "/what is it"
    assert captioned["caption_entities"][0]["type"] == "bot_command"


def test_service_messages_bots_and_sender_chats_arrive(telegram: Telegram) -> None:
    """Message: new_chat_members; from.is_bot; sender_chat for messages sent on behalf of a chat."""
    group = -1_001_000_000_010
    telegram.receive_all(
        [
            UserMessage(chat_id=group, new_chat_members=[telegram.me()]),
            UserMessage(chat_id=group, text="beep", user_id=99, first_name="Other", is_bot=True),
            UserMessage(chat_id=group, text="anonymous", sender_chat_id=group),
        ]
    )
    service, bot, anonymous = (update["message"] for update in telegram.get_updates())
    assert service["new_chat_members"][0]["id"] == 42
    assert "text" not in service
    assert bot["from"]["is_bot"] is True
    assert anonymous["sender_chat"]["id"] == group


def test_a_reply_thread_of_an_ordinary_supergroup_is_not_a_topic(telegram: Telegram) -> None:
    """Message: is_topic_message tells a topic from a thread of replies, which also has message_thread_id."""
    group = -1_001_000_000_002
    first = says(telegram, chat_id=group)
    says(telegram, chat_id=group, reply_to_message_id=first)
    reply = telegram.get_updates()[-1]["message"]
    assert reply["message_thread_id"] == first
    assert "is_topic_message" not in reply
    assert refused(lambda: send(telegram, group, message_thread_id=first))[0] == 400


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"extra": {"date": "today"}}, "the simulator itself fills in date"),
        ({"extra": {"poll": 5}}, "poll must be a JSON object"),
        ({"extra": {"text": None}}, "text must be a JSON string"),
        ({"entities": [{"type": "mention"}]}, "an entity has a type, an offset and a length"),
    ],
)
def test_a_message_that_no_bot_could_read_is_refused(given: dict[str, Any], reason: str) -> None:
    """Message: message_id, date and chat are always there; each field has its type."""
    with pytest.raises(ValidationError, match=reason):
        UserMessage.model_validate(given)
