"""A server on loopback that answers with exactly the bytes that a test gives it, or not at all."""

import json
import socketserver
import threading
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


Respond = bytes | Callable[[Received], bytes]


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


class Wire:
    """The requests received so far, and the responses still to give; the last one is given again and again."""

    def __init__(self, *responses: Respond) -> None:
        self.received: list[Received] = []
        self.responses = deque(responses)
        self.url = ""
        self.ended = threading.Event()

    def next(self, received: Received) -> bytes:
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
        else:
            self.wfile.write(answer)


@contextmanager
def wired(*responses: Respond) -> Iterator[Wire]:
    """Serve until the block ends. A response is bytes, or a function of the request."""
    wire = Wire(*responses)
    with _Server(wire) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        wire.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield wire
        finally:
            wire.ended.set()
            server.shutdown()
            thread.join(2)
