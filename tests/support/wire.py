"""A server on loopback that answers with exactly the bytes that a test gives it, or not at all."""

import itertools
import json
import socketserver
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

HANG = b"hang"
"""No response until the test ends."""
CLOSE = b""
"""The connection is closed without a response."""


class Received(NamedTuple):
    """A request; `body` is its JSON, None without a body."""

    path: str
    body: Any


Answer = bytes | Iterator[bytes]
"""What is sent: all at once, or piece by piece for as long as the client reads."""

Respond = bytes | Callable[[Received], Answer]


def response(status: str, body: bytes | str, *headers: str, length: int | None = None) -> bytes:
    """A whole HTTP response. `length`: the Content-Length to claim, when it should be wrong."""
    content = body if isinstance(body, bytes) else body.encode()
    head = (f"HTTP/1.1 {status}", f"Content-Length: {len(content) if length is None else length}", *headers)
    return "\r\n".join((*head, "Connection: close", "", "")).encode() + content


def ok(result: Any) -> bytes:
    """A successful response of the Bot API."""
    return response("200 OK", json.dumps({"ok": True, "result": result}))


def refusal(code: int, description: str, **parameters: Any) -> bytes:
    """An unsuccessful response of the Bot API."""
    body = {"ok": False, "error_code": code, "description": description}
    if parameters:
        body["parameters"] = parameters
    return response(f"{code} Refused", json.dumps(body))


def dripping(content: bytes, seconds: float = 0.02, first: bytes = b"") -> Callable[[Received], Answer]:
    """Send `first` at once, and then `content` again and again, a byte every few milliseconds."""

    def drip(_: Received) -> Iterator[bytes]:
        yield first
        for byte in itertools.cycle(content):
            time.sleep(seconds)
            yield bytes([byte])

    return drip


def endless(first: bytes, piece: bytes) -> Callable[[Received], Answer]:
    """Send `first`, and then `piece` for ever, as fast as the client reads."""
    return lambda _: itertools.chain([first], itertools.repeat(piece))


class Wire:
    """The requests received so far, and the responses still to give; the last one is given again and again."""

    def __init__(self, *responses: Respond) -> None:
        self.received: list[Received] = []
        self.responses = deque(responses)
        self.url = ""
        self.sent = 0
        """How many bytes were sent."""
        self.ended = threading.Event()

    def next(self, received: Received) -> Answer:
        self.received.append(received)
        respond = self.responses.popleft() if len(self.responses) > 1 else self.responses[0]
        return respond if isinstance(respond, bytes) else respond(received)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Silent: a client that speaks no HTTP, or leaves early, is part of a test."""


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, _Server)
        path = self.rfile.readline().split()[1].decode()
        length = 0
        while line := self.rfile.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        body = self.rfile.read(length)
        answer = self.server.wire.next(Received(path, json.loads(body) if body else None))
        if answer == HANG:
            self.server.wire.ended.wait(10)
            return
        for piece in [answer] if isinstance(answer, bytes) else answer:
            if self.server.wire.ended.is_set():
                break
            self.server.wire.sent += len(piece)
            self.wfile.write(piece)


@contextmanager
def wired(*responses: Respond, tls: ssl.SSLContext | None = None) -> Iterator[Wire]:
    """Serve until the block ends. A response is bytes, or a function of the request."""
    wire = Wire(*responses)
    with _Server(wire) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        wire.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_address[1]}"
        try:
            yield wire
        finally:
            wire.ended.set()
            server.shutdown()
            thread.join(2)
