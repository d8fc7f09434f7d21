"""Who may use the control API and the chat page: this machine's programs and the page itself, no foreign web page."""

import ipaddress
import re

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from pipeline.sandbox.server import EscapedJson

_OPEN = ("/bot", "/file/bot")
"""What the bot calls, like Telegram's own server: from anywhere, in any form."""
_CONTROL = "/sandbox/"
_HOST = re.compile(r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::[0-9]{1,5})?")


class Guard:
    """Refuses requests under a foreign name, of foreign pages, and, to the control API, of any form but JSON.

    A web page that a person has open can send requests to this machine. Their `Origin` tells them; after DNS
    rebinding their `Host` does. A form can't send application/json.
    """

    def __init__(self, app: ASGIApp, host: str = "127.0.0.1") -> None:
        """`host`: the address that the application is served at."""
        self._app = app
        self._host = host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app: ASGIApp = self._app
        if scope["type"] == "http" and not scope["path"].startswith(_OPEN):
            refused = self._refusal(Request(scope))
            if refused is not None:
                app = refused
        await app(scope, receive, send)

    def _refusal(self, request: Request) -> EscapedJson | None:
        host = request.headers.get("host", "")
        if not self._is_own(host):
            return _refused(403, f"the Host {host!r} is not this machine: use the address that the sandbox shows")
        origin = request.headers.get("origin")
        if origin is not None and origin.lower() != f"http://{host}".lower():
            return _refused(403, f"the Origin {origin!r} is not the sandbox's own page: leave the header out")
        if request.scope["path"].startswith(_CONTROL) and _has_body(request):
            form = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if form != "application/json":
                return _refused(415, f"the Content-Type is {form!r}: send JSON as application/json")
        return None

    def _is_own(self, host: str) -> bool:
        matched = _HOST.fullmatch(host)
        if matched is None:
            return False
        name = (matched["ipv6"] or matched["name"]).lower()
        if name in ("localhost", self._host.lower()):
            return True
        address = _address(name)
        if address is None:
            return False
        served = _address(self._host)
        # Served at every address, it can be called by each of them. No name is then trusted: any name may lead here.
        return address.is_loopback or (served is not None and served.is_unspecified)


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _has_body(request: Request) -> bool:
    return request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers


def _refused(status: int, detail: str) -> EscapedJson:
    return EscapedJson({"detail": detail}, status_code=status)
