"""People who vote."""

from typing import Any

import pytest

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.people.polls import PollVote
from pipeline.sandbox.telegram.people.table import ACTIONS
from pipeline.sandbox.telegram.simulator import Telegram
from tests.support.simulated import Clock, says


def ask(telegram: Telegram, **more: Any) -> int:
    poll = {"chat_id": 1, "question": "Tea?", "options": ["yes", "no"], **more}
    message_id: int = telegram.call("sendPoll", poll)["message_id"]
    return message_id


def vote(telegram: Telegram, message_id: int, *option_ids: int, **more: Any) -> Json:
    return telegram.perform(ACTIONS["votes"], PollVote(message_id=message_id, option_ids=list(option_ids), **more))


@pytest.mark.shows("votes", "poll")
def test_a_vote_changes_the_poll_wherever_it_is_shown(telegram: Telegram) -> None:
    """Update: poll, a new poll state; bots receive it of polls that are sent by the bot."""
    says(telegram)
    says(telegram, chat_id=2)
    message_id = ask(telegram)
    telegram.call("forwardMessage", {"chat_id": 2, "from_chat_id": 1, "message_id": message_id})
    events: list[Json] = []
    telegram.listen(events.append)
    result = vote(telegram, message_id, 1)
    update = telegram.get_updates()[-1]
    assert [option["voter_count"] for option in update["poll"]["options"]] == [0, 1]
    assert result == {"poll": update["poll"], "update_ids": [update["update_id"]]}
    assert telegram.transcript(1)[-1]["poll"] == telegram.transcript(2)[-1]["poll"] == update["poll"]
    assert [(event["type"], event["chat_id"]) for event in events] == [("poll", 1), ("poll", 2)]
    assert [(event["user_id"], event["option_ids"]) for event in events] == [(1, [1]), (1, [1])]


def test_nobody_learns_who_voted_in_an_anonymous_poll(telegram: Telegram) -> None:
    """Update: poll_answer, a user changed their answer in a non-anonymous poll."""
    says(telegram)
    vote(telegram, ask(telegram), 0)
    assert not any("poll_answer" in update for update in telegram.get_updates())


@pytest.mark.shows("poll_answer")
def test_the_bot_learns_who_voted_in_an_open_poll(telegram: Telegram) -> None:
    """PollAnswer: the user, and the chosen options; may be empty if the vote was retracted."""
    says(telegram)
    message_id = ask(telegram, is_anonymous=False)
    vote(telegram, message_id, 1, user_id=7)
    vote(telegram, message_id, 1, user_id=7)
    vote(telegram, message_id, user_id=7)
    answer, poll, retracted, _ = telegram.get_updates()[1:]
    assert answer["poll_answer"] == {
        "poll_id": poll["poll"]["id"],
        "user": {"id": 7, "is_bot": False, "first_name": "Ada"},
        "option_ids": [1],
        "option_persistent_ids": ["1"],
    }
    assert retracted["poll_answer"]["option_ids"] == []


def test_a_vote_needs_a_poll_of_the_bots(telegram: Telegram) -> None:
    """No rule of the Bot API: the control API says what is wrong."""
    message_id = says(telegram)
    for chat_id in (1, 99):
        with pytest.raises(KeyError, match="no poll"):
            vote(telegram, message_id, 0, chat_id=chat_id)


def test_a_vote_that_comes_too_late_closes_the_poll() -> None:
    """sendPoll: open_period, the seconds the poll will be active after creation. Update: poll."""
    now = Clock()
    telegram = Telegram(now=now)
    says(telegram)
    message_id = ask(telegram, open_period=60)
    now.seconds += 60
    with pytest.raises(ValueError, match="closed"):
        vote(telegram, message_id, 0)
    assert telegram.get_updates()[-1]["poll"]["is_closed"] is True
    assert telegram.transcript(1)[-1]["poll"]["is_closed"] is True
