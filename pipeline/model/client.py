"""Asking the language model, through any server that speaks OpenAI's chat completions.

Used on the driver and, shipped by Spark, on executors: it imports neither Spark nor the rest of the run.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
import openai

from pipeline.errors import SettingsError
from pipeline.messages.text import storable
from pipeline.model.connections import bounded_client
from pipeline.model.dialect import Dialect
from pipeline.model.outcome import STOPPED, Outcome, Verdict, is_json_answer, read_answer
from pipeline.model.request import Listener, Request, alone
from pipeline.model.streaming.completion import StreamFailed, Writing
from pipeline.model.unreadable import UnreadableAnswers, other_temperature
from pipeline.peers.bounds import MIB, Bounds, TooLarge, bounded
from pipeline.peers.encoding import NotUnpacked
from pipeline.peers.waits import named_wait
from pipeline.platform.credentials import ModelAccess
from pipeline.redaction import learn_secret, quoted, without_begun_secret

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

_MOST_BYTES = 4 * MIB
"""Of one response with its headers. An answer of this product's length has a hundredth of this."""
_MOST_OF_A_NAME = _MOST_OF_A_REASON = 200
"""Characters."""
_CONNECT_TIMEOUT = _LIST_TIMEOUT = 10.0
"""Seconds."""

_PING = "ping"
_PING_REQUEST = alone(_PING)

_Messages = list[dict[str, str]]


@dataclass(frozen=True)
class _Server:
    """A server that was asked before: how it was reached, its client, and the address of its completions."""

    access: ModelAccess
    client: openai.OpenAI
    completions: str


class Model:
    """A client that turns every attempt into an Outcome and never raises. Thread-safe."""

    def __init__(self, settings: ModelSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._server: _Server | None = None
        self._dialect = Dialect()
        self._unreadable = UnreadableAnswers()

    @property
    def takes_schema(self) -> bool:
        """False once the server has refused to answer in a JSON schema."""
        return self._dialect.schema

    def ask(self, access: ModelAccess, request: Request, listener: Listener | None = None) -> Outcome:
        """One attempt at one message, in the form of request that the server takes.

        After an answer that could not be read it is asked without a schema, and at a temperature that is not 0.
        `listener` follows the answer while it is written, where the server can send it so, and may stop it.
        """
        if listener is not None and listener.stopped:
            return Outcome(verdict=Verdict.STOPPED, reason=STOPPED, prompt_tokens=0, completion_tokens=0)
        started = time.monotonic()
        writing = None if listener is None else Writing(listener)
        again = self._unreadable.has(request)
        try:
            completion = self._complete(
                access,
                request.messages,
                self._settings.max_tokens,
                schema=not again,
                text=request.question,
                again=again,
                writing=writing,
            )
        except openai.APIError as error:
            outcome = verdict_of(error)
        except StreamFailed as error:
            outcome = _verdict_of_status(error.status or 500, quoted(str(error), _MOST_OF_A_REASON), None)
            if outcome.free_of_charge and writing is not None and writing.begun:
                # What was written until then is paid for, whatever the status says.
                outcome = outcome.model_copy(update={"verdict": Verdict.FAILING})
        except SettingsError as error:  # on an executor, whose environment may name another proxy
            outcome = Outcome(verdict=Verdict.UNREACHABLE, reason=str(error))
        except Exception as error:  # whatever breaks, what came is no completion
            outcome = Outcome(verdict=Verdict.UNREADABLE, reason=f"no completion: {type(error).__name__}")
        else:
            outcome = _read(completion)
        self._unreadable.note(request, outcome.verdict)
        seconds = time.monotonic() - started
        if writing is None:
            return outcome.model_copy(update={"seconds": seconds})
        if writing.stopped and outcome.verdict not in (Verdict.ANSWERED, Verdict.REJECTED):
            text, model = without_begun_secret(writing.text).strip(), writing.model
            outcome = Outcome(
                verdict=Verdict.STOPPED, text=text, reason=STOPPED, model=model if isinstance(model, str) else None
            )
        return outcome.model_copy(update={"seconds": seconds, "first_words": writing.first_words})

    def close(self) -> None:
        with self._lock:
            if self._server is not None:
                self._server.client.close()
                self._server = None

    def served(self, access: ModelAccess) -> list[str] | None:
        """Names of the models that the server lists; None where it keeps no list.

        Raises openai.APIError, and SettingsError for a proxy that can't be used.
        """
        client = self._connected(access).client.with_options(timeout=_LIST_TIMEOUT)
        try:
            with bounded(Bounds(_LIST_TIMEOUT, _MOST_BYTES)):
                return [quoted(storable(str(model.id)), _MOST_OF_A_NAME) for model in client.models.list()]
        except (openai.NotFoundError, openai.APIResponseValidationError):
            return None
        except (AttributeError, TypeError, ValueError, RecursionError):
            return None

    def probe(self, access: ModelAccess) -> bool:
        """Ask for one token, to learn whether the server takes model and key. Raises as `served` does.

        Returns whether a completion came, and not something else.
        """
        ping: _Messages = [{"role": "user", "content": _PING}]
        try:
            completion = self._complete(access, ping, 1, schema=False, text=_PING)
        except (openai.APIError, SettingsError):
            raise
        except Exception:  # whatever breaks, what came is no completion
            return False
        return bool(_field(completion, "choices"))

    def alive(self, access: ModelAccess) -> bool:
        """Whether the server answers a harmless question now."""
        try:
            self.probe(access)
        except (openai.BadRequestError, openai.UnprocessableEntityError):
            # It may be the single token that the server does not like.
            return self.ask(access, _PING_REQUEST).verdict is Verdict.ANSWERED
        except (openai.APIError, SettingsError):
            return False
        return True

    def _connected(self, access: ModelAccess) -> _Server:
        with self._lock:
            if self._server is None or self._server.access != access:
                bearer = access.bearer.get_secret_value()
                # An executor gets it without resolving it.
                learn_secret(bearer, expires=access.expires_at is not None)
                # The former client is not closed: calls may still use it.
                client = openai.OpenAI(
                    base_url=access.base_url,
                    api_key=bearer,
                    timeout=httpx.Timeout(self._settings.model_timeout, connect=_CONNECT_TIMEOUT),
                    max_retries=0,
                    http_client=bounded_client(access.base_url),
                )
                path = client.base_url.raw_path + b"chat/completions"
                self._server = _Server(access, client, str(client.base_url.copy_with(raw_path=path)))
            return self._server

    def _complete(
        self,
        access: ModelAccess,
        messages: _Messages,
        tokens: int,
        *,
        schema: bool,
        text: str,
        again: bool = False,
        writing: Writing | None = None,
    ) -> object:
        """A completion's JSON. A form of request that the server refuses is changed, and what it then takes is kept.

        Raises openai.APIError, StreamFailed, ValueError or RecursionError for a body that is no JSON. `text` is what
        the user says. `again`: the last answer to it could not be read.
        """
        dialect, server = self._dialect, self._connected(access)
        temperature = other_temperature(self._settings.temperature) if again else self._settings.temperature
        given_up = None if writing is None else lambda: writing.stopped
        # For all of it: so that no server can make an attempt longer by refusing first.
        with bounded(Bounds(self._settings.model_timeout, _MOST_BYTES, given_up=given_up)):
            while True:
                streams = writing is not None and dialect.stream
                options = dialect.options(tokens, temperature, _SCHEMA if schema else None, stream=streams)
                body = {"model": self._settings.model, "messages": messages, **options}
                try:
                    completion = _posted(server, body, writing if streams else None)
                except openai.APIError as error:
                    other = dialect.alternative(error, text, stream=streams)
                    if other is None:
                        if not isinstance(error, (openai.BadRequestError, openai.UnprocessableEntityError)):
                            self._dialect = dialect
                        raise
                    dialect = other
                else:
                    self._dialect = dialect
                    return completion


def _posted(server: _Server, body: dict[str, Any], writing: Writing | None) -> object:
    """The JSON of what a request brought; `writing` reads it while it comes."""
    # Not `chat.completions.create`: it looks at each part of the request and of the response by their declared types,
    # which takes as long as the rest of the call, and checks nothing.
    # The whole address, since the client would put it together again; a key, since it would draw one and not send it.
    post = partial(
        server.client.post,
        server.completions,
        cast_to=httpx.Response,
        body=body,
        options={"idempotency_key": "not sent"},
    )
    if writing is None:
        return json.loads(post().content)
    # The openai client gives its own errors to what breaks while it reads, and here it does not read.
    try:
        return writing.read(post(stream=True))
    except httpx.TimeoutException as error:
        raise openai.APITimeoutError(request=_request_of(server)) from error
    except (httpx.HTTPError, OSError) as error:
        raise openai.APIConnectionError(request=_request_of(server)) from error


def _request_of(server: _Server) -> httpx.Request:
    return httpx.Request("POST", server.completions)


def verdict_of(error: openai.APIError) -> Outcome:
    """The outcome of a call that failed. A server may quote part of a refused key, so its text is left out there."""
    reason = f"{type(error).__name__}"
    if isinstance(error.__cause__, (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol)):
        return Outcome(verdict=Verdict.UNREACHABLE, reason="the model can't be reached")
    if isinstance(error, openai.APITimeoutError):
        return Outcome(verdict=Verdict.FAILING, reason="no answer in time")
    if isinstance(error, openai.APIStatusError):
        wait = named_wait(error.response.headers.get("retry-after"))
        if error.status_code >= 400:
            return _verdict_of_status(error.status_code, _message(error), wait)
        reason = f"{error.status_code} {_message(error)}".strip()
    if isinstance(error.__cause__, (TooLarge, NotUnpacked)):
        return Outcome(verdict=Verdict.UNREADABLE, reason=str(error.__cause__))
    if isinstance(error, openai.APIConnectionError):
        return Outcome(verdict=Verdict.FAILING, reason="the connection to the model broke")
    return Outcome(verdict=Verdict.UNREADABLE, reason=reason)


def _verdict_of_status(status: int, message: str, wait: float | None) -> Outcome:
    """`status`: from 400 on."""
    reason = f"{status} {message}".strip()
    if status == 401:
        return Outcome(verdict=Verdict.UNAUTHORISED, reason="401: the model refuses the credential")
    if status in _ABOUT_THE_CALLER:
        return Outcome(verdict=Verdict.FORBIDDEN, reason=f"{status}: the model refuses to be asked")
    if status == 404:
        return Outcome(verdict=Verdict.UNKNOWN_MODEL, reason=reason)
    if status == 429:
        return Outcome(verdict=Verdict.BUSY, reason=reason, retry_after=wait)
    if status in (408, 409, 425) or status >= 500:
        return Outcome(verdict=Verdict.FAILING, reason=reason, retry_after=wait)
    return Outcome(verdict=Verdict.REJECTED, reason=reason)


def _read(completion: object) -> Outcome:
    """The outcome of a response's JSON. Any field may be missing or of another type."""
    choices, usage, model = (_field(completion, name) for name in ("choices", "usage", "model"))
    facts: dict[str, Any] = {
        "model": model if isinstance(model, str) else None,
        "prompt_tokens": _count(usage, "prompt_tokens"),
        "completion_tokens": _count(usage, "completion_tokens"),
    }
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = _field(choice, "message")
    if message is None:
        return Outcome(verdict=Verdict.UNREADABLE, reason="no choice in the completion", **facts)
    if _field(choice, "finish_reason") == "content_filter":
        return Outcome(verdict=Verdict.REJECTED, reason="content filter", **facts)
    refusal, content = _field(message, "refusal"), _field(message, "content")
    if isinstance(refusal, str) and refusal.strip() and not content:
        return Outcome(verdict=Verdict.REJECTED, reason=f"the model refused: {quoted(refusal.strip(), 280)}", **facts)
    answer = read_answer(content)
    if answer is None:
        kind = "empty" if not content else "not readable as an answer"
        return Outcome(verdict=Verdict.UNREADABLE, reason=f"the completion is {kind}", **facts)
    return Outcome(verdict=Verdict.ANSWERED, text=answer, as_asked=is_json_answer(content), **facts)


def _field(value: object, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _count(usage: object, name: str) -> int | None:
    value = _field(usage, name)
    return value if type(value) is int else None


def _message(error: openai.APIStatusError) -> str:
    body = error.body
    text = body.get("message") if isinstance(body, dict) else None
    return quoted(str(text or type(error).__name__), _MOST_OF_A_REASON)
