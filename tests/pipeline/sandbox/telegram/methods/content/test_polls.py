"""Polls as the bot sends and stops them."""

from functools import partial
from typing import Any

import pytest

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.people.messages import UserMessage
from pipeline.sandbox.telegram.simulator import Telegram
from tests.support.simulated import Clock, refused, says, send

CHANNEL = -1_001_000_000_009


def ask(telegram: Telegram, chat_id: int = 1, **more: Any) -> Json:
    given = {"question": "Tea?", "options": '["yes", {"text": "no"}]'} | more
    message: Json = telegram.call("sendPoll", {"chat_id": chat_id, **given})
    return message


def stop(telegram: Telegram, message_id: int, **more: Any) -> Json:
    poll: Json = telegram.call("stopPoll", {"chat_id": 1, "message_id": message_id, **more})
    return poll


@pytest.mark.shows("sendPoll")
def test_a_poll_is_sent(telegram: Telegram) -> None:
    """Poll: the fields of each poll; sendPoll: is_anonymous defaults to True, allows_revoting for regular polls too."""
    says(telegram)
    message = ask(telegram)
    assert telegram.transcript(1)[-1] == message
    assert int(message["poll"].pop("id"))
    assert message["poll"] == {
        "question": "Tea?",
        "options": [
            {"persistent_id": "0", "text": "yes", "voter_count": 0},
            {"persistent_id": "1", "text": "no", "voter_count": 0},
        ],
        "total_voter_count": 0,
        "is_closed": False,
        "is_anonymous": True,
        "type": "regular",
        "allows_multiple_answers": False,
        "allows_revoting": True,
        "members_only": False,
    }


def test_each_poll_has_its_own_id(telegram: Telegram) -> None:
    """Poll: id, unique poll identifier."""
    says(telegram)
    assert ask(telegram)["poll"]["id"] != ask(telegram)["poll"]["id"]


def test_a_poll_of_a_channel_is_anonymous(telegram: Telegram) -> None:
    """sendPoll: non-anonymous polls can't be sent to channel chats."""
    says(telegram, chat_id=CHANNEL, chat_type="channel")
    refusal = refused(lambda: ask(telegram, CHANNEL, is_anonymous="false"))
    assert refusal[:2] == (400, "Bad Request: non-anonymous polls can't be sent to channel chats")
    assert ask(telegram, CHANNEL)["poll"]["is_anonymous"] is True
    assert len(telegram.sent()) == 1


@pytest.mark.shows("stopPoll", "poll")
def test_a_stopped_poll_is_closed_for_good(telegram: Telegram) -> None:
    """stopPoll: the stopped Poll is returned. Update: poll, about manually stopped polls."""
    says(telegram)
    waiting, _ = telegram.start_poll({"timeout": 30, "offset": 100_000_002})
    events: list[Json] = []
    message_id = ask(telegram, reply_markup='{"inline_keyboard": [[{"text": "a", "callback_data": "a"}]]}')[
        "message_id"
    ]
    telegram.listen(events.append)
    poll = stop(telegram, message_id)
    assert poll["is_closed"] is True
    assert [update["poll"] for update in waiting.future.result(0)] == [poll]
    shown = telegram.transcript(1)[-1]
    assert shown["poll"] == poll
    assert "reply_markup" not in shown
    assert [(event["type"], event["message_id"], event["poll"]) for event in events] == [("poll", message_id, poll)]
    again = refused(lambda: stop(telegram, message_id))
    assert again[:2] == (400, "Bad Request: poll has already been closed")


def test_only_the_bots_own_polls_can_be_stopped(telegram: Telegram) -> None:
    """stopPoll: stops a poll which was sent by the bot."""
    says(telegram)
    poll = ask(telegram)
    forward = telegram.call("forwardMessage", {"chat_id": 1, "from_chat_id": 1, "message_id": poll["message_id"]})
    others = telegram.receive(UserMessage(extra={"poll": poll["poll"] | {"id": "7"}})).message_id
    refusals = {
        99: "message with poll to stop not found",
        send(telegram)["message_id"]: "message is not a poll",
        forward["message_id"]: "poll can't be stopped",
        others: "poll can't be stopped",
    }
    for message_id, reason in refusals.items():
        refusal = refused(partial(stop, telegram, message_id))
        assert refusal[:2] == (400, f"Bad Request: {reason}")


def test_a_poll_whose_time_is_over_cannot_be_stopped(telegram: Telegram) -> None:
    """sendPoll: open_period, amount of time in seconds the poll will be active after creation."""
    now = Clock()
    telegram = Telegram(now=now)
    says(telegram)
    poll = ask(telegram, open_period=60)
    assert (poll["poll"]["open_period"], poll["poll"]["close_date"]) == (60, 1060)
    now.seconds += 60
    assert refused(lambda: stop(telegram, poll["message_id"]))[1] == "Bad Request: poll has already been closed"
