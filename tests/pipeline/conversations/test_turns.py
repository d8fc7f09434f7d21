"""Turns of a conversation, and which of them a question is given."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pipeline.conversations.turns import (
    ContextLimits,
    ConversationKey,
    Turn,
    TurnRow,
    given_turns,
    newest_first,
    reachable,
    tokens_of,
)
from tests.support.replies import NOON

LIMITS = ContextLimits(turns=10, tokens=2000, age=timedelta(hours=24))


def turn(number: int, *, seq: int | None = None, hours: float = 0, text: str = "ab", answer: str | None = "cd") -> Turn:
    """The turn of a message, `hours` before noon."""
    seq = number if seq is None else seq
    return Turn(number, seq, NOON - timedelta(hours=hours), text, answer, (1000 + seq,))


def new(number: int, seq: int | None = None) -> Turn:
    return turn(number, seq=seq, text="/new", answer=None)


def given(turns: list[Turn], message: int = 100, limits: ContextLimits = LIMITS, tokens: int = 0) -> list[int]:
    """The messages whose turns a question is given."""
    return [each.message_id for each in given_turns(turns, message, NOON, limits, tokens)]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("é", 1), ("语言", 2), ("abcd语", 2), ("🙂", 1), ("\ud800", 1)],
)
def test_tokens_are_estimated_on_the_high_side(text: str, tokens: int) -> None:
    assert tokens_of(text) == tokens


def test_a_question_is_given_the_last_turns_and_the_oldest_of_them_first() -> None:
    turns = [turn(number) for number in (3, 1, 2)]
    assert given(turns) == [1, 2, 3]
    assert given(turns, limits=LIMITS._replace(turns=2)) == [2, 3]


def test_turns_are_given_whole_until_one_is_too_many_and_none_after_it() -> None:
    turns = [turn(1), turn(2, text="x" * 40), turn(3)]
    assert given(turns, limits=LIMITS._replace(tokens=2)) == [3]
    assert given(turns, limits=LIMITS._replace(tokens=12)) == [3]
    assert given(turns, limits=LIMITS._replace(tokens=13)) == [2, 3]
    assert given(turns, limits=LIMITS._replace(tokens=15)) == [1, 2, 3]
    assert given(turns, limits=LIMITS._replace(tokens=15), tokens=1) == [2, 3]


def test_turns_that_are_too_old_by_the_time_of_the_question_are_not_given() -> None:
    turns = [turn(1, hours=24.01), turn(2, hours=24.01), turn(3, hours=24), turn(4, hours=0)]
    assert given(turns) == [3, 4]


def test_the_young_answer_to_an_old_message_that_was_replayed_is_given_across_turns_that_are_too_old() -> None:
    turns = [turn(1, hours=30), new(2)._replace(received_at=NOON - timedelta(hours=29)), turn(3, hours=28)]
    again = turn(1, seq=9, hours=1)
    assert given([*turns, again]) == given([again]) == [1], (
        "as if it was read from silver, which is not asked for these"
    )
    assert reachable([*turns, again], LIMITS) == [again]


def test_a_new_ends_what_came_before_it_in_the_order_of_the_chat() -> None:
    assert given([turn(1), new(2), turn(3)]) == [3]
    assert given([turn(1), turn(3), new(4)]) == []
    # A message before it that is replayed is given what came before that; its replay does not come back after it.
    assert given([turn(1), turn(2), new(4), turn(5)], message=3) == [1, 2]
    assert given([turn(1), new(4), turn(5), turn(1, seq=6)]) == [5]


def test_of_a_message_that_was_replayed_the_latest_answer_counts_at_its_place() -> None:
    turns = [turn(1, seq=9, answer="later"), turn(2), turn(1, answer="first")]
    assert [(each.message_id, each.answer) for each in given_turns(turns, 100, NOON, LIMITS)] == [
        (1, "later"),
        (2, "cd"),
    ]
    assert [each.seq for each in newest_first(turns)] == [2, 9]


@pytest.mark.parametrize("limits", [LIMITS._replace(turns=3), LIMITS._replace(tokens=7)])
@pytest.mark.parametrize("begins_anew", [False, True])
def test_what_is_kept_gives_a_later_question_the_same_as_all_turns_do(limits: ContextLimits, begins_anew: bool) -> None:
    turns = [turn(number, text="x" * (number % 3 * 4)) for number in range(1, 9)]
    if begins_anew:
        turns[6] = new(7)
    kept = reachable(turns, limits)
    assert len(kept) < len(turns)
    for later in ([], [turn(9)], [turn(9), turn(10, text="x" * 9)], [turn(number) for number in range(9, 14)]):
        assert given([*kept, *later], limits=limits) == given([*turns, *later], limits=limits)


def row(**more: object) -> TurnRow:
    columns = {
        "channel_id": 7, "topic_id": None, "message_id": 3, "seq": 5, "received_at": NOON, "user_message": "hi",
        "llm_response": "hello", "answer_status": "answered", "delivery_status": "sent", "reply_message_ids": [4],
    }  # fmt: skip
    return TurnRow.model_validate(columns | more)


def test_a_row_of_silver_is_a_turn_where_a_model_answered_and_the_answer_may_have_arrived() -> None:
    assert row().turn == Turn(3, 5, NOON, "hi", "hello", (4,))
    assert row(delivery_status="unknown", reply_message_ids=None).turn == Turn(3, 5, NOON, "hi", "hello", ())
    for not_seen in ({"delivery_status": "dead"}, {"delivery_status": "withheld"}, {"answer_status": "fallback"}):
        assert row(**not_seen).turn is None
    assert row(topic_id=9).key == ConversationKey(7, 9)


@pytest.mark.parametrize("text", ["/new", "/NEW", "/new@our_bot", "/new please", "/new\nand more"])
def test_a_new_with_its_fixed_answer_is_one_also_where_that_was_not_delivered(text: str) -> None:
    assert row(answer_status="fixed", user_message=text, delivery_status="dead").turn == Turn(3, 5, NOON, text, None)


def test_other_commands_and_a_new_of_an_earlier_release_end_nothing() -> None:
    for text in ("/start", "/news", "a /new"):
        assert row(answer_status="fixed", user_message=text).turn is None
    old = row(user_message="/new").turn
    assert old is not None
    assert old.answer == "hello"


def test_a_row_is_read_as_a_sql_warehouse_gives_it() -> None:
    texts = row(
        message_id="3", seq="5", channel_id="7", received_at="2026-01-02T12:00:00.000Z", reply_message_ids="[4]"
    )
    assert texts == row(received_at=NOON.replace(tzinfo=None))
