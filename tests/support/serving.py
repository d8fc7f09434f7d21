"""A fake Databricks workspace whose serving endpoints are a scripted model, over HTTP on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import ASGIApp, Receive, Scope, Send

from pipeline.sandbox.models.scripted import ScriptedModel
from pipeline.sandbox.server import serve
from tests.support.workspace.server import Workspace

_ENDPOINTS = "/serving-endpoints"


@contextmanager
def serving(model: ScriptedModel) -> Iterator[Workspace]:
    """A workspace until the block ends. Its endpoints take the bearer that is the model's `api_key`."""
    workspace = Workspace()
    with serve(_with_endpoints(workspace.app, model.app)) as served:
        workspace.url = served.url
        yield workspace


def _with_endpoints(api: ASGIApp, model: ASGIApp) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        path = str(scope.get("path", ""))
        if path == f"{_ENDPOINTS}/chat/completions":
            model_path = path.replace(_ENDPOINTS, "/v1", 1)
            await model({**scope, "path": model_path, "raw_path": model_path.encode()}, receive, send)
        else:
            await api(scope, receive, send)

    return app
