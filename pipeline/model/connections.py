"""The model's HTTP client: every call keeps its bounds, from connecting to the last byte of the response.

`httpx` itself has timeouts for single reads only, and unpacks a compressed body whatever its size becomes. So this
client makes its connections one level below, with `httpcore`: there each read waits for no longer than what is left of
the call, and its bytes are counted.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from pipeline.errors import SettingsError
from pipeline.model.sockets import BoundedSockets
from pipeline.peers.bounds import TooLarge, current_bounds
from pipeline.peers.encoding import unpacked
from pipeline.platform.address import shown_address
from pipeline.redaction import quoted

_IDLE_LIMIT = 5.0
"""Seconds after which an idle connection is not used again, as in the openai client."""
_REST_AFTER_STREAM = 0.2
"""Seconds for which a connection is not used again after a stream: some servers (llama.cpp) close it a moment after the
end, without a word before, and a request that has left by then gets no response."""
_ABOUT_THIS_MACHINE = b"x-stainless-"
_SCHEMES = frozenset({b"http", b"https"})


def bounded_client(base_url: str) -> httpx.Client:
    """A client for the server at `base_url`, through the proxy that the environment names for it.

    It needs `peers.bounds.bounded` around each call, and raises TooLarge and NotUnpacked besides the errors of `httpx`.
    Raises SettingsError for a proxy that can't be used.
    """
    return _Client(
        transport=_Transport(_proxy_for(base_url)), headers={"Accept-Encoding": "identity"}, follow_redirects=True
    )


class _NoCookies(httpx.Cookies):
    def extract_cookies(self, response: httpx.Response) -> None:
        """Keep nothing, and read nothing."""


_NO_COOKIES = _NoCookies()


class _Client(httpx.Client):
    """A client without cookies: a server could set more with each response, and they would be kept and sent."""

    @property
    def cookies(self) -> httpx.Cookies:
        return _NO_COOKIES

    @cookies.setter
    def cookies(self, cookies: object) -> None:  # noqa: ARG002 - httpx gives one
        raise TypeError("this client has no cookies")

    def build_request(self, method: str, url: httpx.URL | str, **options: Any) -> httpx.Request:
        """A request without what the openai client tells of this machine: half of the headers, and no server's need."""
        given = httpx.Headers(options.pop("headers", None))
        headers = [(name, value) for name, value in given.raw if not name.lower().startswith(_ABOUT_THIS_MACHINE)]
        return super().build_request(method, url, headers=headers, **options)


def _proxy_for(url: str) -> str | None:
    parts, proxies = urlsplit(url), getproxies()
    # NO_PROXY may have a host with its port, and an IPv6 address without the brackets that it has in an address.
    if not parts.hostname or proxy_bypass(parts.netloc.rpartition("@")[2]) or proxy_bypass(parts.hostname):
        return None
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy


class _Transport(httpx.BaseTransport):
    """Carries out the requests of a client. Thread-safe."""

    def __init__(self, proxy: str | None) -> None:
        # The pool only makes them. For each request it would look at all that it has lent, under one lock.
        self._connections = Connections(_pool(proxy).create_connection)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        scheme = request.url.raw_scheme
        if scheme not in _SCHEMES:
            raise httpx.UnsupportedProtocol(f"no protocol {quoted(request.url.scheme, 20)}")
        url = httpcore.URL(scheme=scheme, host=request.url.raw_host, port=request.url.port, target=request.url.raw_path)
        asked = httpcore.Request(
            request.method, url, headers=request.headers.raw, content=request.stream, extensions=request.extensions
        )
        connection = self._connections.borrow(url.origin)
        try:
            inner = connection.handle_request(asked)
        except BaseException as error:
            self._connections.give_back(connection)
            if isinstance(error, _ERRORS):
                raise _error_of_httpx(error) from error
            raise
        headers = httpx.Headers(inner.headers)
        # The body is unpacked here, within the bounds.
        encoding = headers.pop("Content-Encoding") if "Content-Encoding" in headers else None
        streams = headers.get("Content-Type", "").startswith("text/event-stream")
        body = _Body(inner, encoding, lambda: self._connections.give_back(connection, rests=streams))
        return httpx.Response(inner.status, headers=headers, stream=body, extensions=inner.extensions, request=request)

    def close(self) -> None:
        self._connections.close()


class Connections:
    """Connections to borrow for one call at a time. Thread-safe. The one that was used last is lent first."""

    def __init__(self, make: Callable[[httpcore.Origin], httpcore.ConnectionInterface]) -> None:
        """`make` gives a connection to an origin that is not open yet."""
        self._make = make
        self._lock = threading.Lock()
        self._idle: deque[tuple[httpcore.ConnectionInterface, float]] = deque()
        """With the time of their last use, the latest at the right."""
        self._resting: deque[tuple[httpcore.ConnectionInterface, float]] = deque()
        """With the time from which they may be used again, the earliest at the left."""
        self._closed = False

    def borrow(self, origin: httpcore.Origin) -> httpcore.ConnectionInterface:
        while (connection := self._last_used()) is not None:
            fits = connection.can_handle_request(origin)
            # The server may have ended it meanwhile.
            if fits and not connection.has_expired():
                return connection
            connection.close()
            if not fits:
                # A redirect leads elsewhere, and the others stay for the calls that it does not lead away.
                break
        return self._make(origin)

    def _last_used(self) -> httpcore.ConnectionInterface | None:
        with self._lock:
            self._end_rests(time.monotonic())
            return self._idle.pop()[0] if self._idle else None

    def give_back(self, connection: httpcore.ConnectionInterface, *, rests: bool = False) -> None:
        """After a call. `rests`: it is not lent for a moment. One that the call did not end well is closed."""
        now = time.monotonic()
        unused = []
        with self._lock:
            # One that never connected counts as idle and as closed.
            if connection.is_closed() or not connection.is_idle():
                unused.append(connection)
            elif rests and not self._closed:
                self._resting.append((connection, now + _REST_AFTER_STREAM))
            else:
                self._idle.append((connection, now))
            self._end_rests(now)
            while self._idle and (self._closed or now - self._idle[0][1] > _IDLE_LIMIT):
                unused.append(self._idle.popleft()[0])
        for each in unused:
            each.close()

    def close(self) -> None:
        """Close the idle connections now, and each of the others when it is given back."""
        with self._lock:
            self._closed = True
            idle = [connection for connection, _ in (*self._idle, *self._resting)]
            self._idle.clear()
            self._resting.clear()
        for each in idle:
            each.close()

    def _end_rests(self, now: float) -> None:
        while self._resting and self._resting[0][1] <= now:
            self._idle.append(self._resting.popleft())


class _Body(httpx.SyncByteStream):
    """The body of a response. That of an error ends where it becomes too large, since its status says enough."""

    def __init__(self, response: httpcore.Response, encoding: str | None, ended: Callable[[], None]) -> None:
        """`ended` is called once, when the response's connection is free for another call."""
        self._response = response
        self._encoding = encoding
        self._ended: Callable[[], None] | None = ended

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from unpacked(self._response.iter_stream(), self._encoding, current_bounds())
        except _ERRORS as error:
            raise _error_of_httpx(error) from error
        except TooLarge:
            if self._response.status < 400:
                raise

    def close(self) -> None:
        ended, self._ended = self._ended, None
        if ended is not None:
            try:
                self._response.close()
            finally:
                ended()


_ERRORS = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
)


def _error_of_httpx(error: Exception) -> Exception:
    """The error of `httpx` that has the name of one of `httpcore`."""
    known: type[Exception] = getattr(httpx, type(error).__name__)
    return known(str(error))


def _pool(proxy: str | None) -> httpcore.ConnectionPool:
    """What makes connections, through the proxy if there is one. Raises SettingsError for one that can't be used."""
    options: dict[str, Any] = {
        "ssl_context": httpx.create_ssl_context(),
        "network_backend": BoundedSockets(),
        "keepalive_expiry": _IDLE_LIMIT,
    }
    if proxy is None:
        return httpcore.ConnectionPool(**options)
    try:
        known = httpx.Proxy(proxy)
        address = httpcore.URL(
            scheme=known.url.raw_scheme, host=known.url.raw_host, port=known.url.port, target=known.url.raw_path
        )
        kind = httpcore.SOCKSProxy if known.url.scheme.startswith("socks") else httpcore.HTTPProxy
        return kind(address, proxy_auth=known.raw_auth, **options)
    except (ValueError, httpx.InvalidURL, ImportError, RuntimeError):  # the last two: socksio is not installed
        raise SettingsError(
            f"the proxy {shown_address(proxy)} of HTTP_PROXY, HTTPS_PROXY or ALL_PROXY can't be used for the model: "
            "give one that begins with http:// or https://, or add the model's host to NO_PROXY"
        ) from None
