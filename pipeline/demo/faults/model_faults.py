"""A fault in front of any model's application: it is down, or slow."""

from __future__ import annotations

import asyncio

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

_DOWN = b'{"error": {"message": "the model is down: somebody pressed the button", "type": "server_error"}}'


class ModelFaults:
    """The switch of one model, and what stands in front of its application. Any thread may set the attributes."""

    def __init__(self) -> None:
        self.down = False
        """Whether each call is refused with 503."""
        self.seconds = 0.0
        """How much later each call reaches the model."""

    def around(self, app: ASGIApp) -> ASGIApp:
        """The same application with these faults; hand it to `pipeline.sandbox.server.serve`."""

        async def faulty(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and scope["path"].endswith("/chat/completions"):
                if self.down:
                    await Response(_DOWN, 503, media_type="application/json")(scope, receive, send)
                    return
                if self.seconds:
                    await asyncio.sleep(self.seconds)
            await app(scope, receive, send)

        return faulty

    def end(self) -> None:
        self.down, self.seconds = False, 0.0
