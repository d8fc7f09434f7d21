"""An OpenAI-compatible model server that answers, fails and misbehaves exactly as its rules say."""

import asyncio
import hmac
import json
import re
import time
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pipeline.sandbox.server import EscapedJson, close_connection, disconnected

Json = dict[str, Any]

DEFAULT_MODEL = "scripted"


class Rule(BaseModel):
    """What to do with a request, and with which: the first rule that matches and is not used up decides.

    Without an effect the default answer is given; `latency` goes with every effect.
    """

    model_config = ConfigDict(extra="forbid")

    contains: str | None = Field(default=None, description="A substring of the user's text.")
    pattern: str | None = Field(default=None, description="A regular expression found in the user's text.")
    times: int = Field(default=0, ge=0, description="How often it applies; 0 for always.")
    every: int = Field(default=1, ge=1, description="Only to each n-th request that matches.")
    after: int = Field(default=0, ge=0, description="Not to the first n requests that match.")

    latency: float = Field(default=0.0, ge=0)
    status: Annotated[int, Field(ge=400, le=599)] | None = None
    code: str | None = None
    message: str | None = None
    error_type: str | None = None
    retry_after: float | None = Field(default=None, description="The Retry-After header; 429 if no status is given.")
    body: str | None = Field(default=None, description="The whole response body, verbatim.")
    answer: str | None = Field(default=None, description="An answer, in the schema's form when one is asked for.")
    content: str | None = Field(default=None, description="The message's content, verbatim.")
    blocks: list[Json] | None = Field(default=None, description="The message's content as a list of blocks.")
    finish_reason: Literal["stop", "length", "content_filter"] = "stop"
    refusal: str | None = None
    empty_choices: bool = False
    refuse_response_format: bool = Field(
        default=False, description="400 about response_format; matches only requests that have one."
    )
    drop: bool = Field(default=False, description="Close the connection with no response.")
    hang: bool = Field(default=False, description="Never answer.")

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"not a regular expression: {error}") from None
        return pattern

    def matches(self, text: str, has_response_format: bool) -> bool:
        """Whether the rule is about such a request, however often it was used."""
        return (
            (self.contains is None or self.contains in text)
            and (self.pattern is None or re.search(self.pattern, text) is not None)
            and (has_response_format or not self.refuse_response_format)
        )


class _ActiveRule:
    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.matched = 0
        self.applied = 0

    def applies(self, text: str, has_response_format: bool) -> bool:
        rule = self.rule
        if (rule.times and self.applied >= rule.times) or not rule.matches(text, has_response_format):
            return False
        self.matched += 1
        past = self.matched - rule.after
        if past <= 0 or past % rule.every:
            return False
        self.applied += 1
        return True


class _Error(Exception):
    def __init__(self, status: int, message: str, code: str | None, kind: str = "invalid_request_error") -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"message": message, "type": kind, "param": None, "code": code}}


_ERROR_CODES = {
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", "invalid_api_key"),
    403: ("invalid_request_error", "permission_denied"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
}


class ScriptedModel:
    """The application and its script; hand `app` to `pipeline.sandbox.server.serve`.

    By default every question is answered by `echo: <question>`. With `api_key` another bearer is 401, with
    `models` another model's name is 404. Calls are recorded in the order in which they arrive.
    """

    def __init__(
        self,
        rules: list[Rule] | None = None,
        *,
        api_key: str | None = None,
        models: list[str] | None = None,
        latency: float = 0.0,
    ) -> None:
        self.api_key = api_key
        self.models = models
        self.latency = latency
        self._rules = [_ActiveRule(rule) for rule in rules or []]
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
            exception_handlers={_Error: _answer_error, ValidationError: _refuse, ValueError: _refuse},
        )

    @property
    def calls(self) -> list[Json]:
        """Every completion request: at, finished_at, user_text, model, has_schema, status, messages, max_tokens.

        `status` is None while one runs and after it was dropped or given up by the client.
        """
        return list(self._calls)

    @property
    def most_running(self) -> int:
        """The most requests that were being answered at the same time."""
        return self._most_running

    def add_rule(self, rule: Rule) -> None:
        """Rules are tried in the order in which they were added."""
        self._rules.append(_ActiveRule(rule))

    def clear_rules(self) -> None:
        self._rules.clear()

    # The OpenAI API

    async def _completions(self, request: Request) -> Response:
        body = await _object(request)
        messages = body.get("messages")
        text = _user_text(messages)
        schema = _asks_for_schema(body)
        call: Json = {
            "at": time.time(),
            "finished_at": None,
            "user_text": text,
            "model": body.get("model"),
            "has_schema": schema,
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
            return response or Response()
        except _Error as error:
            call["status"] = error.status
            raise
        finally:
            self._running -= 1
            call["finished_at"] = time.time()

    async def _respond(self, request: Request, body: Json, text: str, schema: bool) -> Response | None:
        """The response, or None when there is none to be seen."""
        self._authorize(request)
        model = body.get("model")
        if not isinstance(model, str) or not model:
            raise _Error(400, "you must provide a model parameter", None)
        if not isinstance(body.get("messages"), list) or not body["messages"]:
            raise _Error(400, "[] is too short - 'messages'", None)
        if body.get("stream"):
            raise _Error(400, "the scripted model does not stream", "unsupported_value")
        self._known(model)
        rule = self._rule_for(text, bool(body.get("response_format")))
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
            raise _Error(
                400,
                "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.",
                None,
            )
        if status is not None:
            kind, code = _ERROR_CODES.get(status, ("server_error", None))
            error = _Error(
                status, rule.message or f"scripted error {status}", rule.code or code, rule.error_type or kind
            )
            return EscapedJson(error.body, status, headers)
        return EscapedJson(_completion(model, _message(rule, text, schema), rule, body, len(self._calls)))

    async def _list_models(self, request: Request) -> Response:
        self._authorize(request)
        return EscapedJson({"object": "list", "data": [_model(name) for name in self.models or [DEFAULT_MODEL]]})

    async def _get_model(self, request: Request) -> Response:
        self._authorize(request)
        name = request.path_params["model"]
        self._known(name)
        return EscapedJson(_model(name))

    def _authorize(self, request: Request) -> None:
        if self.api_key is None:
            return
        given = request.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {self.api_key}".encode()):
            raise _Error(401, "Incorrect API key provided.", "invalid_api_key")

    def _known(self, model: str) -> None:
        if self.models is not None and model not in self.models:
            raise _Error(404, f"The model `{model}` does not exist", "model_not_found")

    def _rule_for(self, text: str, has_response_format: bool) -> Rule:
        for active in self._rules:
            if active.applies(text, has_response_format):
                return active.rule
        return Rule()

    # The control API

    async def _edit_rules(self, request: Request) -> Response:
        if request.method == "POST":
            given = json.loads(await request.body())
            for rule in TypeAdapter(list[Rule]).validate_python(given if isinstance(given, list) else [given]):
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


def _message(rule: Rule, text: str, schema: bool) -> Json:
    content: str | list[Json] | None
    if rule.refusal is not None:
        return {"role": "assistant", "content": None, "refusal": rule.refusal}
    if rule.blocks is not None:
        content = rule.blocks
    elif rule.content is not None:
        content = rule.content
    else:
        answer = rule.answer if rule.answer is not None else f"echo: {text}"
        content = json.dumps({"answer": answer}) if schema else answer
    return {"role": "assistant", "content": content, "refusal": None}


def _completion(model: str, message: Json, rule: Rule, body: Json, number: int) -> Json:
    asked = len(json.dumps(body["messages"])) // 4 + 1
    answered = len(json.dumps(message["content"])) // 4 + 1
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": rule.finish_reason}
    return {
        "id": f"chatcmpl-scripted-{number}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [] if rule.empty_choices else [choice],
        "usage": {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered},
    }


def _model(name: str) -> Json:
    return {"id": name, "object": "model", "created": 0, "owned_by": "sandbox"}


def _asks_for_schema(body: Json) -> bool:
    response_format = body.get("response_format")
    return isinstance(response_format, dict) and response_format.get("type") == "json_schema"


def _user_text(messages: Any) -> str:
    for message in reversed(messages if isinstance(messages, list) else []):
        if isinstance(message, dict) and message.get("role") == "user":
            content = message.get("content")
            if isinstance(content, list):
                return "".join(str(block.get("text", "")) for block in content if isinstance(block, dict))
            return str(content)
    return ""


async def _object(request: Request) -> Json:
    try:
        body = json.loads(await request.body())
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise _Error(400, "We could not parse the JSON body of your request.", None)
    return body


async def _answer_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, _Error)
    return EscapedJson(error.body, error.status)


async def _refuse(_: Request, error: Exception) -> Response:
    return EscapedJson({"detail": str(error)}, status_code=400)
