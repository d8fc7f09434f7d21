"""The front of a model server that is too small for what it is asked: it refuses JSON, and may replace instructions."""

import json
from collections.abc import AsyncIterator, Sequence

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.models.openai_format import ModelApiError
from pipeline.sandbox.server import EscapedJson

_TIMEOUT = httpx.Timeout(600.0, connect=10.0)
_METHODS = ["GET", "POST", "OPTIONS"]
_OF_THE_CONNECTION = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "server", "date"})
"""Headers that are not the response's own."""


class ModelFront:
    """Hand `app` to `pipeline.sandbox.server.serve`.

    A request for JSON is refused with 400, as servers that lack it do; every other request gets the response of the
    server behind it, byte by byte as it comes. A client that goes away ends the request there too.
    """

    def __init__(self, base_url: str, opening: Sequence[Json] = ()) -> None:
        """`base_url`: of the server behind it, without /v1.

        `opening`: messages in place of a request's instructions.
        """
        self._base_url = base_url
        self._opening = list(opening)
        self._client: httpx.AsyncClient | None = None
        self.app = Starlette(routes=[Route("/{path:path}", self._answer, methods=_METHODS)])

    async def _answer(self, request: Request) -> Response:
        body = await request.body()
        if request.url.path.endswith("/chat/completions") and (asked := _object(body)):
            if _asks_for_json(asked):
                refusal = ModelApiError(400, "response_format is not supported by this model", "unsupported_parameter")
                return EscapedJson(refusal.body, refusal.status)
            if self._opening and isinstance(asked.get("messages"), list):
                said = [each for each in asked["messages"] if not _is_instruction(each)]
                body = json.dumps(asked | {"messages": self._opening + said}).encode()
        client = self._connected()
        target = httpx.URL(self._base_url).copy_with(path=request.url.path, query=request.url.query.encode() or None)
        headers = {name: request.headers[name] for name in ("content-type", "accept") if name in request.headers}
        try:
            response = await client.send(client.build_request(request.method, target, content=body, headers=headers),
                                         stream=True)  # fmt: skip
        except httpx.HTTPError as error:
            fault = ModelApiError(502, f"the model does not answer: {type(error).__name__}", None, "server_error")
            return EscapedJson(fault.body, fault.status)
        kept = {name: value for name, value in response.headers.items() if name.lower() not in _OF_THE_CONNECTION}
        return StreamingResponse(_bytes_of(response), response.status_code, kept)

    def _connected(self) -> httpx.AsyncClient:
        # Made here, since a client belongs to the event loop that it is used in.
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=_TIMEOUT, trust_env=False)
        return self._client


async def _bytes_of(response: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for piece in response.aiter_raw():
            yield piece
    finally:
        await response.aclose()


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
