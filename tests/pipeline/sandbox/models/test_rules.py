"""To which requests a rule applies, and how often."""

import openai
import pytest

from pipeline.sandbox.models.rules import ScriptedRule
from tests.support.asking import ModelClient


def test_rules_apply_in_order_to_matching_requests_and_as_often_as_they_say(model: ModelClient) -> None:
    for rule in (
        ScriptedRule(contains="first", answer="once", times=1),
        ScriptedRule(pattern=r"^\d+$", answer="number"),
        ScriptedRule(contains="tick", answer="third", every=3),
        ScriptedRule(contains="later", answer="after two", after=2),
    ):
        model.script.add_rule(rule)
    assert [model.content("first") for _ in range(2)] == ["once", "echo: first"]
    assert [model.content(text) for text in ("12", "12a")] == ["number", "echo: 12a"]
    assert [model.content("tick") for _ in range(4)] == ["echo: tick", "echo: tick", "third", "echo: tick"]
    assert [model.content("later") for _ in range(3)] == ["echo: later", "echo: later", "after two"]


def test_a_response_format_may_be_refused_and_the_request_accepted_without_it(model: ModelClient) -> None:
    model.script.add_rule(ScriptedRule(refuse_response_format=True))
    with pytest.raises(openai.BadRequestError, match="response_format"):
        model.ask(schema=True)
    assert model.content() == "echo: hi"
