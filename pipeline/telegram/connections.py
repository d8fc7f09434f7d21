"""HTTP connections for many threads that tell whether a request can have left, and keep the bounds of a call.

`requests` raises the same error for a connection that broke in the TLS handshake, before any request, and for one
that broke under a request. Here the first is a `NeverConnected`. A response is read within the bounds of the call
(`pipeline.peers.bounds`), from its status line on.
"""

from __future__ import annotations

import contextlib
import http
import http.client
import io
import queue
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from pipeline.peers.bounds import MIB, Bounds, bounded, current_bounds, wait_at_most

_IDLE_LIMIT = 20.0
"""Seconds after which an idle connection is not used again: the server may have closed it."""
_SHORTEST_WAIT = 0.99
"""Of what is left of a call: a read that took so long has taken all."""
_MOST_ADDRESSES = 16
"""How many addresses a session knows: a few methods, under the tokens that it was used with."""


class NeverConnected(NewConnectionError):
    """Connecting failed after the socket was open: in TLS, or in the tunnel of a proxy. No request has left."""


@dataclass
class _Idle:
    session: Session
    used_at: float


class Sessions:
    """Sessions to borrow. Thread-safe: a thread has the session it borrowed to itself, as `requests` needs it."""

    def __init__(self) -> None:
        self._idle: queue.LifoQueue[_Idle] = queue.LifoQueue()

    @contextlib.contextmanager
    def borrowed(self) -> Iterator[Session]:
        try:
            idle = self._idle.get_nowait()
        except queue.Empty:
            idle = _Idle(Session(), time.monotonic())
        if time.monotonic() - idle.used_at > _IDLE_LIMIT:
            # Closes its connections only; the session opens new ones.
            idle.session.close()
        try:
            yield idle.session
        finally:
            idle.used_at = time.monotonic()
            self._idle.put(idle)


@contextlib.contextmanager
def _connecting(connection: HTTPConnection) -> Iterator[None]:
    """Turn what fails while connecting into an error that says so."""
    try:
        yield
    except (NewConnectionError, ConnectTimeoutError):
        raise
    except (OSError, HTTPError):
        raise NeverConnected(connection, "never connected") from None


class _BoundedReader(io.RawIOBase):
    """What a socket receives, within the bounds of the call that reads it."""

    def __init__(self, raw: io.RawIOBase, connection: socket.socket) -> None:
        self._raw = raw
        self._connection = connection
        self._bounds = current_bounds()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._bounds.left()
        wait_at_most(self._connection, left, least=_SHORTEST_WAIT * left)
        try:
            count = self._raw.readinto(buffer) or 0
        except TimeoutError:
            raise self._bounds.late() from None
        self._bounds.take(count)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _BoundedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        # The file that was made keeps the socket open for as long as the response is read.
        self.fp = io.BufferedReader(_BoundedReader(self.fp.detach(), sock))

    def begin(self) -> None:
        """Read the head of the response. A proxy may send interim ones before it; `http.client` knows 100 only.

        If one were taken for the response, the next call on the connection would get this call's.
        """
        super().begin()
        while http.HTTPStatus.PROCESSING <= self.status < http.HTTPStatus.OK:
            self.headers = self.msg = None  # type: ignore[assignment]  # else nothing is read
            super().begin()


class _HttpConnection(HTTPConnection):
    """A connection whose requests and responses keep the bounds of the call."""

    response_class = _BoundedResponse
    _unsent: bytearray | None = None
    """What is to be sent together with what follows."""

    def connect(self) -> None:
        with _connecting(self), bounded(Bounds(self.timeout or 0.0, MIB)):
            super().connect()
        current_bounds().begin()

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is not None:
            # As the last response left it, the timeout is what was left of that call.
            left = current_bounds().left()
            wait_at_most(self.sock, left, least=_SHORTEST_WAIT * left)
        # Head and body in one packet: each system call also lets all other threads go first.
        unsent = self._unsent = bytearray()
        try:
            super().request(*args, **kwargs)
        finally:
            self._unsent = None
        self.send(unsent)

    def send(self, data: Any) -> None:
        if self._unsent is None:
            super().send(data)
        else:
            self._unsent += data


class _HttpsConnection(_HttpConnection, HTTPSConnection):
    pass


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection


class _Adapter(HTTPAdapter):
    """Makes `requests` use the connections above, also through a proxy."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
        return manager


@dataclass(frozen=True)
class _Prepared:
    """All of a request but its body."""

    request: requests.PreparedRequest
    adapter: BaseAdapter
    settings: dict[str, Any]


class Session(requests.Session):
    """A session for one server. It takes nothing from a response but its body: no redirect and no cookie."""

    def __init__(self) -> None:
        super().__init__()
        # A compressed body may be a thousand times larger than what comes over the network.
        self.headers["Accept-Encoding"] = "identity"
        for scheme in ("http://", "https://"):
            self.mount(scheme, _Adapter())
        self._prepared: dict[str, _Prepared] = {}

    def post_json(self, address: str, body: bytes, timeout: tuple[float, float]) -> requests.Response:
        """The response to a POST, whose body is still to be read. `timeout`: seconds to connect, and for one read.

        What `requests` finds out anew for each request is the same for all to one address: its parts, the proxy, the
        certificates and the credentials of the environment. To find it out takes as long as the request itself.
        """
        prepared = self._prepared.get(address)
        if prepared is None:
            if len(self._prepared) >= _MOST_ADDRESSES:
                self._prepared.clear()
            prepared = self._prepared[address] = self._prepare(address)
        request = prepared.request
        request.body = body
        request.headers["Content-Length"] = str(len(body))
        return prepared.adapter.send(request, timeout=timeout, **prepared.settings)

    def _prepare(self, address: str) -> _Prepared:
        request = self.prepare_request(requests.Request("POST", address, {"Content-Type": "application/json"}))
        url = request.url or address
        settings = self.merge_environment_settings(url, {}, stream=True, verify=None, cert=None)
        return _Prepared(request, self.get_adapter(url), dict(settings))
