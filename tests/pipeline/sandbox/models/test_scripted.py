"""The scripted model as a server."""

import asyncio
import time
from urllib.parse import urlsplit

import httpx
import openai
import pytest

from pipeline.sandbox.models.rules import ScriptedRule
from tests.support.asking import ModelClient


def test_a_body_may_be_invalid_json(model: ModelClient) -> None:
    model.script.add_rule(ScriptedRule(body="<html>"))
    with pytest.raises((openai.APIError, ValueError)):
        model.ask()


def test_a_connection_may_be_dropped_or_hang(model: ModelClient) -> None:
    model.script.add_rule(ScriptedRule(contains="drop", drop=True))
    model.script.add_rule(ScriptedRule(contains="hang", hang=True))
    with pytest.raises(openai.APIConnectionError):
        model.ask("drop")
    body = {"model": "m", "messages": [{"role": "user", "content": "hang"}]}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{model.url}/v1/chat/completions", json=body, timeout=0.3)
    assert [call["status"] for call in model.script.calls] == [None, None]


def test_a_key_is_checked_and_can_be_rotated(model: ModelClient) -> None:
    model.script.api_key = "k"
    with pytest.raises(openai.AuthenticationError) as raised:
        model.ask(key="other")
    assert raised.value.code == "invalid_api_key"
    httpx.post(f"{model.url}/sandbox/key", json={"api_key": "other"}).raise_for_status()
    assert model.ask(key="other").choices


def test_only_the_models_it_has_are_known(model: ModelClient) -> None:
    httpx.post(f"{model.url}/sandbox/models", json={"models": ["m"]}).raise_for_status()
    assert model.ask(model="m").model == "m"
    with pytest.raises(openai.NotFoundError) as raised:
        model.ask(model="n")
    assert raised.value.code == "model_not_found"
    with openai.OpenAI(base_url=f"{model.url}/v1", api_key="k", max_retries=0) as client:
        assert [model.id for model in client.models.list()] == ["m"]
        assert client.models.retrieve("m").id == "m"


def test_rules_are_set_by_request_and_calls_are_listed(model: ModelClient) -> None:
    rules = f"{model.url}/sandbox/rules"
    assert httpx.post(rules, json={"contains": "x", "answer": "y"}).status_code == 200
    assert httpx.post(rules, json=[{"status": 503}]).json()["rules"][1] == {"status": 503, "applied": 0}
    assert httpx.post(rules, json={"no_such_field": 1}).status_code == 400
    assert httpx.post(rules, json={"pattern": "("}).status_code == 400
    assert model.content("x") == "y"
    assert httpx.delete(rules).json() == {"rules": []}
    assert model.content("x", schema=True)
    first, second = httpx.get(f"{model.url}/sandbox/calls").json()
    assert (first["user_text"], first["model"], first["has_schema"], first["status"]) == (
        "x",
        "m",
        False,
        200,
    )
    assert second["has_schema"] is True
    assert second["finished_at"] >= second["at"]
    assert second["messages"][0] == {"role": "system", "content": "be kind"}


def test_five_hundred_slow_answers_run_at_once(model: ModelClient) -> None:
    model.script.add_rule(ScriptedRule(latency=1.5))

    address = urlsplit(model.url)
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
    stats = httpx.get(f"{model.url}/sandbox/stats").json()
    assert stats["running"] == 0
    assert stats["max_concurrent"] == 500
