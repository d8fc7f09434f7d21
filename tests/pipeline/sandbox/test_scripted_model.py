"""The scripted model, asked by the openai client and bare."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import openai
import pytest
from openai.types.chat import ChatCompletion
from starlette.types import Receive, Scope, Send

from pipeline.sandbox.scripted_model import Rule, ScriptedModel
from pipeline.sandbox.server import serve

SCHEMA: Any = {
    "type": "json_schema",
    "json_schema": {
        "name": "answer",
        "schema": {"type": "object", "properties": {"answer": {"type": "string"}}},
    },
}


class Scripted:
    def __init__(self, model: ScriptedModel, url: str) -> None:
        self.model = model
        self.url = url

    def ask(self, text: str = "hi", *, schema: bool = False, model: str = "m", key: str = "k") -> ChatCompletion:
        client = openai.OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0, timeout=5)
        more: Any = {"response_format": SCHEMA} if schema else {}
        with client:
            completion: ChatCompletion = client.chat.completions.create(
                model=model,
                messages=[{"role": "system", "content": "be kind"}, {"role": "user", "content": text}],
                **more,
            )
            return completion

    def content(self, text: str = "hi", *, schema: bool = False) -> Any:
        return self.ask(text, schema=schema).choices[0].message.content


class Current:
    """The model of the test that runs: one server for all of them."""

    model = ScriptedModel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.model.app(scope, receive, send)


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Current, str]]:
    current = Current()
    with serve(current) as served:
        yield current, served.url


@pytest.fixture
def scripted(server: tuple[Current, str]) -> Scripted:
    current, url = server
    current.model = ScriptedModel()
    return Scripted(current.model, url)


def test_a_question_is_echoed_in_the_form_that_was_asked_for(scripted: Scripted) -> None:
    assert scripted.content("hé") == "echo: hé"
    assert scripted.content("hé", schema=True) == '{"answer": "echo: h\\u00e9"}'
    usage = scripted.ask().usage
    assert usage is not None
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens > 1


@pytest.mark.parametrize(
    ("rule", "content"),
    [
        (Rule(answer="42"), '{"answer": "42"}'),
        (Rule(content='{"answer": '), '{"answer": '),
        (Rule(content='```json\n{"answer": "x"}\n```'), '```json\n{"answer": "x"}\n```'),
        (Rule(content=""), ""),
        (
            Rule(blocks=[{"type": "reasoning", "summary": []}, {"type": "text", "text": "x"}]),
            [{"type": "reasoning", "summary": []}, {"type": "text", "text": "x"}],
        ),
        (Rule(refusal="no"), None),
    ],
)
def test_content_is_what_the_rule_says(scripted: Scripted, rule: Rule, content: Any) -> None:
    scripted.model.add_rule(rule)
    assert scripted.content(schema=True) == content


def test_an_answer_may_be_cut_off_refused_or_missing(scripted: Scripted) -> None:
    scripted.model.add_rule(Rule(contains="cut", content='{"answer": "x', finish_reason="length"))
    scripted.model.add_rule(Rule(contains="refuse", refusal="I won't"))
    scripted.model.add_rule(Rule(contains="none", empty_choices=True))
    assert scripted.ask("cut").choices[0].finish_reason == "length"
    assert scripted.ask("refuse").choices[0].message.refusal == "I won't"
    assert scripted.ask("none").choices == []


@pytest.mark.parametrize(
    ("rule", "error", "code"),
    [
        (Rule(retry_after=7), openai.RateLimitError, "rate_limit_exceeded"),
        (Rule(status=500), openai.InternalServerError, None),
        (Rule(status=403), openai.PermissionDeniedError, "permission_denied"),
        (Rule(status=400, code="context_length_exceeded"), openai.BadRequestError, "context_length_exceeded"),
    ],
)
def test_an_error_has_the_shape_of_the_openai_api(
    scripted: Scripted, rule: Rule, error: type[openai.APIStatusError], code: str | None
) -> None:
    scripted.model.add_rule(rule)
    with pytest.raises(error) as raised:
        scripted.ask()
    assert raised.value.code == code
    if rule.retry_after:
        assert raised.value.response.headers["Retry-After"] == "7"


def test_a_response_format_may_be_refused_and_the_request_accepted_without_it(scripted: Scripted) -> None:
    scripted.model.add_rule(Rule(refuse_response_format=True))
    with pytest.raises(openai.BadRequestError, match="response_format"):
        scripted.ask(schema=True)
    assert scripted.content() == "echo: hi"


def test_a_body_may_be_no_json(scripted: Scripted) -> None:
    scripted.model.add_rule(Rule(body="<html>"))
    with pytest.raises((openai.APIError, ValueError)):
        scripted.ask()


def test_a_connection_may_be_dropped_or_hang(scripted: Scripted) -> None:
    scripted.model.add_rule(Rule(contains="drop", drop=True))
    scripted.model.add_rule(Rule(contains="hang", hang=True))
    with pytest.raises(openai.APIConnectionError):
        scripted.ask("drop")
    body = {"model": "m", "messages": [{"role": "user", "content": "hang"}]}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{scripted.url}/v1/chat/completions", json=body, timeout=0.3)
    assert [call["status"] for call in scripted.model.calls] == [None, None]


def test_rules_apply_in_order_to_what_they_match_and_as_often_as_they_say(scripted: Scripted) -> None:
    for rule in (
        Rule(contains="first", answer="once", times=1),
        Rule(pattern=r"^\d+$", answer="number"),
        Rule(contains="tick", answer="third", every=3),
        Rule(contains="later", answer="after two", after=2),
    ):
        scripted.model.add_rule(rule)
    assert [scripted.content("first") for _ in range(2)] == ["once", "echo: first"]
    assert [scripted.content(text) for text in ("12", "12a")] == ["number", "echo: 12a"]
    assert [scripted.content("tick") for _ in range(4)] == ["echo: tick", "echo: tick", "third", "echo: tick"]
    assert [scripted.content("later") for _ in range(3)] == ["echo: later", "echo: later", "after two"]


def test_a_key_is_checked_and_can_be_rotated(scripted: Scripted) -> None:
    scripted.model.api_key = "k"
    with pytest.raises(openai.AuthenticationError) as raised:
        scripted.ask(key="other")
    assert raised.value.code == "invalid_api_key"
    httpx.post(f"{scripted.url}/sandbox/key", json={"api_key": "other"}).raise_for_status()
    assert scripted.ask(key="other").choices


def test_only_the_models_it_has_are_known(scripted: Scripted) -> None:
    httpx.post(f"{scripted.url}/sandbox/models", json={"models": ["m"]}).raise_for_status()
    assert scripted.ask(model="m").model == "m"
    with pytest.raises(openai.NotFoundError) as raised:
        scripted.ask(model="n")
    assert raised.value.code == "model_not_found"
    with openai.OpenAI(base_url=f"{scripted.url}/v1", api_key="k", max_retries=0) as client:
        assert [model.id for model in client.models.list()] == ["m"]
        assert client.models.retrieve("m").id == "m"


def test_rules_are_set_by_request_and_calls_are_listed(scripted: Scripted) -> None:
    rules = f"{scripted.url}/sandbox/rules"
    assert httpx.post(rules, json={"contains": "x", "answer": "y"}).status_code == 200
    assert httpx.post(rules, json=[{"status": 503}]).json()["rules"][1] == {"status": 503, "applied": 0}
    assert httpx.post(rules, json={"no_such_field": 1}).status_code == 400
    assert httpx.post(rules, json={"pattern": "("}).status_code == 400
    assert scripted.content("x") == "y"
    assert httpx.delete(rules).json() == {"rules": []}
    assert scripted.content("x", schema=True)
    first, second = httpx.get(f"{scripted.url}/sandbox/calls").json()
    assert (first["user_text"], first["model"], first["has_schema"], first["status"]) == (
        "x",
        "m",
        False,
        200,
    )
    assert second["has_schema"] is True
    assert second["finished_at"] >= second["at"]
    assert second["messages"][0] == {"role": "system", "content": "be kind"}


@pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b'{"model": "m"}', b'{"model": "m", "messages": []}'])
def test_a_request_that_is_none_is_refused(scripted: Scripted, body: bytes) -> None:
    response = httpx.post(f"{scripted.url}/v1/chat/completions", content=body)
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"


def test_a_lone_surrogate_is_echoed(scripted: Scripted) -> None:
    body = b'{"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": "\\ud800"}]}]}'
    response = httpx.post(f"{scripted.url}/v1/chat/completions", content=body)
    assert response.json()["choices"][0]["message"]["content"] == "echo: \ud800"


def test_five_hundred_slow_answers_go_on_at_once(scripted: Scripted) -> None:
    scripted.model.add_rule(Rule(latency=1.5))

    address = urlsplit(scripted.url)
    body = '{"model": "m", "messages": [{"role": "user", "content": "slow"}]}'
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"

    async def status() -> bytes:
        # Bare sockets: five hundred connections are much for an HTTP client, not for the server.
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(f"{head}{body}".encode())
        line = await reader.readline()
        writer.close()
        return line.split()[1]

    async def all_of_them() -> list[bytes]:
        return await asyncio.gather(*(status() for _ in range(500)))

    started = time.monotonic()
    assert asyncio.run(all_of_them()) == [b"200"] * 500
    assert time.monotonic() - started < 10
    stats = httpx.get(f"{scripted.url}/sandbox/stats").json()
    assert stats["running"] == 0
    assert stats["max_concurrent"] == 500
