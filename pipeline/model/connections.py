"""The model's HTTP client: every call keeps its bounds, from connecting to the last byte of the response.

`httpx` itself has timeouts for single reads only, and unpacks a compressed body whatever its size becomes. So this
client makes its connections one level below, with `httpcore`: there each read waits for no longer than what is left of
the call, and its bytes are counted.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterable, Iterator
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from pipeline.errors import SettingsError
from pipeline.peers.bounds import TooLarge, TooLate, current_bounds
from pipeline.peers.encoding import unpacked
from pipeline.platform.address import shown_address

_POOL: dict[str, Any] = {"max_connections": 1000, "max_keepalive_connections": 100, "keepalive_expiry": 5.0}
"""The limits that the openai client has by default."""


def bounded_client(base_url: str) -> httpx.Client:
    """A client for the server at `base_url`, through the proxy that the environment names for it.

    It needs `peers.bounds.bounded` around each call, and raises TooLarge and NotUnpacked besides the errors of `httpx`.
    Raises SettingsError for a proxy that can't be used.
    """
    client = httpx.Client(
        transport=_Transport(_proxy_for(base_url)), headers={"Accept-Encoding": "identity"}, follow_redirects=True
    )
    # A server could set more of them with each response, and they would be kept and sent.
    client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return client


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
        self._pool = _pool(proxy)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        with _errors_of_httpx():
            inner = self._pool.handle_request(
                httpcore.Request(
                    request.method,
                    url,
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        headers = httpx.Headers(inner.headers)
        # The body is unpacked here, within the bounds.
        encoding = headers.pop("Content-Encoding", None)
        return httpx.Response(
            inner.status, headers=headers, stream=_Body(inner, encoding), extensions=inner.extensions, request=request
        )

    def close(self) -> None:
        self._pool.close()


class _Body(httpx.SyncByteStream):
    """The body of a response. That of an error ends where it becomes too large, since its status says enough."""

    def __init__(self, response: httpcore.Response, encoding: str | None) -> None:
        self._response = response
        self._encoding = encoding

    def __iter__(self) -> Iterator[bytes]:
        try:
            with _errors_of_httpx():
                yield from unpacked(self._response.iter_stream(), self._encoding, current_bounds())
        except TooLarge:
            if self._response.status < 400:
                raise

    def close(self) -> None:
        self._response.close()


@contextlib.contextmanager
def _errors_of_httpx() -> Iterator[None]:
    """Turn an error of `httpcore` into that of `httpx`, which has the same name."""
    try:
        yield
    except (
        httpcore.TimeoutException,
        httpcore.NetworkError,
        httpcore.ProtocolError,
        httpcore.ProxyError,
        httpcore.UnsupportedProtocol,
    ) as error:
        raise getattr(httpx, type(error).__name__)(str(error)) from error


def _pool(proxy: str | None) -> httpcore.ConnectionPool:
    context, backend = httpx.create_ssl_context(), _Backend()
    if proxy is None:
        return httpcore.ConnectionPool(ssl_context=context, network_backend=backend, **_POOL)
    try:
        known = httpx.Proxy(proxy)
        address = httpcore.URL(
            scheme=known.url.raw_scheme, host=known.url.raw_host, port=known.url.port, target=known.url.raw_path
        )
        kind = httpcore.SOCKSProxy if known.url.scheme.startswith("socks") else httpcore.HTTPProxy
        return kind(address, proxy_auth=known.raw_auth, ssl_context=context, network_backend=backend, **_POOL)
    except (ValueError, httpx.InvalidURL, ImportError, RuntimeError):  # the last two: socksio is not installed
        raise SettingsError(
            f"the proxy {shown_address(proxy)} of HTTP_PROXY, HTTPS_PROXY or ALL_PROXY can't be used for the model: "
            "give one that begins with http:// or https://, or add the model's host to NO_PROXY"
        ) from None


class _Backend(httpcore.NetworkBackend):
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
        return _Stream(self._sockets.connect_tcp(host, port, left, local_address, socket_options or ()))


class _Stream(httpcore.NetworkStream):
    """Reads and writes within the bounds of the call that this thread makes."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        read = self._stream.read(max_bytes, _left(timeout, httpcore.ReadTimeout))
        current_bounds().take(len(read))
        return read

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(timeout: float | None, error: type[httpcore.TimeoutException]) -> float:
    """Seconds that one step may take. Raises `error` if nothing is left of the call."""
    try:
        left = current_bounds().left()
    except TooLate as late:
        raise error(str(late)) from None
    return left if timeout is None else min(timeout, left)
