"""The control API over HTTP: routes and requests for the entries of its table."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pipeline.sandbox.json_types import read_json
from pipeline.sandbox.server import EscapedJson
from pipeline.sandbox.web.control import observations, settings
from pipeline.sandbox.web.control.table import ControlCall, Controlled, ControlRequest, all_calls

__all__ = ["ControlApi", "all_calls", "observations", "settings"]
"""The modules are imported for what they put into the table."""

_VERBS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class ControlApi:
    """Each route takes and returns JSON; a request that can't be carried out is answered with 400 and its reason."""

    def __init__(self, controlled: Controlled) -> None:
        self._controlled = controlled
        self.routes = [
            *(Route(f"/sandbox/{call.path}", self._endpoint(call), methods=[call.verb]) for call in all_calls()),
            *(Route(path, _unknown, methods=_VERBS) for path in ("/sandbox", "/sandbox/{path:path}")),
        ]

    def _endpoint(self, call: ControlCall) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            body = None if call.body is None else call.body.validate_python(await _json(request))
            result = call.handler(self._controlled, ControlRequest(body, request.path_params, request.query_params))
            return result if isinstance(result, Response) else EscapedJson(result)

        return endpoint


async def _json(request: Request) -> Any:
    try:
        return read_json(await request.body() or b"null")
    except ValueError as error:
        raise ValueError(f"the body is no JSON: {error}") from None


async def _unknown(request: Request) -> Response:
    detail = f"the control API has no {request.method} {request.url.path}: its documentation lists its paths"
    return EscapedJson({"detail": detail}, status_code=404)
