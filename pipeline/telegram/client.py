"""The Bot API over HTTP: https://core.telegram.org/bots/api.

The token is part of the address of every request, and `requests` puts addresses into its errors: nothing of those
errors leaves this module but a short reason.
"""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import requests
from pydantic import SecretStr
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NameResolutionError, NewConnectionError

from pipeline.platform.credentials import Credential
from pipeline.telegram.routing import Bot

_IDLE_LIMIT = 20.0
"""Seconds after which an idle connection is not used again: the server may have closed it unseen."""


class BotApiError(Exception):
    """Telegram can't be asked, or said no. The text never holds the token."""


class Unreachable(BotApiError):
    """The request never left: no address, no connection. It can be made again."""


class Interrupted(BotApiError):
    """The request may have left and no valid response came: whether it was carried out is unknown."""


class Refused(BotApiError):
    """Telegram answered, and the answer is no: the request was not carried out."""

    def __init__(
        self, code: int, description: str, retry_after: float | None = None, migrate_to_chat_id: int | None = None
    ) -> None:
        super().__init__(f"{code} {description}")
        self.code = code
        self.description = description
        self.retry_after = retry_after
        self.migrate_to_chat_id = migrate_to_chat_id

    @property
    def token_rejected(self) -> bool:
        """401 for a token that is revoked, 404 for one that no bot ever had."""
        return self.code == 401 or (self.code == 404 and self.description == "Not Found")


@dataclass
class _Connection:
    session: requests.Session
    used_at: float


class BotApi:
    """A client for one bot. Thread-safe. A refused token is resolved anew, so a rotated one is used at once."""

    def __init__(self, url: str, token: Credential[SecretStr], timeout: float) -> None:
        """`timeout`: seconds to wait for a response, beyond what a long poll itself waits."""
        self._url = url.rstrip("/")
        self._token = token
        self._timeout = timeout
        self._idle: queue.LifoQueue[_Connection] = queue.LifoQueue()

    def get_me(self) -> Bot:
        me = self._call("getMe", {})
        try:
            return Bot(int(me["id"]), str(me["username"]))
        except (KeyError, TypeError, ValueError):
            raise Interrupted("getMe answered without id or username") from None

    def webhook(self) -> str:
        """The address that Telegram sends updates to in place of polling; empty where none is set."""
        info = self._call("getWebhookInfo", {})
        if not isinstance(info, dict):
            raise Interrupted("getWebhookInfo answered no object")
        return str(info.get("url") or "")

    def get_updates(self, offset: int | None, wait: float, kinds: tuple[str, ...]) -> list[Any]:
        """Long-poll for up to `wait` seconds. An offset deletes every update below it at Telegram, for good."""
        body = {"timeout": int(wait), "limit": 100, "allowed_updates": list(kinds)}
        if offset is not None:
            body["offset"] = offset
        updates = self._call("getUpdates", body, wait)
        if not isinstance(updates, list):
            raise Interrupted("getUpdates answered no list")
        return updates

    def send_message(self, chat_id: int, text: str, *, reply_to: int | None, topic_id: int | None, html: bool) -> int:
        """Send a message; its message_id. Raises Interrupted where nobody can know whether it was sent."""
        body: dict[str, Any] = {"chat_id": chat_id, "text": text, "link_preview_options": {"is_disabled": True}}
        if reply_to is not None:
            # The question may be gone when its answer is ready.
            body["reply_parameters"] = {"message_id": reply_to, "allow_sending_without_reply": True}
        if topic_id is not None:
            body["message_thread_id"] = topic_id
        if html:
            body["parse_mode"] = "HTML"
        sent = self._call("sendMessage", body)
        try:
            return int(sent["message_id"])
        except (KeyError, TypeError, ValueError):
            raise Interrupted("sendMessage answered without message_id") from None

    def send_typing(self, chat_id: int, topic_id: int | None) -> None:
        body: dict[str, Any] = {"chat_id": chat_id, "action": "typing"}
        if topic_id is not None:
            body["message_thread_id"] = topic_id
        self._call("sendChatAction", body)

    def _call(self, method: str, body: Mapping[str, Any], wait: float = 0.0) -> Any:
        token = self._token.current()
        try:
            return self._request(token, method, body, wait)
        except Refused as refusal:
            # A refused request was not carried out, so it may be made again with a rotated token.
            if not (refusal.token_rejected and self._token.refresh(token)):
                raise
            return self._request(self._token.current(), method, body, wait)

    def _request(self, token: SecretStr, method: str, body: Mapping[str, Any], wait: float) -> Any:
        address = f"{self._url}/bot{token.get_secret_value()}/{method}"
        fault: BotApiError
        try:
            with self._session() as session:
                response = session.post(address, json=body, timeout=(10.0, self._timeout + wait), allow_redirects=False)
        except requests.RequestException as error:
            fault = _fault(error)
        else:
            return _result(response)
        # Outside the handler: an error raised within it would carry the one whose text has the token.
        raise fault

    @contextlib.contextmanager
    def _session(self) -> Iterator[requests.Session]:
        """A connection of one's own: a Session is not safe between threads."""
        try:
            connection = self._idle.get_nowait()
        except queue.Empty:
            connection = _Connection(_new_session(), time.monotonic())
        if time.monotonic() - connection.used_at > _IDLE_LIMIT:
            connection.session.close()
        try:
            yield connection.session
        finally:
            connection.used_at = time.monotonic()
            self._idle.put(connection)


class _NeverConnected(NewConnectionError):
    """Connecting failed after the socket was there: in TLS, or in the tunnel of a proxy. No request has left."""


class _HttpConnection(HTTPConnection):
    """A connection whose faults while connecting can be told from those of a request under way."""

    def connect(self) -> None:
        with _telling_connecting(self):
            super().connect()


class _HttpsConnection(HTTPSConnection):
    def connect(self) -> None:
        with _telling_connecting(self):
            super().connect()


@contextlib.contextmanager
def _telling_connecting(connection: HTTPConnection) -> Iterator[None]:
    try:
        yield
    except (NewConnectionError, ConnectTimeoutError):
        raise
    except (OSError, HTTPError):
        raise _NeverConnected(connection, "never connected") from None


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection


class _Adapter(HTTPAdapter):
    """requests over connections that tell whether a request can have left."""

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


def _fault(error: requests.RequestException) -> BotApiError:
    """Whether a failed request may have left, and a reason that holds no address."""
    cause: BaseException | None = error
    for _ in range(8):
        if isinstance(cause, NameResolutionError):
            return Unreachable("the host's name is unknown")
        if isinstance(cause, _NeverConnected):
            return Unreachable("no secure connection")
        if isinstance(cause, (NewConnectionError, ConnectTimeoutError)):
            return Unreachable("connection refused or not possible")
        inner = getattr(cause, "reason", None) or (cause.args[0] if cause and cause.args else None)
        if not isinstance(inner, (HTTPError, OSError)):
            break
        cause = inner
    if isinstance(error, requests.exceptions.ProxyError):
        return Unreachable("the proxy refused")
    if isinstance(error, (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema)):
        return Unreachable("not an address")
    if isinstance(error, requests.exceptions.ReadTimeout):
        return Interrupted("no response in time")
    return Interrupted("the connection broke before a response")


def _result(response: requests.Response) -> Any:
    """The result of a response. Raises Refused for a definite no, Interrupted where a gateway may have cut it off."""
    try:
        payload = response.json()
    except (ValueError, RecursionError):
        payload = None
    if isinstance(payload, dict) and payload.get("ok") is True and "result" in payload:
        return payload["result"]
    code = response.status_code
    if isinstance(payload, dict) and payload.get("ok") is False:
        said, hints = payload.get("error_code"), payload.get("parameters")
        code = said if isinstance(said, int) else code
        description = str(payload.get("description") or response.reason or "")[:300]
        if code < 500:
            return _refuse(code, description, hints if isinstance(hints, dict) else {}, response)
        raise Interrupted(f"{code} {description}")
    if code in (401, 429):
        return _refuse(code, response.reason or "no reason given", {}, response)
    if 300 <= code < 500:
        # A proxy or another server said so, and Telegram has not seen the request.
        raise Unreachable(f"answered {code} without a Bot API's body")
    raise Interrupted(f"answered {code} without a valid body")


def _refuse(code: int, description: str, hints: Mapping[str, Any], response: requests.Response) -> Any:
    retry_after = hints.get("retry_after", response.headers.get("Retry-After"))
    try:
        seconds = float(retry_after) if retry_after is not None else None
    except (TypeError, ValueError):
        seconds = None
    migrated = hints.get("migrate_to_chat_id")
    raise Refused(code, description, seconds, migrated if isinstance(migrated, int) else None)
