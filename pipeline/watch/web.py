"""The web application of the live page: its files, its stream of events, and the message that a person selects."""

import asyncio
from collections.abc import AsyncIterator
from importlib.resources import files

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from pipeline.sandbox.server import EscapedJson
from pipeline.sandbox.web.control.guard import Guard
from pipeline.sandbox.web.page_files import NOBODY, OWN_MACHINE, PageFiles
from pipeline.watch.fault_panel import FaultPanel
from pipeline.watch.hub import Event, Hub

_HEARTBEAT = 15.0
"""Seconds without an event, after which a comment keeps the connection open."""

_MOST_WAITING = 2000
"""Events that wait for one page."""

_SHARED = ("dom.js", "data/remembered.js", "view/theme.js", "style/colours.css")
"""What the page has in common with the chat page."""


def create_app(hub: Hub, chat: str | None = None, faults: FaultPanel | None = None) -> Starlette:
    """The page for what a hub says; hand it to `pipeline.sandbox.server.serve`.

    `chat`: the address of the chat page, which is shown beside it. `faults`: what a person may cause; none by default.
    """
    page = LivePage(hub, chat, faults)
    return Starlette(routes=page.routes, middleware=[Middleware(Guard)])


class LivePage:
    """The page at /, its files below /page/ and /shared/, its data below /watch/."""

    def __init__(self, hub: Hub, chat: str | None, faults: FaultPanel | None) -> None:
        self._hub = hub
        self._faults = faults
        hub.show("chat", chat)
        sandbox = files("pipeline.sandbox.web").joinpath("page")
        frames = OWN_MACHINE if chat else NOBODY
        self.routes = [
            *PageFiles(files("pipeline.watch").joinpath("page"), frames=frames).routes,
            *PageFiles(sandbox, prefix="/shared/", only=_SHARED).routes,
            Route("/watch/events", self._events, methods=["GET"]),
            Route("/watch/messages/{key:path}", self._message, methods=["GET"]),
        ]
        if faults is not None:
            self.routes.append(Route("/watch/faults/{name}", self._cause, methods=["POST"]))

    async def _message(self, request: Request) -> Response:
        details = self._hub.details(request.path_params["key"])
        if details is None:
            return EscapedJson({"detail": "it is not among the latest messages any more"}, status_code=404)
        return EscapedJson(details)

    async def _cause(self, request: Request) -> Response:
        # A foreign page's form can't send this type, and its script is stopped by the guard.
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return EscapedJson({"detail": "send JSON as application/json"}, status_code=415)
        assert self._faults is not None
        refused = self._faults.cause(request.path_params["name"])
        return EscapedJson(
            {"ok": True} if refused is None else {"detail": refused}, status_code=409 if refused else 200
        )

    async def _events(self, _: Request) -> Response:
        loop = asyncio.get_running_loop()
        events: asyncio.Queue[Event | None] = asyncio.Queue()

        async def stream() -> AsyncIterator[str]:
            now, end = self._hub.listen(lambda event: _pass_on(loop, events, event))
            try:
                for present in now:
                    yield _written(present)
                while True:
                    try:
                        event = await asyncio.wait_for(events.get(), _HEARTBEAT)
                    except TimeoutError:
                        yield ": no news\n\n"
                        continue
                    if event is None:
                        return
                    yield _written(event)
            finally:
                end()

        return StreamingResponse(stream(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})


def _pass_on(loop: asyncio.AbstractEventLoop, events: asyncio.Queue[Event | None], event: Event) -> None:
    # The server's loop may have ended while its last stream was not closed yet.
    if not loop.is_closed():
        loop.call_soon_threadsafe(_put, events, event)


def _put(events: asyncio.Queue[Event | None], event: Event) -> None:
    """For the server's loop. A page that reads too slowly loses its stream: it connects again, and gets the present."""
    if events.qsize() >= _MOST_WAITING:
        while not events.empty():
            events.get_nowait()
        events.put_nowait(None)
    else:
        events.put_nowait(event)


def _written(event: Event) -> str:
    return f"event: {event.type}\ndata: {event.data}\n\n"
