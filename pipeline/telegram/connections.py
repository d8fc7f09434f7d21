"""HTTP connections for many threads that tell whether a request can have left.

`requests` raises the same error for a connection that broke in the TLS handshake, before any request, and for one
that broke under a request. Here the first is a `NeverConnected`.
"""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

_IDLE_LIMIT = 20.0
"""Seconds after which an idle connection is not used again: the server may have closed it."""


class NeverConnected(NewConnectionError):
    """Connecting failed after the socket was open: in TLS, or in the tunnel of a proxy. No request has left."""


@dataclass
class _Idle:
    session: requests.Session
    used_at: float


class Sessions:
    """Sessions to borrow. Thread-safe: a thread has the session it borrowed to itself, as `requests` needs it."""

    def __init__(self) -> None:
        self._idle: queue.LifoQueue[_Idle] = queue.LifoQueue()

    @contextlib.contextmanager
    def borrowed(self) -> Iterator[requests.Session]:
        try:
            idle = self._idle.get_nowait()
        except queue.Empty:
            idle = _Idle(_new_session(), time.monotonic())
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


class _HttpConnection(HTTPConnection):
    def connect(self) -> None:
        with _connecting(self):
            super().connect()


class _HttpsConnection(HTTPSConnection):
    def connect(self) -> None:
        with _connecting(self):
            super().connect()


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


def _new_session() -> requests.Session:
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter())
    return session
