"""The front of a model server that is too small for what it is asked: it refuses JSON, and may replace instructions."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.models.openai_format import ModelApiError
from pipeline.sandbox.server import EscapedJson, disconnected

_TIMEOUT = httpx.Timeout(600.0, connect=10.0)
_OF_THE_CONNECTION = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "server", "date"})
"""Headers that are not the response's own."""


class ModelFront:
    """Hand `app` to `pipeline.sandbox.server.serve`.

    A request for JSON is refused with 400, as servers that lack it do; every other request gets the response of the
    server behind it, byte by byte as it comes. A client that goes away ends the request there too.
    """

    def __init__(self, base_url: str, opening: Sequence[Json] = (), kept_opening: str | None = None) -> None:
        """`base_url`: of the server behind it, without /v1.

        `opening`: messages in place of a request's instructions. `kept_opening`: a file in which llama.cpp's server
        keeps its state after them. Each answer then begins with that state: no time is spent on the opening, and
        nothing is left of earlier requests. Answers are then given one after another.
        """
        self._base_url = base_url
        self._opening = list(opening)
        self._kept_opening = kept_opening
        self._admission = asyncio.Lock()
        self._client: httpx.AsyncClient | None = None
        self.app = Starlette(routes=[Route("/v1/{path:path}", self._answer, methods=["GET", "POST"])])

    async def _answer(self, request: Request) -> Response:
        body = await request.body()
        if not request.url.path.endswith("/chat/completions") or not (asked := _object(body)):
            return _Forwarded(self, request, body)
        if _asks_for_json(asked):
            refusal = ModelApiError(400, "response_format is not supported by this model", "unsupported_parameter")
            return EscapedJson(refusal.body, refusal.status)
        if not self._opening or not isinstance(asked.get("messages"), list):
            return _Forwarded(self, request, body)
        said = [each for each in asked["messages"] if not _is_instruction(each)]
        return _Forwarded(self, request, json.dumps(asked | {"messages": self._opening + said}).encode(), opened=True)

    @contextlib.asynccontextmanager
    async def admitted(self, *, opened: bool) -> AsyncIterator[None]:
        """One request behind the front. With a kept opening no other begins meanwhile, and the server has its state."""
        if not opened or self._kept_opening is None:
            yield
            return
        async with self._admission:
            restored = await self.client.post(
                f"{self._base_url}/slots/0?action=restore", json={"filename": self._kept_opening}
            )
            restored.raise_for_status()
            yield

    def request(self, given: Request, body: bytes) -> httpx.Request:
        """A request as the server behind it gets it."""
        target = httpx.URL(self._base_url).copy_with(path=given.url.path, query=given.url.query.encode() or None)
        headers = {name: given.headers[name] for name in ("content-type", "accept") if name in given.headers}
        return self.client.build_request(given.method, target, content=body, headers=headers)

    @property
    def client(self) -> httpx.AsyncClient:
        # Made here, since a client belongs to the event loop that it is used in.
        if self._client is None:
            # llama.cpp closes its connection after a stream without saying so: none is used again.
            limits = httpx.Limits(max_keepalive_connections=0)
            self._client = httpx.AsyncClient(timeout=_TIMEOUT, limits=limits, trust_env=False)
        return self._client


class _Forwarded(Response):
    """The response of the server behind the front. Others may wait until the client has all of it, or is gone."""

    def __init__(self, front: ModelFront, request: Request, body: bytes, *, opened: bool = False) -> None:
        super().__init__()
        self._front = front
        self._request = request
        self._asked = body
        self._opened = opened

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False
        try:
            async with self._front.admitted(opened=self._opened), self._behind() as behind:
                if behind is not None:
                    begun = True
                    kept = {name: value for name, value in behind.headers.items() if name not in _OF_THE_CONNECTION}
                    await StreamingResponse(behind.aiter_raw(), behind.status_code, kept)(scope, receive, send)
        except httpx.HTTPError as error:
            if begun:
                raise
            fault = ModelApiError(502, f"the model does not answer: {type(error).__name__}", None, "server_error")
            await EscapedJson(fault.body, fault.status)(scope, receive, send)

    @contextlib.asynccontextmanager
    async def _behind(self) -> AsyncIterator[httpx.Response | None]:
        """The response as its headers are there; None if the client goes away before."""
        asking = asyncio.ensure_future(
            self._front.client.send(self._front.request(self._request, self._asked), stream=True)
        )
        leaving = asyncio.ensure_future(disconnected(self._request))
        try:
            await asyncio.wait({asking, leaving}, return_when=asyncio.FIRST_COMPLETED)
            yield (await asking) if asking.done() else None
        finally:
            leaving.cancel()
            if not asking.done():
                asking.cancel()
            elif not asking.cancelled() and asking.exception() is None:
                await asking.result().aclose()


def _object(body: bytes) -> Json:
    """The request's JSON; empty where it is none, of which the server behind it says what is wrong."""
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return given if isinstance(given, dict) else {}


def _asks_for_json(asked: Json) -> bool:
    form = asked.get("response_format")
    return form is not None and not (isinstance(form, dict) and form.get("type") == "text")


def _is_instruction(message: object) -> bool:
    return isinstance(message, dict) and message.get("role") in ("system", "developer")
