"""The scripted model's answers and errors, read by the openai client."""

from typing import Any

import httpx
import openai
import pytest

from pipeline.sandbox.models.rules import ScriptedRule
from tests.support.asking import ModelClient


def test_a_question_is_echoed_in_the_form_that_was_asked_for(model: ModelClient) -> None:
    assert model.content("hé") == "echo: hé"
    assert model.content("hé", schema=True) == '{"answer": "echo: h\\u00e9"}'
    usage = model.ask().usage
    assert usage is not None
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens > 1


@pytest.mark.parametrize(
    ("rule", "content"),
    [
        (ScriptedRule(answer="42"), '{"answer": "42"}'),
        (ScriptedRule(content='{"answer": '), '{"answer": '),
        (ScriptedRule(content='```json\n{"answer": "x"}\n```'), '```json\n{"answer": "x"}\n```'),
        (ScriptedRule(content=""), ""),
        (
            ScriptedRule(blocks=[{"type": "reasoning", "summary": []}, {"type": "text", "text": "x"}]),
            [{"type": "reasoning", "summary": []}, {"type": "text", "text": "x"}],
        ),
        (ScriptedRule(refusal="no"), None),
    ],
)
def test_content_is_what_the_rule_says(model: ModelClient, rule: ScriptedRule, content: Any) -> None:
    model.script.add_rule(rule)
    assert model.content(schema=True) == content


def test_an_answer_may_be_cut_off_refused_or_missing(model: ModelClient) -> None:
    model.script.add_rule(ScriptedRule(contains="cut", content='{"answer": "x', finish_reason="length"))
    model.script.add_rule(ScriptedRule(contains="refuse", refusal="I won't"))
    model.script.add_rule(ScriptedRule(contains="none", empty_choices=True))
    assert model.ask("cut").choices[0].finish_reason == "length"
    assert model.ask("refuse").choices[0].message.refusal == "I won't"
    assert model.ask("none").choices == []


@pytest.mark.parametrize(
    ("rule", "error", "code"),
    [
        (ScriptedRule(retry_after=7), openai.RateLimitError, "rate_limit_exceeded"),
        (ScriptedRule(status=500), openai.InternalServerError, None),
        (ScriptedRule(status=403), openai.PermissionDeniedError, "permission_denied"),
        (ScriptedRule(status=400, code="context_length_exceeded"), openai.BadRequestError, "context_length_exceeded"),
    ],
)
def test_an_error_has_the_shape_of_the_openai_api(
    model: ModelClient, rule: ScriptedRule, error: type[openai.APIStatusError], code: str | None
) -> None:
    model.script.add_rule(rule)
    with pytest.raises(error) as raised:
        model.ask()
    assert raised.value.code == code
    if rule.retry_after:
        assert raised.value.response.headers["Retry-After"] == "7"


@pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b'{"model": "m"}', b'{"model": "m", "messages": []}'])
def test_an_invalid_request_is_refused(model: ModelClient, body: bytes) -> None:
    response = httpx.post(f"{model.url}/v1/chat/completions", content=body)
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"


def test_a_lone_surrogate_is_echoed(model: ModelClient) -> None:
    body = b'{"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": "\\ud800"}]}]}'
    response = httpx.post(f"{model.url}/v1/chat/completions", content=body)
    assert response.json()["choices"][0]["message"]["content"] == "echo: \ud800"
