"""Serves an ASGI application from a thread of this process, by default on loopback."""

import asyncio
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

_CLOSE = "sandbox.close_connection"
_RESET = "sandbox.reset_connection"
_START_WITHIN = 20.0
_STOP_WITHIN = 2.0


@dataclass(frozen=True)
class Served:
    """The address of a served application."""

    host: str
    port: int

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


class _ClosableProtocol(H11Protocol):
    """Lets the application close its connection without a response, as a broken network does."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        served: ASGIApp = self.app

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            extensions = scope.setdefault("extensions", {})
            extensions[_CLOSE] = self.transport.abort
            extensions[_RESET] = self._reset
            try:
                await served(scope, receive, send)
            except asyncio.CancelledError:
                # The server stops. uvicorn would answer with a 500; no response is what a client should see.
                self.transport.abort()
                raise

        self.app = app

    def _reset(self) -> None:
        # No time to linger after closing: what the other side sees is RST in place of FIN.
        linger = struct.pack("ii", 1, 0)
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.transport.abort()


class EscapedJson(Response):
    """JSON in ASCII only, like the Bot API's: a lone surrogate, which has no UTF-8 form, stays an escape."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return json.dumps(content).encode()


async def refuse_request(_: Request, error: Exception) -> Response:
    """The control APIs' answer to a request that can't be carried out: 400, with the reason in `detail`."""
    return EscapedJson({"detail": in_one_line(error)}, status_code=400)


def in_one_line(error: Exception) -> str:
    """What is wrong, without line breaks."""
    if isinstance(error, ValidationError):
        places = [(".".join(map(str, each["loc"])), each["msg"]) for each in error.errors()]
        return "; ".join(f"{place}: {reason}" if place else reason for place, reason in places)
    # A KeyError's text is the repr of its argument.
    return " ".join(str(error.args[0] if isinstance(error, KeyError) and error.args else error).split())


async def close_connection(request: Request) -> None:
    """Close the request's connection without a response; a response sent afterwards is dropped.

    RuntimeError when the application is not served by `serve`.
    """
    await _end_connection(request, _CLOSE)


async def reset_connection(request: Request) -> None:
    """Like `close_connection`, with a reset (RST) as from a machine that knows nothing of the connection."""
    await _end_connection(request, _RESET)


async def _end_connection(request: Request, extension: str) -> None:
    end: Callable[[], None] | None = request.scope.get("extensions", {}).get(extension)
    if end is None:
        raise RuntimeError("only pipeline.sandbox.server can close a connection without a response")
    end()
    await disconnected(request)


async def disconnected(request: Request) -> None:
    """Wait until the client is gone. Only after the request's body was read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


class _Server(uvicorn.Server):
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # First a short wait for requests that are just being answered. Then all are cancelled: long polls and event
        # streams would otherwise use up uvicorn's whole grace period.
        deadline = time.monotonic() + 0.3
        while self.server_state.tasks and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        for task in self.server_state.tasks:
            task.cancel()
        await super().shutdown(sockets)


def bound_socket(host: str, port: int) -> socket.socket:
    """A socket bound to the address. OSError, which names the address, when that is not possible."""
    # asyncio turns Nagle's algorithm off only where the protocol is named; with it, a request takes 40 ms more.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise OSError(error.errno, f"{error.strerror}: {host} port {port}") from None
    return bound


@contextmanager
def serve(app: ASGIApp, host: str = "127.0.0.1", port: int = 0) -> Iterator[Served]:
    """Serve until the block ends; port 0 takes a free one. It stops within two seconds, even with open requests.

    OSError when the port is taken. It installs no signal handlers and logs nothing.
    """
    listener = bound_socket(host, port)
    config = uvicorn.Config(
        app,
        http=_ClosableProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="sandbox-server", daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + _START_WITHIN
        while not server.started:
            if not thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError("the sandbox's server did not start")
            time.sleep(0.005)
        yield Served(host, listener.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(_STOP_WITHIN)
        listener.close()
