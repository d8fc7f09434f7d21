"""What a poll may be, and the votes in it."""

from typing import Any

import pytest

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.content.polls import SentPoll, poll_of
from tests.support.simulated import refused


def poll(**more: Any) -> SentPoll:
    return poll_of({"question": "Tea?", "options": ["yes", "no", "later"], **more}, now=1000)


def counts(of: SentPoll) -> list[int]:
    return [option["voter_count"] for option in of.as_json()["options"]]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"question": None}, "text must be non-empty"),
        ({"question": " \n"}, "text must be non-empty"),
        ({"question": "x" * 301}, "poll question length must not exceed 300"),
        ({"question": "x" * 5000}, "poll question length must not exceed 300"),
        ({"options": None}, "poll must have at least one answer option"),
        ({"options": "[]"}, "poll must have at least one answer option"),
        ({"options": "["}, "can't parse options JSON object"),
        ({"options": {}}, "expected an Array of InputPollOption"),
        ({"options": [7]}, "can't parse InputPollOption: Expected InputPollOption to be an Object"),
        ({"options": [{}]}, "can't parse InputPollOption: Can't find field \"text\""),
        ({"options": ["a"] * 13}, "poll can't have more than 12 options"),
        ({"options": ["a", " "]}, "text must be non-empty"),
        ({"options": ["a", "x" * 101]}, "poll options length must not exceed 100"),
        ({"type": "survey"}, "unsupported poll type specified"),
        ({"type": "quiz"}, "wrong correct option ID specified"),
        ({"type": "quiz", "correct_option_id": 3}, "wrong correct option ID specified"),
        ({"type": "quiz", "correct_option_ids": "[]"}, "wrong correct option ID specified"),
        ({"type": "quiz", "correct_option_ids": ["a"]}, "wrong correct option ID specified"),
    ],
)
def test_a_wrong_poll_is_refused(given: Json, reason: str) -> None:
    """sendPoll: question, 1-300 characters; 1-12 answer options, 1-100 characters each; type, quiz or regular."""
    assert refused(lambda: poll(**given))[:2] == (400, f"Bad Request: {reason}")


def test_the_longest_texts_are_taken() -> None:
    """sendPoll: question, 1-300 characters; 1-12 answer options, 1-100 characters each."""
    longest = poll(question="🎉" * 300, options=["x" * 100] * 12).as_json()
    assert (len(longest["question"]), len(longest["options"])) == (300, 12)


def test_only_custom_emoji_are_marked_in_a_question() -> None:
    """sendPoll: question_parse_mode; currently, only custom emoji entities are allowed."""
    source = '<b>Tea</b> <tg-emoji emoji-id="5">🍵</tg-emoji>?'
    question = poll(question=source, question_parse_mode="HTML").as_json()
    assert question["question"] == "Tea 🍵?"
    assert [entity["type"] for entity in question["question_entities"]] == ["custom_emoji"]
    emoji = {"type": "custom_emoji", "offset": 0, "length": 2, "custom_emoji_id": "5"}
    option = poll(options=[{"text": "🍵", "text_entities": [emoji]}]).as_json()["options"][0]
    assert option["text_entities"] == [emoji]
    assert "question_entities" not in poll(question="@someone /help").as_json()


@pytest.mark.parametrize("given", [{"correct_option_id": "1"}, {"correct_option_ids": "[1]"}])
def test_a_quiz_has_its_correct_options(given: Json) -> None:
    """sendPoll: correct_option_ids, required for polls in quiz mode; explanation; revoting defaults to False."""
    quiz = poll(type="quiz", explanation="<b>because</b>", explanation_parse_mode="HTML", **given).as_json()
    assert (quiz["type"], quiz["correct_option_ids"], quiz["correct_option_id"]) == ("quiz", [1], 1)
    assert (quiz["explanation"], quiz["explanation_entities"][0]["type"]) == ("because", "bold")
    assert quiz["allows_revoting"] is False


def test_votes_are_counted_changed_and_taken_back() -> None:
    """PollOption: voter_count; Poll: total_voter_count; PollAnswer: may be empty if the vote was retracted."""
    tea = poll()
    assert tea.vote(1, [0])
    assert tea.vote(2, [0])
    assert not tea.vote(2, [0])
    assert counts(tea) == [2, 0, 0]
    assert tea.vote(2, [2])
    assert (counts(tea), tea.as_json()["total_voter_count"]) == ([1, 0, 1], 2)
    assert tea.vote(1, [])
    assert not tea.vote(1, [])
    assert (counts(tea), tea.as_json()["total_voter_count"]) == ([0, 0, 1], 1)


def test_several_options_can_be_chosen_where_the_poll_allows_it() -> None:
    """sendPoll: allows_multiple_answers, defaults to False."""
    several = poll(allows_multiple_answers=True)
    several.vote(1, [2, 0, 2])
    assert (counts(several), several.votes) == ([1, 0, 1], {1: [0, 2]})
    with pytest.raises(ValueError, match="only one option"):
        poll().vote(1, [0, 1])


@pytest.mark.parametrize("position", [-1, 3])
def test_an_option_must_exist(position: int) -> None:
    """PollAnswer: 0-based identifiers of chosen answer options."""
    with pytest.raises(ValueError, match="has 3 options"):
        poll().vote(1, [position])


def test_a_vote_stays_where_revoting_is_off() -> None:
    """sendPoll: allows_revoting, if the poll allows to change chosen answer options."""
    final = poll(allows_revoting="false")
    final.vote(1, [0])
    for other in ([1], []):
        with pytest.raises(ValueError, match="can't be changed"):
            final.vote(1, other)
    assert counts(final) == [1, 0, 0]


def test_a_closed_poll_takes_no_votes() -> None:
    """sendPoll: is_closed, if the poll needs to be immediately closed."""
    with pytest.raises(ValueError, match="closed"):
        poll(is_closed=True).vote(1, [0])


@pytest.mark.parametrize(
    ("given", "closes_at"),
    [
        ({"open_period": 60}, 1060),
        ({"close_date": 1500}, 1500),
        ({"open_period": 60, "close_date": 1500}, 1060),
        ({"open_period": 10_000_000}, 2_629_000),
    ],
)
def test_a_poll_closes_when_its_time_is_over(given: Json, closes_at: int) -> None:
    """sendPoll: open_period, at most 2628000 seconds; close_date, can't be used together with open_period."""
    timed = poll(**given)
    assert timed.as_json()["close_date"] == closes_at
    assert not timed.close_in_time(closes_at - 1)
    assert timed.close_in_time(closes_at)
    assert timed.as_json()["is_closed"] is True
    assert not timed.close_in_time(closes_at)


def test_a_poll_without_an_end_stays_open() -> None:
    """sendPoll: open_period and close_date are optional."""
    endless = poll()
    assert not endless.close_in_time(10**10)
    assert "close_date" not in endless.as_json()
