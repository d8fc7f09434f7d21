"""A client of the Bot API: https://core.telegram.org/bots/api.

The token is part of the address of every request, and `requests` puts addresses into its errors. So none of these
errors leaves this module; a short reason does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests
from pydantic import SecretStr
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NameResolutionError, NewConnectionError

from pipeline.platform.credentials import Credential
from pipeline.telegram.bot import Bot
from pipeline.telegram.connections import NeverConnected, Sessions
from pipeline.telegram.poll import read_poll

_CONNECT_TIMEOUT = 10.0
"""Seconds."""


class BotApiError(Exception):
    """A call of the Bot API failed. The text never holds the token."""


class Unreachable(BotApiError):
    """The request never left: no address, or no connection. It can be made again."""


class Interrupted(BotApiError):
    """The request may have left, and no valid response came: nobody knows whether it was carried out."""


class Refused(BotApiError):
    """Telegram refused the request: it was not carried out."""

    def __init__(
        self, code: int, description: str, retry_after: float | None = None, migrate_to_chat_id: int | None = None
    ) -> None:
        super().__init__(f"{code} {description}")
        self.code = code
        self.description = description
        self.retry_after = retry_after
        """Seconds to wait before the request can be repeated."""
        self.migrate_to_chat_id = migrate_to_chat_id
        """The supergroup that the group became."""

    @property
    def token_rejected(self) -> bool:
        """Whether it was for the token: 401 for one that is revoked, 404 for one that no bot ever had."""
        return self.code == 401 or (self.code == 404 and self.description == "Not Found")


class BotApi:
    """A client for one bot. Thread-safe.

    A refused token is resolved again, so a rotated one is used at once. Every method may raise Unreachable,
    Interrupted or Refused, and CredentialError when the token can't be resolved.
    """

    def __init__(self, telegram_api_url: str, token: Credential[SecretStr], telegram_timeout: float) -> None:
        """`telegram_timeout`: seconds to wait for a response, in addition to those of a long poll."""
        self._url = telegram_api_url.rstrip("/")
        self._token = token
        self._timeout = telegram_timeout
        self._sessions = Sessions()

    def get_me(self) -> Bot:
        """The bot that the token belongs to."""
        me = self._call("getMe", {})
        try:
            return Bot(int(me["id"]), str(me["username"]))
        except (KeyError, TypeError, ValueError):
            raise Interrupted("getMe answered without id or username") from None

    def webhook(self) -> str:
        """The address that Telegram sends updates to, which excludes polling; empty when no webhook is set."""
        info = self._call("getWebhookInfo", {})
        if not isinstance(info, dict):
            raise Interrupted("getWebhookInfo answered without an object")
        return str(info.get("url") or "")

    def get_updates(self, offset: int | None, wait: float, kinds: tuple[str, ...]) -> list[Any]:
        """Poll for up to `wait` seconds. An offset makes Telegram delete every update below it, for good."""
        body = {"timeout": int(wait), "limit": 100, "allowed_updates": list(kinds)}
        if offset is not None:
            body["offset"] = offset
        updates = self._call("getUpdates", body, wait)
        if not isinstance(updates, list):
            raise Interrupted("getUpdates answered without a list")
        return updates

    def send_message(self, chat_id: int, text: str, *, reply_to: int | None, topic_id: int | None, html: bool) -> int:
        """Send a message: its message_id. After Interrupted nobody knows whether it was sent."""
        body: dict[str, Any] = {"chat_id": chat_id, "text": text, "link_preview_options": {"is_disabled": True}}
        if reply_to is not None:
            # The question may have been deleted before its answer is ready.
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
        """Show "typing…" for about five seconds: https://core.telegram.org/bots/api#sendchataction."""
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
        failure: BotApiError
        try:
            with self._sessions.borrowed() as session:
                timeout = (_CONNECT_TIMEOUT, self._timeout + wait)
                response = session.post(address, json=body, timeout=timeout, allow_redirects=False)
        except requests.RequestException as error:
            failure = _failure(error)
        else:
            return _result(response)
        # Raised outside the handler: within it the error would carry the one whose text holds the token.
        raise failure


def _failure(error: requests.RequestException) -> BotApiError:
    """The error to raise for a failed request: whether it may have left, and a reason without the address."""
    cause: BaseException | None = error
    for _ in range(8):
        if isinstance(cause, NameResolutionError):
            return Unreachable("the host's name is unknown")
        if isinstance(cause, NeverConnected):
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
    """The result of a response. Refused or Unreachable when the call was not carried out, else Interrupted."""
    try:
        payload = read_poll(response.content)
    except (ValueError, RecursionError):
        payload = None
    if isinstance(payload, dict) and payload.get("ok") is True and "result" in payload:
        return payload["result"]
    code = response.status_code
    if isinstance(payload, dict) and payload.get("ok") is False:
        error_code, parameters = payload.get("error_code"), payload.get("parameters")
        code = error_code if isinstance(error_code, int) else code
        description = str(payload.get("description") or response.reason or "")[:300]
        if code < 500:
            raise _refusal(code, description, parameters if isinstance(parameters, dict) else {}, response)
        raise Interrupted(f"{code} {description}")
    if code in (401, 429):
        raise _refusal(code, response.reason or "no reason given", {}, response)
    if 300 <= code < 500:
        # A proxy or another server answered: Telegram has not seen the request.
        raise Unreachable(f"answered {code} without a body of the Bot API")
    raise Interrupted(f"answered {code} without a valid body")


def _refusal(code: int, description: str, parameters: Mapping[str, Any], response: requests.Response) -> Refused:
    """`parameters`: https://core.telegram.org/bots/api#responseparameters."""
    retry_after = parameters.get("retry_after", response.headers.get("Retry-After"))
    try:
        seconds = float(retry_after) if retry_after is not None else None
    except (TypeError, ValueError):
        seconds = None
    migrated = parameters.get("migrate_to_chat_id")
    return Refused(code, description, seconds, migrated if isinstance(migrated, int) else None)
