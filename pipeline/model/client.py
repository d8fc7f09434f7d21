"""Asking the language model, through any server that speaks OpenAI's chat completions.

Used on the driver and, shipped by Spark, on executors: it imports neither Spark nor the rest of the run.
"""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any

import httpx
import openai
from openai.types.chat import ChatCompletionMessageParam

from pipeline.model.outcome import Outcome, Verdict, is_json_answer, read_answer
from pipeline.platform.credentials import ModelAccess

_SCHEMA: Any = {
    "type": "json_schema",
    "json_schema": {
        "name": "answer",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"answer": {"type": "string"}},
            "required": ["answer"],
            "additionalProperties": False,
        },
    },
}


def instructions() -> str:
    """The system message; the user's text never becomes part of it."""
    return resources.files("pipeline.model").joinpath("instructions.txt").read_text(encoding="utf-8")


@dataclass(frozen=True)
class ModelSettings:
    """How to ask. `model_timeout` is in seconds, for one attempt.

    `max_tokens` is low, since servers reserve it before they admit a request.
    """

    model: str
    model_timeout: float = 60.0
    max_tokens: int = 512
    temperature: float | None = None


_ABOUT_THE_CALLER = frozenset({402, 403, 405, 407, 421})
"""Statuses about who asks and where (no credit, no permission, the wrong address), rarely about what is asked."""

_SECRET_FROM = 8
"""Characters from which a bearer counts as a secret; a shorter one is a placeholder for a server that wants none."""


@dataclass(frozen=True)
class _Dialect:
    """The form of request that a server takes. Each refusal changes one thing, so few requests find it out."""

    schema: bool = True
    limit: str = "max_tokens"
    temperature: bool = True

    def alternative(self, error: openai.APIError, asked: str) -> _Dialect | None:
        """The form to use after a refusal of this one. None where the refusal is not about the form."""
        if not isinstance(error, (openai.BadRequestError, openai.UnprocessableEntityError)):
            return None
        # A server may quote the message, which says nothing about the form.
        text = f"{error.param} {error}".lower().replace(asked.lower(), "")
        if self.temperature and "temperature" in text:
            return replace(self, temperature=False)
        if self.limit == "max_tokens" and "max_completion_tokens" in text:
            return replace(self, limit="max_completion_tokens")
        if self.schema and any(name in text for name in ("response_format", "json_schema", "structured output")):
            return replace(self, schema=False)
        return None


class Model:
    """A client that turns every attempt into an Outcome and never raises. Thread-safe."""

    def __init__(self, settings: ModelSettings) -> None:
        self._settings = settings
        self._instructions = instructions()
        self._lock = threading.Lock()
        self._client: tuple[ModelAccess, openai.OpenAI] | None = None
        self._dialect = _Dialect()

    def ask(self, access: ModelAccess, text: str) -> Outcome:
        """One attempt at one message. A form of request that the server refuses is not used again."""
        started = time.monotonic()
        while isinstance(outcome := self._attempt(access, text, self._dialect), _Dialect):
            self._dialect = outcome
        bearer, reason = access.bearer.get_secret_value(), outcome.reason
        if len(bearer) >= _SECRET_FROM:
            reason = reason.replace(bearer, "<credential>")
        return outcome.model_copy(update={"seconds": time.monotonic() - started, "reason": reason})

    def close(self) -> None:
        with self._lock:
            if self._client is not None:
                self._client[1].close()
                self._client = None

    def served(self, access: ModelAccess) -> list[str] | None:
        """Names of the models that the server lists; None where it keeps no list. Raises openai.APIError."""
        try:
            return [model.id for model in self._connected(access).with_options(timeout=10.0).models.list()]
        except (openai.NotFoundError, openai.APIResponseValidationError, AttributeError, TypeError, ValueError):
            return None

    def probe(self, access: ModelAccess) -> None:
        """Ask for one token, to learn whether the server takes the model's name. Raises openai.APIError."""
        self._connected(access).chat.completions.create(
            model=self._settings.model, messages=[{"role": "user", "content": "ping"}], max_tokens=1
        )

    def alive(self, access: ModelAccess) -> bool:
        """Whether the server answers a question of one token now."""
        try:
            self.probe(access)
        except openai.APIError:
            return False
        return True

    def _connected(self, access: ModelAccess) -> openai.OpenAI:
        with self._lock:
            if self._client is None or self._client[0] != access:
                # The former client is not closed: calls may still use it.
                client = openai.OpenAI(
                    base_url=access.base_url,
                    api_key=access.bearer.get_secret_value(),
                    timeout=httpx.Timeout(self._settings.model_timeout, connect=10.0),
                    max_retries=0,
                )
                self._client = (access, client)
            return self._client[1]

    def _attempt(self, access: ModelAccess, text: str, dialect: _Dialect) -> Outcome | _Dialect:
        """The outcome, or the form of request to use instead."""
        messages: list[ChatCompletionMessageParam] = [
            {"role": "system", "content": self._instructions},
            {"role": "user", "content": text},
        ]
        options: dict[str, Any] = {dialect.limit: self._settings.max_tokens}
        if dialect.schema:
            options["response_format"] = _SCHEMA
        if dialect.temperature and self._settings.temperature is not None:
            options["temperature"] = self._settings.temperature
        try:
            completion = self._connected(access).chat.completions.create(
                model=self._settings.model, messages=messages, **options
            )
        except openai.APIError as error:
            return dialect.alternative(error, text) or verdict_of(error)
        except Exception as error:  # the client names no error for a body that is no completion
            return Outcome(verdict=Verdict.UNREADABLE, reason=f"no completion: {type(error).__name__}")
        return _read(completion)


def verdict_of(error: openai.APIError) -> Outcome:
    """The outcome of a call that failed. A server may quote part of a refused key, so its text is left out there."""
    reason = f"{type(error).__name__}"
    if isinstance(error.__cause__, (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol)):
        return Outcome(verdict=Verdict.UNREACHABLE, reason="the model can't be reached")
    if isinstance(error, openai.APITimeoutError):
        return Outcome(verdict=Verdict.FAILING, reason="no answer in time")
    if isinstance(error, openai.APIStatusError):
        status = error.status_code
        reason = f"{status} {_message(error)}".strip()
        if status == 401:
            return Outcome(verdict=Verdict.UNAUTHORISED, reason="401: the model refuses the credential")
        if status in _ABOUT_THE_CALLER:
            return Outcome(verdict=Verdict.FORBIDDEN, reason=f"{status}: the model refuses to be asked")
        if status == 404:
            return Outcome(verdict=Verdict.UNKNOWN_MODEL, reason=reason)
        if status == 429:
            return Outcome(verdict=Verdict.BUSY, reason=reason, retry_after=_retry_after(error))
        if status in (408, 409, 425) or status >= 500:
            return Outcome(verdict=Verdict.FAILING, reason=reason, retry_after=_retry_after(error))
        if 400 <= status < 500:
            return Outcome(verdict=Verdict.REJECTED, reason=reason)
    if isinstance(error, openai.APIConnectionError):
        return Outcome(verdict=Verdict.FAILING, reason="the connection to the model broke")
    return Outcome(verdict=Verdict.UNREADABLE, reason=reason)


def _read(completion: Any) -> Outcome:
    """The outcome of a response that the client took for a completion. Any field may be missing or of another type."""
    choices = getattr(completion, "choices", None) or []
    usage = getattr(completion, "usage", None)
    facts: dict[str, Any] = {
        "model": completion.model if isinstance(getattr(completion, "model", None), str) else None,
        "prompt_tokens": _count(usage, "prompt_tokens"),
        "completion_tokens": _count(usage, "completion_tokens"),
    }
    message = getattr(choices[0], "message", None) if isinstance(choices, list) and choices else None
    if message is None:
        return Outcome(verdict=Verdict.UNREADABLE, reason="no choice in the completion", **facts)
    if getattr(choices[0], "finish_reason", None) == "content_filter":
        return Outcome(verdict=Verdict.REJECTED, reason="content filter", **facts)
    refusal = getattr(message, "refusal", None)
    content = getattr(message, "content", None)
    if isinstance(refusal, str) and refusal.strip() and not content:
        return Outcome(verdict=Verdict.REJECTED, reason=f"the model refused: {refusal.strip()}"[:300], **facts)
    answer = read_answer(content)
    if answer is None:
        kind = "empty" if not content else "not readable as an answer"
        return Outcome(verdict=Verdict.UNREADABLE, reason=f"the completion is {kind}", **facts)
    return Outcome(verdict=Verdict.ANSWERED, text=answer, as_asked=is_json_answer(content), **facts)


def _count(usage: Any, name: str) -> int | None:
    value = getattr(usage, name, None)
    return value if isinstance(value, int) else None


def _message(error: openai.APIStatusError) -> str:
    body = error.body
    text = body.get("message") if isinstance(body, dict) else None
    return str(text or type(error).__name__)[:200]


def _retry_after(error: openai.APIStatusError) -> float | None:
    with contextlib.suppress(TypeError, ValueError):
        return max(0.0, float(error.response.headers.get("retry-after", "")))
    return None
