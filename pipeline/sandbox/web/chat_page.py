"""The chat page: its files, what it shows at its start, and the stream of events that keeps it up to date."""

import asyncio
import json
from collections.abc import AsyncIterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.server import EscapedJson
from pipeline.sandbox.telegram.simulator import Telegram
from pipeline.sandbox.web import page_data

_HEARTBEAT = 15.0
"""Seconds without an event, after which a comment keeps the connection open."""

_CONTENT_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}

_HEADERS = {
    # Nothing from elsewhere, nothing inline, and no text that becomes markup or a script.
    "Content-Security-Policy": "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "media-src 'self'",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ]
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


class ChatPage:
    """The page at /, its files below /page/, its data below /sandbox/page, and server-sent events."""

    def __init__(self, telegram: Telegram) -> None:
        self._telegram = telegram
        self._files = _page_files(files("pipeline.sandbox.web").joinpath("page"))
        self.routes = [
            Route("/", self._file, methods=["GET"]),
            *(Route(f"/page/{name}", self._file, methods=["GET"]) for name in self._files),
            Route("/sandbox/page", self._overview, methods=["GET"]),
            Route("/sandbox/page/{chat_id}", self._chat, methods=["GET"]),
            Route("/sandbox/events", self._events, methods=["GET"]),
        ]

    async def _file(self, request: Request) -> Response:
        name = request.url.path.removeprefix("/page/").lstrip("/") or "index.html"
        media_type = _CONTENT_TYPES[PurePosixPath(name).suffix]
        # Read each time: whoever changes the page sees it after a reload.
        return Response(self._files[name].read_bytes(), media_type=media_type, headers=_HEADERS)

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


def _page_files(folder: Traversable, prefix: str = "") -> dict[str, Traversable]:
    """The files of the page by their paths, those of a known content type."""
    found: dict[str, Traversable] = {}
    for entry in folder.iterdir():
        if entry.is_dir():
            found |= _page_files(entry, f"{prefix}{entry.name}/")
        elif PurePosixPath(entry.name).suffix in _CONTENT_TYPES:
            found[prefix + entry.name] = entry
    return found
