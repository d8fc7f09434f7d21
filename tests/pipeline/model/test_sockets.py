"""The sockets of the model's client: bounds of the call, and few system calls."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpcore
import pytest

from pipeline.model.sockets import BoundedSockets, BoundedStream
from pipeline.peers.bounds import MIB, Bounds, bounded


class Pair:
    """A stream of ours, and the socket of its server."""

    def __init__(self, listener: socket.socket) -> None:
        with bounded(Bounds(5.0, MIB)):
            self.stream = BoundedSockets().connect_tcp(*listener.getsockname())
        self.server, _ = listener.accept()


@pytest.fixture
def pair() -> Iterator[Pair]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        pair = Pair(listener)
        yield pair
        pair.stream.close()
        pair.server.close()


@pytest.fixture
def timeouts(monkeypatch: pytest.MonkeyPatch) -> list[float | None]:
    """What the timeout of any socket is set to."""
    seen: list[float | None] = []
    settimeout = socket.socket.settimeout

    def noted(self: socket.socket, seconds: float | None) -> None:
        seen.append(seconds)
        settimeout(self, seconds)

    monkeypatch.setattr(socket.socket, "settimeout", noted)
    return seen


def write_much(stream: httpcore.NetworkStream) -> None:
    for _ in range(200):
        stream.write(b"x" * 60_000)


def test_what_is_written_leaves_in_one_piece_with_the_next_read(pair: Pair) -> None:
    with bounded(Bounds(5.0, MIB)):
        pair.stream.write(b"head ")
        pair.stream.write(b"and body")
        pair.server.settimeout(0.1)
        with pytest.raises(TimeoutError):
            pair.server.recv(100)
        pair.server.sendall(b"answer")
        assert pair.stream.read(100) == b"answer"
        assert pair.server.recv(100) == b"head and body"


def test_a_read_waits_for_all_that_is_left_of_its_call_and_no_longer(pair: Pair) -> None:
    pair.stream.write(b"hi")
    with bounded(Bounds(0.3, MIB)):
        began = time.monotonic()
        with pytest.raises(httpcore.ReadTimeout):
            pair.stream.read(100)
        assert 0.25 < time.monotonic() - began < 2
    threading.Timer(0.6, pair.server.sendall, [b"late"]).start()
    with bounded(Bounds(5.0, MIB)):
        # The socket still has the short timeout of the call before.
        assert pair.stream.read(100) == b"late"


def test_a_write_that_the_server_does_not_take_ends_with_its_call(pair: Pair) -> None:
    with bounded(Bounds(0.3, MIB)):
        began = time.monotonic()
        with pytest.raises(httpcore.WriteTimeout):
            write_much(pair.stream)
        assert 0.25 < time.monotonic() - began < 2


def test_a_connection_that_breaks_is_an_error_of_the_client(pair: Pair) -> None:
    pair.server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    pair.server.close()
    with bounded(Bounds(5.0, MIB)), pytest.raises(httpcore.ReadError):
        pair.stream.read(100)


def test_calls_one_after_the_other_set_a_timeout_once(pair: Pair, timeouts: list[float | None]) -> None:
    for _ in range(20):
        pair.server.sendall(b"answer")
        with bounded(Bounds(60.0, MIB)):
            pair.stream.write(b"question")
            assert pair.stream.read(100) == b"answer"
    assert len(timeouts) == 1


class InnerStream(httpcore.NetworkStream):
    """TLS within TLS, as the client's library does it: its socket is the outer one."""

    def __init__(self, outer: socket.socket) -> None:
        self.outer, self.written = outer, b""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        assert timeout is not None
        assert timeout <= 5
        return b"plain"[:max_bytes]

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        assert timeout is not None
        self.written += buffer

    def start_tls(self, *_: Any, **__: Any) -> httpcore.NetworkStream:
        return InnerStream(self.outer)

    def get_extra_info(self, info: str) -> Any:
        return self.outer if info == "socket" else None


def test_tls_through_a_proxy_that_is_asked_over_tls_goes_through_both() -> None:
    left, right = socket.socketpair()
    with (
        right,
        ssl.create_default_context().wrap_socket(left, server_hostname="proxy", do_handshake_on_connect=False) as outer,
    ):
        with bounded(Bounds(5.0, MIB)):
            stream = BoundedStream(InnerStream(outer)).start_tls(ssl.create_default_context(), "model")
            assert isinstance(stream, BoundedStream)
            stream.write(b"hi")
            assert stream.read(100) == b"plain"
        inner = stream._stream
        assert isinstance(inner, InnerStream)
        assert inner.written == b"hi"
