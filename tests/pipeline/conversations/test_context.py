"""The context of a question."""

from pipeline.conversations.context import Context, request_of, without_context
from pipeline.model.request import INSTRUCTIONS, Said
from tests.support.replies import question, request


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
