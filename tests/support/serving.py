"""A Databricks workspace that serves a scripted model from its serving endpoints, over HTTP on loopback."""

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
    """A workspace until the block ends. The model's own key says which bearer its endpoints take."""
    made = Workspace()
    with serve(_in_front(made.app, model.app)) as served:
        made.url = served.url
        yield made


def _in_front(api: ASGIApp, model: ASGIApp) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        path = str(scope.get("path", ""))
        if path == f"{_ENDPOINTS}/chat/completions":
            asked = path.replace(_ENDPOINTS, "/v1", 1)
            await model({**scope, "path": asked, "raw_path": asked.encode()}, receive, send)
        else:
            await api(scope, receive, send)

    return app
