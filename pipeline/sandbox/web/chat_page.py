"""The chat page, and the stream of events that keeps it up to date."""

import asyncio
import json
from collections.abc import AsyncIterator
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.simulator import Telegram

_HEARTBEAT = 15.0
"""Seconds without an event, after which a comment keeps the connection open."""


class ChatPage:
    """The page at /, and server-sent events at /sandbox/events."""

    def __init__(self, telegram: Telegram) -> None:
        self._telegram = telegram
        self.routes = [
            Route("/", self._page, methods=["GET"]),
            Route("/sandbox/events", self._events, methods=["GET"]),
        ]

    async def _page(self, _: Request) -> Response:
        return HTMLResponse(files("pipeline.sandbox.web").joinpath("chat.html").read_text("utf-8"))

    async def _events(self, _: Request) -> Response:
        loop = asyncio.get_running_loop()
        events: asyncio.Queue[Json] = asyncio.Queue()

        def listener(event: Json) -> None:
            loop.call_soon_threadsafe(events.put_nowait, event)

        async def stream() -> AsyncIterator[str]:
            end = self._telegram.listen(listener)
            try:
                yield ": open\n\n"
                while True:
                    try:
                        event = await asyncio.wait_for(events.get(), _HEARTBEAT)
                    except TimeoutError:
                        yield ": no news\n\n"
                    else:
                        yield f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
            finally:
                end()

        return StreamingResponse(stream(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})
