"""The chat page: its files, what it shows at its start, and the stream of events that keeps it up to date."""

import asyncio
import json
from collections.abc import AsyncIterator
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.server import EscapedJson
from pipeline.sandbox.telegram.simulator import Telegram
from pipeline.sandbox.web import page_data
from pipeline.sandbox.web.page_files import OWN_MACHINE, PageFiles

_HEARTBEAT = 15.0
"""Seconds without an event, after which a comment keeps the connection open."""


class ChatPage:
    """The page at /, its files below /page/, its data below /sandbox/page, and server-sent events."""

    def __init__(self, telegram: Telegram) -> None:
        self._telegram = telegram
        self.routes = [
            # `make demo` shows it beside the pipeline, in a page of another port.
            *PageFiles(files("pipeline.sandbox.web").joinpath("page"), framed_by=OWN_MACHINE).routes,
            Route("/sandbox/page", self._overview, methods=["GET"]),
            Route("/sandbox/page/{chat_id}", self._chat, methods=["GET"]),
            Route("/sandbox/events", self._events, methods=["GET"]),
        ]

    async def _overview(self, _: Request) -> Response:
        return EscapedJson(self._telegram.read(page_data.overview))

    async def _chat(self, request: Request) -> Response:
        chat_id = int(request.path_params["chat_id"])
        return EscapedJson(self._telegram.read(lambda state: page_data.chat_contents(state, chat_id)))

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
