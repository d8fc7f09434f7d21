"""The sockets of the model's HTTP client: each read and write keeps the bounds of its call."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterable
from typing import Any

import httpcore

from pipeline.peers.bounds import TooLate, current_bounds, wait_at_most

_MOST_UNSENT = 1 << 16
"""Bytes that are kept back."""


class BoundedSockets(httpcore.NetworkBackend):
    """Connects within the bounds of the call."""

    def __init__(self) -> None:
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return BoundedStream(self._sockets.connect_tcp(host, port, left, local_address, socket_options or ()))


class BoundedStream(httpcore.NetworkStream):
    """Reads and writes within the bounds of the call that this thread makes (`pipeline.peers.bounds`).

    Each system call also lets all other threads go first. So what is written leaves when something is read, head and
    body of a request in one packet; and a socket keeps its timeout for as long as that is near enough.
    """

    def __init__(self, stream: httpcore.NetworkStream, *, nested: bool = False) -> None:
        """`nested`: TLS to the server within TLS to a proxy, which the stream alone can do."""
        self._stream = stream
        self._nested = nested
        self._socket: socket.socket = stream.get_extra_info("socket")
        self._unsent = bytearray()

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        # The server may have closed the connection early, and said why.
        with contextlib.suppress(httpcore.WriteError):
            self._send()
        bounds = current_bounds()
        while True:
            wait = min(_left(timeout, httpcore.ReadTimeout), bounds.longest_read)
            try:
                if self._nested:
                    read = self._stream.read(max_bytes, wait)
                else:
                    wait_at_most(self._socket, wait, least=wait / 2)
                    read = self._socket.recv(max_bytes)
            except (TimeoutError, httpcore.ReadTimeout):
                continue
            except OSError as error:
                raise httpcore.ReadError(str(error)) from error
            bounds.take(len(read))
            return read

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if self._unsent and len(self._unsent) + len(buffer) > _MOST_UNSENT:
            self._send(timeout)
        self._unsent += buffer

    def _send(self, timeout: float | None = None) -> None:
        unsent, self._unsent = memoryview(bytes(self._unsent)), bytearray()
        while unsent:
            left = _left(timeout, httpcore.WriteTimeout)
            if self._nested:
                self._stream.write(bytes(unsent), left)
                return
            wait_at_most(self._socket, left, least=0.0)
            try:
                unsent = unsent[self._socket.send(unsent) :]
            except TimeoutError:
                continue
            except OSError as error:
                raise httpcore.WriteError(str(error)) from error

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        self._send(timeout)
        left = _left(timeout, httpcore.ConnectTimeout)
        nested = isinstance(self._socket, ssl.SSLSocket)
        return BoundedStream(self._stream.start_tls(ssl_context, server_hostname, left), nested=nested)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(timeout: float | None, error: type[httpcore.TimeoutException]) -> float:
    """Seconds that one step may take. Raises `error` if nothing is left of the call."""
    try:
        left = current_bounds().left()
    except TooLate as late:
        raise error(str(late)) from None
    return left if timeout is None else min(timeout, left)
