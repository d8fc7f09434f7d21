"""One server for many tests, which serves the application of the test that runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import ASGIApp, Receive, Scope, Send

from pipeline.sandbox.server import serve


class CurrentApp:
    """Passes each request to `app`, which a test replaces."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.url = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


@contextmanager
def serving_current(current: CurrentApp) -> Iterator[None]:
    """Serve until the block ends; sets `url`."""
    with serve(current) as served:
        current.url = served.url
        yield
