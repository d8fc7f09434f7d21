"""The front of a small model: no JSON, its own instructions, and every other response as it comes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import openai
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from pipeline.model.client import Model, ModelSettings
from pipeline.model.dialect import Dialect
from pipeline.platform.credentials import ModelAccess
from pipeline.sandbox.models.front import ModelFront
from pipeline.sandbox.server import disconnected, serve

OPENING = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]


class _Behind:
    """A server that answers with what it was asked, and streams slowly."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.left = False
        self.can_restore = True
        self.app = Starlette(
            routes=[
                Route("/v1/chat/completions", self._complete, methods=["POST"]),
                Route("/v1/models", self._models),
                Route("/slots/0", self._restore, methods=["POST"]),
            ]
        )

    async def _complete(self, request: Request) -> Response:
        body = json.loads(await request.body())
        self.asked.append(body)
        if body.get("stream"):
            return StreamingResponse(self._stream(), media_type="text/event-stream")
        if body.get("slow"):
            await disconnected(request)
            self.left = True
        if body.get("too_long"):
            return JSONResponse({"error": {"message": "the context is full"}}, 400)
        return JSONResponse({"choices": [{"message": {"content": "hello"}}]})

    async def _stream(self) -> Any:
        try:
            for number in range(200):
                yield f"data: {number}\n\n"
                await asyncio.sleep(0.05)
        finally:
            self.left = True

    async def _restore(self, request: Request) -> Response:
        self.asked.append({"restored": json.loads(await request.body())["filename"]})
        return JSONResponse({}, 200 if self.can_restore else 500)

    async def _models(self, _: Request) -> Response:
        return JSONResponse({"data": [{"id": "small"}]})


@pytest.fixture
def behind() -> _Behind:
    return _Behind()


@pytest.fixture
def front(behind: _Behind) -> Iterator[str]:
    with serve(behind.app) as server, serve(ModelFront(server.url).app) as served:
        yield served.url


def _post(url: str, **body: Any) -> httpx.Response:
    messages = [{"role": "system", "content": "You are a pirate."}, {"role": "user", "content": "hi"}]
    return httpx.post(f"{url}/v1/chat/completions", json={"messages": messages} | body, trust_env=False)


@pytest.mark.parametrize("form", [{"type": "json_schema", "json_schema": {}}, {"type": "json_object"}, "json"])
def test_a_request_for_json_is_refused_and_goes_no_further(front: str, behind: _Behind, form: Any) -> None:
    response = _post(front, response_format=form)
    assert response.status_code == 400
    assert response.json()["error"]["message"] == "response_format is not supported by this model"
    assert behind.asked == []


@pytest.mark.parametrize("form", [{"type": "text"}, None])
def test_a_request_for_text_passes_as_it_is(front: str, behind: _Behind, form: Any) -> None:
    response = _post(front, response_format=form, temperature=0.5)
    assert (response.status_code, response.json()["choices"][0]["message"]["content"]) == (200, "hello")
    assert behind.asked[0]["temperature"] == 0.5
    assert behind.asked[0]["messages"][0]["content"] == "You are a pirate."


def test_the_products_own_client_learns_from_the_refusal_to_ask_without_a_schema(front: str) -> None:
    said = [{"role": "user", "content": "hi"}]
    with (
        openai.OpenAI(base_url=f"{front}/v1", api_key="none", max_retries=0) as client,
        pytest.raises(openai.BadRequestError) as refused,
    ):
        client.post("/chat/completions", cast_to=object, body={"messages": said, "response_format": {"type": "x"}})
    assert Dialect().alternative(refused.value, "hi") == Dialect(schema=False)


def test_the_products_own_client_finds_the_model(front: str, behind: _Behind) -> None:
    model, access = Model(ModelSettings("small")), ModelAccess(f"{front}/v1", SecretStr("none"))
    assert model.served(access) == ["small"]
    assert model.probe(access)
    model.close()
    assert len(behind.asked) == 1


def test_errors_of_the_server_behind_it_pass_too(front: str) -> None:
    response = _post(front, too_long=True)
    assert (response.status_code, response.json()) == (400, {"error": {"message": "the context is full"}})


def test_its_own_opening_takes_the_place_of_the_requests_instructions_and_the_turns_stay(behind: _Behind) -> None:
    turns = [
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "answer"},
        {"role": "user", "content": "second"},
    ]
    with serve(behind.app) as server, serve(ModelFront(server.url, OPENING).app) as served:
        _post(served.url, messages=[{"role": "system", "content": "You are a pirate."}, *turns])
    assert behind.asked[0]["messages"] == [*OPENING, *turns]


@pytest.mark.parametrize("body", [b"no JSON", b"[]", b'{"messages": 3}', b"[" * 100_000])
def test_what_is_no_request_is_left_to_the_server_behind_it(behind: _Behind, body: bytes) -> None:
    with serve(behind.app) as server, serve(ModelFront(server.url, OPENING).app) as served:
        response = httpx.post(f"{served.url}/v1/chat/completions", content=body, trust_env=False)
    assert response.status_code in (200, 500)


def test_a_stream_comes_piece_by_piece_and_ends_behind_it_when_the_client_leaves(front: str, behind: _Behind) -> None:
    began = time.monotonic()
    with httpx.stream(
        "POST", f"{front}/v1/chat/completions", json={"messages": [], "stream": True}, trust_env=False
    ) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        first = next(response.iter_text())
    assert first.startswith("data: 0")
    assert "199" not in first
    while not behind.left:
        assert time.monotonic() - began < 8, "the server behind it goes on for nobody"
        time.sleep(0.02)


def test_a_server_behind_it_that_is_gone_is_a_502() -> None:
    with serve(ModelFront("http://127.0.0.1:9").app) as served:
        response = _post(served.url)
    assert response.status_code == 502
    assert "the model does not answer" in response.json()["error"]["message"]


def test_a_client_that_leaves_before_the_answer_begins_ends_the_request_too(front: str, behind: _Behind) -> None:
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{front}/v1/chat/completions", json={"slow": True}, timeout=0.3, trust_env=False)
    until = time.monotonic() + 8
    while not behind.left:
        assert time.monotonic() < until, "the server behind it goes on for nobody"
        time.sleep(0.02)


def test_each_answer_begins_with_the_kept_opening_and_one_after_another(behind: _Behind) -> None:
    with serve(behind.app) as server, serve(ModelFront(server.url, OPENING, "kept").app) as served:
        with ThreadPoolExecutor(4) as pool:
            said = [[{"role": "user", "content": str(number)}] for number in range(4)]
            assert {each.status_code for each in pool.map(lambda turns: _post(served.url, messages=turns), said)} == {
                200
            }
        # Whoever leaves, also in the middle, gives the turn to the next.
        for more in ({"stream": True}, {"slow": True}):
            with (
                contextlib.suppress(httpx.ReadTimeout),
                httpx.stream(
                    "POST",
                    f"{served.url}/v1/chat/completions",
                    json={"messages": said[0]} | more,
                    timeout=0.3,
                    trust_env=False,
                ) as response,
            ):
                next(response.iter_text())
        assert _post(served.url).status_code == 200
        behind.can_restore = False
        assert _post(served.url).status_code == 502
    kinds = ["restored" in each for each in behind.asked]
    assert kinds == [True, False] * 7 + [True]
    assert behind.asked[0] == {"restored": "kept"}


def test_nothing_but_the_api_of_models_can_be_reached(front: str, behind: _Behind) -> None:
    assert httpx.post(f"{front}/slots/0?action=erase", json={}, trust_env=False).status_code == 404
    assert behind.asked == []
