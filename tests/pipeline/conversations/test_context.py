"""The context of a question."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pipeline.conversations.context import Context, context_of, context_with, request_of, without_context
from pipeline.conversations.turns import ContextLimits, Turn
from pipeline.messages.question import Question, Quoted
from pipeline.model.request import INSTRUCTIONS, Said
from tests.support.replies import NOON, question, request

LIMITS = ContextLimits(turns=10, tokens=2000, age=timedelta(hours=24))
TURNS = [Turn(1, 11, NOON, "one?", "one.", (2, 3)), Turn(4, 14, NOON, "two?", "two.", (5,))]


def asked(**more: Any) -> Question:
    return question("and now?", seq=20, **more)


def said(context: Context) -> list[str]:
    return [f"{each.role}: {each.text}" for each in context.said]


def test_a_question_without_a_context_is_all_that_is_said() -> None:
    alone = without_context(question("hi"))
    assert request_of(question("hi"), alone) == request("hi")
    assert (alone.instructions, alone.since, alone.turns) == (INSTRUCTIONS, None, None)
    assert alone.digest == request("hi").digest


def test_what_was_said_before_comes_before_the_question() -> None:
    said = (Said(role="user", text="hi"), Said(role="assistant", text="hello"))
    asked = request_of(question("and now?"), Context(said=said, turns=1, since=1))
    assert [(each.role, each.text) for each in asked.said] == [
        ("user", "hi"),
        ("assistant", "hello"),
        ("user", "and now?"),
    ]


def test_the_context_has_the_turns_and_says_where_they_begin_and_how_many_they_are() -> None:
    context = context_of(asked(), TURNS, LIMITS)
    assert said(context) == ["user: one?", "assistant: one.", "user: two?", "assistant: two."]
    assert (context.since, context.turns) == (11, 2)
    assert context.digest == request_of(asked(), context).digest != without_context(asked()).digest


def test_a_question_without_earlier_turns_says_that_there_were_none() -> None:
    context = context_of(asked(), [], LIMITS)
    assert (context.said, context.since, context.turns) == ((), None, 0)
    assert context.digest == without_context(asked()).digest


def test_the_turns_begin_where_the_first_of_them_arrived_also_if_that_is_not_the_oldest_message() -> None:
    replayed = TURNS[0]._replace(seq=19)
    context = context_of(asked(), [replayed, TURNS[1]], LIMITS)
    assert said(context)[0] == "user: one?"
    assert context.since == 14


def test_the_message_that_is_replied_to_comes_first_by_whoever_wrote_it() -> None:
    for by_bot, who in ((True, "assistant"), (False, "user")):
        quoted = Quoted(message_id=77, text="something else", by_bot=by_bot)
        context = context_of(asked(replied_to=quoted), TURNS, LIMITS)
        assert said(context)[:2] == [f"{who}: something else", "user: one?"]
        assert (context.since, context.turns) == (11, 2)


def test_the_message_that_is_replied_to_is_not_repeated_if_it_is_among_the_turns() -> None:
    for message_id in (1, 2, 3, 4, 5):
        quoted = Quoted(message_id=message_id, text="again", by_bot=True)
        assert said(context_of(asked(replied_to=quoted), TURNS, LIMITS))[0] == "user: one?"


def test_the_message_that_is_replied_to_counts_before_the_turns() -> None:
    quoted = Quoted(message_id=77, text="語" * 4, by_bot=False)
    context = context_of(asked(replied_to=quoted), TURNS, LIMITS._replace(tokens=6))
    assert said(context) == ["user: 語語語語", "user: two?", "assistant: two."]
    alone = context_of(asked(replied_to=quoted), TURNS, LIMITS._replace(tokens=1))
    assert (said(alone), alone.since, alone.turns) == (["user: 語語語語"], None, 0)


def test_a_turn_that_was_too_old_or_too_long_to_be_given_is_quoted_where_it_is_replied_to() -> None:
    quoted = Quoted(message_id=3, text="one.", by_bot=True)
    context = context_of(asked(replied_to=quoted), TURNS, LIMITS._replace(tokens=3))
    assert said(context) == ["assistant: one.", "user: two?", "assistant: two."]


def test_a_context_is_made_again_from_its_turns_alone() -> None:
    quoted = Quoted(message_id=77, text="something else", by_bot=False)
    for tokens in (1, 4, 6, 100):
        decided = context_of(asked(replied_to=quoted), TURNS, LIMITS._replace(tokens=tokens))
        chosen = TURNS[len(TURNS) - (decided.turns or 0) :]
        assert context_with(asked(replied_to=quoted), chosen) == decided
