"""An OpenAI-compatible model server that answers, fails and misbehaves exactly as its rules say."""

import asyncio
import hmac
import json
import time
from collections.abc import AsyncIterable, AsyncIterator, Container
from typing import Any

from pydantic import TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.models.openai_format import (
    ModelApiError,
    asks_for_schema,
    completion,
    message_of,
    model_object,
    scripted_error,
    user_text,
)
from pipeline.sandbox.models.rules import ActiveRule, ScriptedRule
from pipeline.sandbox.models.streaming import events
from pipeline.sandbox.server import EscapedJson, close_connection, disconnected, refuse_request

DEFAULT_MODEL = "scripted"


class ScriptedModel:
    """The application and its script; hand `app` to `pipeline.sandbox.server.serve`.

    The first rule that matches a request and is not used up decides about it; without one the answer is
    `echo: <question>`. Calls are recorded in the order in which they arrive.

    Threads: requests are handled in the server's event loop. Another thread may set the three attributes, add and
    clear rules, and read `calls` and `most_running`, at any time.
    """

    def __init__(
        self,
        rules: list[ScriptedRule] | None = None,
        *,
        api_key: str | None = None,
        models: list[str] | None = None,
        latency: float = 0.0,
    ) -> None:
        """`api_key`: another one is refused with 401. `models`: another model's name is a 404. `latency`: seconds."""
        self.api_key = api_key
        self.models = models
        self.latency = latency
        self._rules = [ActiveRule(rule) for rule in rules or []]
        self._calls: list[Json] = []
        self._running = 0
        self._most_running = 0
        self.app = Starlette(
            routes=[
                Route("/v1/chat/completions", self._completions, methods=["POST"]),
                Route("/v1/models", self._list_models, methods=["GET"]),
                Route("/v1/models/{model:path}", self._get_model, methods=["GET"]),
                Route("/sandbox/rules", self._edit_rules, methods=["GET", "POST", "DELETE"]),
                Route("/sandbox/key", self._set_key, methods=["POST"]),
                Route("/sandbox/models", self._set_models, methods=["POST"]),
                Route("/sandbox/calls", self._list_calls, methods=["GET", "DELETE"]),
                Route("/sandbox/stats", self._stats, methods=["GET"]),
            ],
            exception_handlers={
                ModelApiError: _answer_error,
                ValidationError: refuse_request,
                ValueError: refuse_request,
            },
        )

    @property
    def calls(self) -> list[Json]:
        """Every completion request: at, first_at, finished_at, user_text, model, has_schema, streamed, status,
        messages, max_tokens.

        `status` is None while a request is answered, and stays None when its connection ended without a response.
        `first_at`: when the first part of a streamed answer was sent. `finished_at`: when the response had left, or its
        reader was gone.
        """
        return list(self._calls)

    @property
    def most_running(self) -> int:
        """The highest number of requests that were answered at the same time."""
        return self._most_running

    def add_rule(self, rule: ScriptedRule) -> None:
        """Rules are tried in the order in which they were added."""
        self._rules.append(ActiveRule(rule))

    def clear_rules(self) -> None:
        self._rules.clear()

    # The OpenAI API

    async def _completions(self, request: Request) -> Response:
        body = await _object(request)
        messages = body.get("messages")
        text = user_text(messages)
        schema = asks_for_schema(body)
        call: Json = {
            "at": time.time(),
            "first_at": None,
            "finished_at": None,
            "user_text": text,
            "model": body.get("model"),
            "has_schema": schema,
            "streamed": False,
            "status": None,
            "messages": messages,
            "max_tokens": body.get("max_tokens", body.get("max_completion_tokens")),
        }
        self._calls.append(call)
        self._running += 1
        self._most_running = max(self._most_running, self._running)
        try:
            response = await self._respond(request, body, text, schema)
            call["status"] = None if response is None else response.status_code
            if isinstance(response, StreamingResponse):
                response.body_iterator = self._noted(response.body_iterator, call)
                call["streamed"] = True
            return response or Response()
        except ModelApiError as error:
            call["status"] = error.status
            raise
        finally:
            if not call["streamed"]:
                self._ended(call)

    def _ended(self, call: Json) -> None:
        self._running -= 1
        call["finished_at"] = time.time()

    async def _noted(self, body: AsyncIterable[Any], call: Json) -> AsyncIterator[Any]:
        """The body of a streamed response, whose call ends with it."""
        try:
            async for part in body:
                call["first_at"] = call["first_at"] or time.time()
                yield part
        finally:
            self._ended(call)

    async def _respond(self, request: Request, body: Json, text: str, schema: bool) -> Response | None:
        """The response, or None when the connection ended without one."""
        self._authorize(request)
        model = body.get("model")
        if not isinstance(model, str) or not model:
            raise ModelApiError(400, "you must provide a model parameter", None)
        if not isinstance(body.get("messages"), list) or not body["messages"]:
            raise ModelApiError(400, "[] is too short - 'messages'", None)
        self._known(model)
        rule = self._rule_for(text, [name for name, value in body.items() if value])
        if latency := rule.latency or self.latency:
            await asyncio.sleep(latency)
        if rule.hang:
            await disconnected(request)
            return None
        if rule.drop:
            await close_connection(request)
            return None
        headers = {} if rule.retry_after is None else {"Retry-After": f"{rule.retry_after:g}"}
        status = rule.status or (429 if rule.retry_after is not None else None)
        if rule.body is not None:
            return Response(rule.body, status or 200, headers, media_type="application/json")
        if rule.refuse_response_format:
            raise ModelApiError(
                400,
                "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.",
                None,
            )
        for option, refused in (("stream_options", rule.refuse_stream_options), ("stream", rule.refuse_stream)):
            if refused:
                raise ModelApiError(400, f"Unsupported parameter: '{option}' is not supported with this model.", None)
        if status is not None:
            return EscapedJson(scripted_error(rule, status).body, status, headers)
        whole = completion(model, message_of(rule, text, schema), rule, body, len(self._calls))
        if not body.get("stream") or rule.ignore_stream:
            return EscapedJson(whole)
        options = body.get("stream_options")
        with_usage = rule.stream_usage and isinstance(options, dict) and bool(options.get("include_usage"))
        return StreamingResponse(self._stream(request, whole, rule, with_usage), media_type="text/event-stream")

    async def _stream(
        self, request: Request, whole: Json, rule: ScriptedRule, with_usage: bool
    ) -> AsyncIterator[bytes]:
        async for body in events(whole, rule, with_usage=with_usage):
            yield body
        if rule.stream_cut is not None:
            await close_connection(request)

    async def _list_models(self, request: Request) -> Response:
        self._authorize(request)
        return EscapedJson({"object": "list", "data": [model_object(name) for name in self.models or [DEFAULT_MODEL]]})

    async def _get_model(self, request: Request) -> Response:
        self._authorize(request)
        name = request.path_params["model"]
        self._known(name)
        return EscapedJson(model_object(name))

    def _authorize(self, request: Request) -> None:
        if self.api_key is None:
            return
        given = request.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {self.api_key}".encode()):
            raise ModelApiError(401, "Incorrect API key provided.", "invalid_api_key")

    def _known(self, model: str) -> None:
        if self.models is not None and model not in self.models:
            raise ModelApiError(404, f"The model `{model}` does not exist", "model_not_found")

    def _rule_for(self, text: str, options: Container[str]) -> ScriptedRule:
        for active in self._rules:
            if active.applies(text, options):
                return active.rule
        return ScriptedRule()

    # The control API

    async def _edit_rules(self, request: Request) -> Response:
        if request.method == "POST":
            given = json.loads(await request.body())
            for rule in TypeAdapter(list[ScriptedRule]).validate_python(given if isinstance(given, list) else [given]):
                self.add_rule(rule)
        elif request.method == "DELETE":
            self.clear_rules()
        listed = [active.rule.model_dump(exclude_defaults=True) | {"applied": active.applied} for active in self._rules]
        return EscapedJson({"rules": listed})

    async def _set_key(self, request: Request) -> Response:
        key = (await _object(request)).get("api_key")
        self.api_key = None if key is None else str(key)
        return EscapedJson({"ok": True})

    async def _set_models(self, request: Request) -> Response:
        self.models = TypeAdapter(list[str] | None).validate_python((await _object(request)).get("models"))
        return EscapedJson({"ok": True})

    async def _list_calls(self, request: Request) -> Response:
        if request.method == "DELETE":
            self._calls.clear()
        return EscapedJson(self._calls)

    async def _stats(self, _: Request) -> Response:
        return EscapedJson({"calls": len(self._calls), "running": self._running, "max_concurrent": self._most_running})


async def _object(request: Request) -> Json:
    try:
        body = json.loads(await request.body())
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise ModelApiError(400, "We could not parse the JSON body of your request.", None)
    return body


async def _answer_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ModelApiError)
    return EscapedJson(error.body, error.status)
