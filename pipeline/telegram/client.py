"""A client of the Bot API: https://core.telegram.org/bots/api.

The token is part of the address of every request, and `requests` puts addresses into its errors. So none of these
errors leaves this module; a short reason does. The server may quote the address too: no text of a response leaves this
module with the token in it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import requests
from pydantic import SecretStr
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NameResolutionError, NewConnectionError

from pipeline.messages.text import storable
from pipeline.peers.bounds import MIB, Bounds, bounded
from pipeline.peers.encoding import NotUnpacked, unpacked
from pipeline.peers.waits import named_wait
from pipeline.platform.credentials import Credential
from pipeline.redaction import is_secret, quoted
from pipeline.telegram.bot import Bot
from pipeline.telegram.connections import NeverConnected, Sessions
from pipeline.telegram.poll import read_poll

_NO_BUTTONS: Mapping[str, str] = {}
_CONNECT_TIMEOUT = 10.0
"""Seconds."""
_MOST_BYTES = MIB
_MOST_BYTES_OF_UPDATES = 32 * MIB
"""Of a response with its headers. A hundred updates have less than a third of this."""
_PIECE = 1 << 16
_MOST_OF_A_REASON = 300
"""Characters."""


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
        """`telegram_timeout`: seconds for a whole response, in addition to those of a long poll."""
        self._url = telegram_api_url.rstrip("/")
        self._token = token
        self._timeout = telegram_timeout
        self._sessions = Sessions()

    def get_me(self) -> Bot:
        """The bot that the token belongs to."""
        me = self._call("getMe", {})
        try:
            return Bot(_id(me["id"]), quoted(storable(str(me["username"])), 100))
        except (KeyError, TypeError, ValueError):
            raise Interrupted("getMe answered without id or username") from None

    def webhook(self) -> str:
        """The address that Telegram sends updates to, which excludes polling; empty when no webhook is set."""
        info = self._call("getWebhookInfo", {})
        if not isinstance(info, dict):
            raise Interrupted("getWebhookInfo answered without an object")
        return quoted(storable(str(info.get("url") or "")), 2000)

    def get_updates(self, offset: int | None, wait: float, kinds: tuple[str, ...]) -> list[Any]:
        """Poll for up to `wait` seconds. An offset makes Telegram delete every update below it, for good."""
        body = {"timeout": int(wait), "limit": 100, "allowed_updates": list(kinds)}
        if offset is not None:
            body["offset"] = offset
        updates = self._call("getUpdates", body, wait, _MOST_BYTES_OF_UPDATES, read=read_poll)
        if not isinstance(updates, list):
            raise Interrupted("getUpdates answered without a list")
        return updates

    def send_message(
        self,
        chat_id: int,
        text: str,
        *,
        reply_to: int | None,
        topic_id: int | None,
        html: bool,
        buttons: Mapping[str, str] = _NO_BUTTONS,
    ) -> int:
        """Send a message: its message_id. After Interrupted nobody knows whether it was sent.

        `buttons`: a row of them under it: what each shows, with its `callback_data`.
        """
        body: dict[str, Any] = {"chat_id": chat_id, "text": text, "link_preview_options": {"is_disabled": True}}
        if reply_to is not None:
            # The question may have been deleted before its answer is ready.
            body["reply_parameters"] = {"message_id": reply_to, "allow_sending_without_reply": True}
        if topic_id is not None:
            body["message_thread_id"] = topic_id
        if html:
            body["parse_mode"] = "HTML"
        if buttons:
            row = [{"text": shown, "callback_data": data} for shown, data in buttons.items()]
            body["reply_markup"] = {"inline_keyboard": [row]}
        sent = self._call("sendMessage", body)
        try:
            return _id(sent["message_id"])
        except (KeyError, TypeError, ValueError):
            raise Interrupted("sendMessage answered without message_id") from None

    def send_typing(self, chat_id: int, topic_id: int | None) -> None:
        """Show "typing…" for about five seconds: https://core.telegram.org/bots/api#sendchataction."""
        body: dict[str, Any] = {"chat_id": chat_id, "action": "typing"}
        if topic_id is not None:
            body["message_thread_id"] = topic_id
        self._call("sendChatAction", body)

    def answer_press(self, press_id: str, text: str = "") -> None:
        """End the wait of who pressed a button, with a short text that the app shows for a moment, or without one.

        https://core.telegram.org/bots/api#answercallbackquery
        """
        self._call("answerCallbackQuery", {"callback_query_id": press_id, **({"text": text} if text else {})})

    def send_draft(self, chat_id: int, draft_id: int, text: str, topic_id: int | None) -> None:
        """Show a part of an answer for 30 seconds, with a button that stops it: in private chats only.

        https://core.telegram.org/bots/api#sendmessagedraft
        """
        body: dict[str, Any] = {"chat_id": chat_id, "draft_id": draft_id, "text": text, "can_stop": True}
        # What was written is the answer then, so it stays until that comes.
        body["keep_on_stop"] = True
        if topic_id is not None:
            body["message_thread_id"] = topic_id
        self._call("sendMessageDraft", body)

    def commands(self, language: str) -> dict[str, str]:
        """The menu of commands that a language has of its own, with their descriptions. An empty language: all others.

        https://core.telegram.org/bots/api#getmycommands
        """
        listed = self._call("getMyCommands", {"language_code": language} if language else {})
        try:
            return {str(entry["command"]): str(entry["description"]) for entry in listed}
        except (KeyError, TypeError):
            raise Interrupted("getMyCommands answered without a list of commands") from None

    def set_commands(self, language: str, commands: Mapping[str, str]) -> None:
        """Replace that menu."""
        listed = [{"command": name, "description": text} for name, text in commands.items()]
        self._call("setMyCommands", {"commands": listed, **({"language_code": language} if language else {})})

    def _call(
        self,
        method: str,
        body: Mapping[str, Any],
        wait: float = 0.0,
        most_bytes: int = _MOST_BYTES,
        read: Callable[[bytes], Any] = json.loads,
    ) -> Any:
        """The result of a call. `read` makes a value of the response's JSON; it raises ValueError or RecursionError."""
        token = self._token.current()
        try:
            return _result(self._request(token, method, body, wait, most_bytes), read)
        except Refused as refusal:
            # A refused request was not carried out, so it may be made again with a rotated token.
            if not (refusal.token_rejected and self._token.refresh(token)):
                raise
            return _result(self._request(self._token.current(), method, body, wait, most_bytes), read)

    def _request(
        self, token: SecretStr, method: str, body: Mapping[str, Any], wait: float, most_bytes: int
    ) -> _Response:
        """The whole response, which has come in time and is not too large."""
        secret = token.get_secret_value()
        address = f"{self._url}/bot{secret}/{method}"
        bounds = Bounds(self._timeout + wait, most_bytes)
        timeout = (_CONNECT_TIMEOUT, self._timeout + wait)
        failure: BotApiError
        try:
            with (
                bounded(bounds),
                self._sessions.borrowed() as session,
                session.post_json(address, json.dumps(body).encode(), timeout) as response,
            ):
                pieces = response.raw.stream(_PIECE, decode_content=False)
                content = b"".join(unpacked(pieces, response.headers.get("Content-Encoding"), bounds))
                return _Response(
                    response.status_code,
                    response.reason or "",
                    response.headers.get("Retry-After"),
                    content.replace(secret.encode(), b"<credential>") if is_secret(secret) else content,
                )
        except Exception as error:  # a response can break more than `requests` foresees
            failure = Interrupted(bounds.broken) if bounds.broken is not None else _failure(error)
        # Raised outside the handler: within it the error would carry the one whose text holds the token.
        raise failure


@dataclass(frozen=True)
class _Response:
    """A whole response of the Bot API, or of another server in its place."""

    status: int
    reason: str
    retry_after: str | None
    body: bytes
    """Without the token, should the server quote it."""


def _failure(error: Exception) -> BotApiError:
    """The error to raise for a failed request: whether it may have left, and a reason without the address."""
    if isinstance(error, NotUnpacked):
        return Interrupted(str(error))
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


def _result(response: _Response, read: Callable[[bytes], Any]) -> Any:
    """The result of a response. Refused or Unreachable when the call was not carried out, else Interrupted."""
    try:
        payload = read(response.body)
    except (ValueError, RecursionError):
        payload = None
    if isinstance(payload, dict) and payload.get("ok") is True and "result" in payload:
        return payload["result"]
    code = response.status
    if isinstance(payload, dict) and payload.get("ok") is False:
        error_code, parameters = payload.get("error_code"), payload.get("parameters")
        code = error_code if type(error_code) is int and 100 <= error_code <= 999 else code
        description = _reason_of(payload.get("description") or response.reason)
        if code < 500:
            raise _refusal(code, description, parameters if isinstance(parameters, dict) else {}, response)
        raise Interrupted(f"{code} {description}")
    if code in (401, 429):
        raise _refusal(code, _reason_of(response.reason or "no reason given"), {}, response)
    if 300 <= code < 500:
        # A proxy or another server answered: Telegram has not seen the request.
        raise Unreachable(f"answered {code} without a body of the Bot API")
    raise Interrupted(f"answered {code} without a valid body")


def _refusal(code: int, description: str, parameters: Mapping[str, Any], response: _Response) -> Refused:
    """`parameters`: https://core.telegram.org/bots/api#responseparameters."""
    seconds = named_wait(parameters.get("retry_after", response.retry_after))
    try:
        migrated = _id(parameters["migrate_to_chat_id"])
    except (KeyError, TypeError, ValueError):
        migrated = None
    return Refused(code, description, seconds, migrated)


def _reason_of(said: object) -> str:
    return quoted(storable(str(said)), _MOST_OF_A_REASON)


def _id(value: Any) -> int:
    """An id as tables and journal can hold it. Raises TypeError or ValueError."""
    if type(value) is not int:
        raise TypeError("an id is a whole number")
    if not -(2**63) <= value < 2**63:
        raise ValueError("an id has 64 bits")
    return value
