"""A Databricks workspace over HTTP on loopback: the part of it that the real SDK and our scripts use.

Each part of its API is a class in a module beside this one, with that part's state and its `routes()`. `Workspace`
has them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pipeline.sandbox.server import close_connection, serve
from tests.support.workspace.catalog import UnityCatalog
from tests.support.workspace.errors import ApiError
from tests.support.workspace.files import Files
from tests.support.workspace.jobs import Jobs
from tests.support.workspace.people import People
from tests.support.workspace.secrets import Secrets
from tests.support.workspace.statements import Statements

TOKEN = "dapi-of-the-deployer-0123456789abcdef"
CALLER = "deployer@example.org"

Hook = Callable[["Call"], object]


@dataclass(frozen=True)
class Call:
    """One request: who asked for what."""

    method: str
    path: str
    caller: str
    body: bytes

    @property
    def writes(self) -> bool:
        """Whether it may change anything."""
        return self.method != "GET" and not self.path.endswith("/create-download-url")


@dataclass
class Workspace:
    """The state of a workspace, the calls that it received, and its faults."""

    url: str = ""
    callers: dict[str, str] = field(default_factory=lambda: {TOKEN: CALLER})
    """User names (or application ids) by their bearer."""
    calls: list[Call] = field(default_factory=list)
    before: list[Hook] = field(default_factory=list)
    """Called with each request before it is processed. May raise ApiError or Close."""
    after: list[Hook] = field(default_factory=list)
    """Called after a request was processed and before its response leaves. May raise the same."""
    secrets: Secrets = field(default_factory=Secrets)
    people: People = field(default_factory=People)
    catalog: UnityCatalog = field(default_factory=UnityCatalog)
    files: Files = field(default_factory=Files)
    jobs: Jobs = field(default_factory=Jobs)
    statements: Statements = field(default_factory=Statements)
    # Add another part here, and in `app`.

    @property
    def app(self) -> Starlette:
        parts = (self.secrets, self.people, self.catalog, self.files, self.jobs, self.statements)
        routes = [route for part in parts for route in part.routes()]
        return Starlette(
            routes=routes,
            middleware=[Middleware(BaseHTTPMiddleware, dispatch=self._dispatch)],
            exception_handlers={ApiError: _error},
        )

    def environment(self, token: str = TOKEN) -> dict[str, str]:
        """The variables that make the SDK sign in here."""
        return {"DATABRICKS_HOST": self.url, "DATABRICKS_TOKEN": token}

    async def _dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        if request.url.path == "/.well-known/databricks-config":
            return JSONResponse({"oidc_endpoint": f"{self.url}/oidc", "workspace_id": "1234567890123456"})
        if not request.url.path.startswith(("/api/", "/serving-endpoints")):
            return JSONResponse({"error_code": "ENDPOINT_NOT_FOUND", "message": "no such page"}, 404)
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        caller = self.callers.get(bearer)
        if caller is None:
            return JSONResponse({"error_code": "403", "message": "Invalid access token."}, 403)
        request.state.caller = caller
        call = Call(request.method, request.url.path, caller, await request.body())
        self.calls.append(call)
        try:
            for hook in [*self.before]:
                hook(call)
            response = await call_next(request)
            for hook in [*self.after]:
                hook(call)
        except ApiError as error:
            return await _error(request, error)
        except Close:
            await close_connection(request)
            return Response(status_code=500)
        return response


class Close(Exception):
    """Raised by a hook: the connection ends without a response."""


async def _error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return JSONResponse({"error_code": error.error_code, "message": error.message}, error.status)


@contextmanager
def workspace() -> Iterator[Workspace]:
    """A workspace that is served until the block ends."""
    workspace = Workspace()
    with serve(workspace.app) as served:
        workspace.url = served.url
        yield workspace
