"""Parses landed lines: the envelope, the update in it, and the message in that.

Field names and rules are those of https://core.telegram.org/bots/api#update.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.messages.identity import Identity
from pipeline.messages.origin import NO_CHAT, ORIGIN, Moment, Origin
from pipeline.telegram.poll import strict_json

KINDS = (
    "message", "edited_message", "channel_post", "edited_channel_post", "business_connection", "business_message",
    "edited_business_message", "deleted_business_messages", "guest_message", "message_reaction",
    "message_reaction_count", "inline_query", "chosen_inline_result", "callback_query", "shipping_query",
    "pre_checkout_query", "purchased_paid_media", "poll", "poll_answer", "my_chat_member", "chat_member",
    "chat_join_request", "chat_boost", "removed_chat_boost", "managed_bot", "subscription",
    "stopped_message_generation", "widget_query", "shared_widget_query",
)  # fmt: skip
"""Every kind of update. Each poll passes the whole list: without one Telegram would keep the previous list."""

MESSAGE_KINDS = frozenset(
    {
        "message",
        "edited_message",
        "channel_post",
        "edited_channel_post",
        "business_message",
        "edited_business_message",
        "guest_message",
    }
)

MEDIA_KINDS = ("voice", "audio", "video", "video_note", "photo", "animation", "document")
"""Fields of a message that hold what only eyes or ears can read. An animation comes as a document too."""

_INT64 = 2**63
_SURROGATE = re.compile("[\ud800-\udfff]")
_MAY_HAVE_SURROGATE = re.compile(r"\\u[dD]|[\ud800-\udfff]")
"""A line of JSON without it has none in any text: then no text needs to be looked at."""
Id = Field(ge=-_INT64, lt=_INT64)
"""A number that a table's column can hold."""


class _Payload(BaseModel):
    # Strict: a number in the place of a text is malformed input. It is kept with its reason, not converted.
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class User(_Payload):
    id: int = Id
    is_bot: bool = False
    first_name: str = ""
    last_name: str | None = None
    language_code: str | None = None


class Chat(_Payload):
    id: int = Id
    type: str
    title: str | None = None


class Entity(_Payload):
    """Offset and length are in UTF-16 code units: https://core.telegram.org/bots/api#messageentity."""

    type: str
    offset: int
    length: int
    user: User | None = None


class RepliedTo(_Payload):
    """The message that another one replies to."""

    message_id: int = Id
    sender: User | None = Field(None, alias="from")
    forum_topic_created: dict[str, Any] | None = None
    text: str | None = None
    caption: str | None = None

    @property
    def words(self) -> str | None:
        """The text, or else the caption."""
        return self.text if self.text is not None else self.caption


class Message(_Payload):
    message_id: int = Id
    chat: Chat
    date: int | None = Field(None, ge=-(2**40), lt=2**40)
    sender: User | None = Field(None, alias="from")
    sender_chat: Chat | None = None
    via_bot: User | None = None
    author_signature: str | None = None
    message_thread_id: int | None = Field(None, ge=-_INT64, lt=_INT64)
    is_topic_message: bool = False
    media_group_id: str | None = None
    """The album that it is a part of."""
    text: str | None = None
    caption: str | None = None
    entities: list[Entity] | None = None
    caption_entities: list[Entity] | None = None
    reply_to_message: RepliedTo | None = None

    @property
    def words(self) -> str | None:
        """The text, or else the caption."""
        return self.text if self.text is not None else self.caption

    @property
    def marks(self) -> list[Entity] | None:
        """The entities of `words`; None when the message came without any."""
        return self.entities if self.text is not None else self.caption_entities

    @property
    def topic_id(self) -> int | None:
        """The forum topic. Outside forums message_thread_id names a thread of replies, which can't be written to."""
        return self.message_thread_id if self.is_topic_message else None

    @property
    def author_id(self) -> int | None:
        """The chat that the message was sent on behalf of, or the person."""
        if self.sender_chat is not None:
            return self.sender_chat.id
        return self.sender.id if self.sender is not None else None

    @property
    def author_name(self) -> str | None:
        """The chat that the message was sent on behalf of, or the person."""
        if self.sender_chat is not None:
            return self.sender_chat.title
        if self.sender is None:
            return None
        return " ".join(filter(None, (self.sender.first_name, self.sender.last_name))) or None


class PressedMessage(_Payload):
    """The message whose button was pressed. Of one that is old, Telegram gives no more than this."""

    message_id: int = Id
    chat: Chat


class Press(_Payload):
    """A press of a button: https://core.telegram.org/bots/api#callbackquery."""

    id: str = Field(min_length=1, max_length=64)
    sender: User = Field(alias="from")
    message: PressedMessage | None = None
    """None for a message that was sent by way of the bot, in inline mode."""
    data: str | None = None


class Update(_Payload):
    """One update, with the envelope in which it was landed."""

    bot_id: int = Id
    seq: int = Id
    received_at: Moment
    origin: Origin | None = None
    """None for an update that came from Telegram."""
    update_id: int = Id
    kind: str
    message: Message | None = None
    press: Press | None = None
    chat: Chat | None = None
    sender: User | None = None
    fields: frozenset[str] = frozenset()
    """Names of the message's fields; they distinguish a service message from an ordinary one."""
    raw: str
    """The update as JSON."""

    @property
    def media(self) -> str | None:
        """The kind of media that its message has, one of `MEDIA_KINDS`."""
        return next((kind for kind in MEDIA_KINDS if kind in self.fields), None) if self.message else None

    @property
    def identity(self) -> Identity:
        chat = self.message.chat if self.message else self.chat
        message_id = self.message.message_id if self.message else None
        origin = self.origin.name if self.origin else None
        return Identity(self.bot_id, self.update_id, chat.id if chat else None, message_id, origin)


class Malformed(NamedTuple):
    """A landed line that isn't a valid update."""

    reason: str
    raw: str


class Tick(NamedTuple):
    """A landed line without an update. It makes a micro-batch begin."""

    seq: int


def read_line(line: str, bot_id: int) -> Update | Malformed | Tick:
    """Parse one landed line. It never raises: a line that can't be read becomes `Malformed`, with the reason.

    Lone surrogates, which no table can hold, become U+FFFD in the parsed columns; `raw` keeps their escapes.
    """
    try:
        envelope = strict_json(line)
    except (ValueError, RecursionError) as error:
        return Malformed(f"not JSON: {error}"[:300], line)
    if not isinstance(envelope, dict):
        return Malformed(f"not an envelope: a JSON {type(envelope).__name__}", line)
    if "tick" in envelope and "update" not in envelope and isinstance(envelope.get("seq"), int):
        return Tick(envelope["seq"])
    try:
        return _read_envelope(envelope, line, bot_id)
    except RecursionError:
        return Malformed("update: nested too deeply", line)


def _read_envelope(envelope: dict[str, Any], line: str, bot_id: int) -> Update | Malformed:
    raw = envelope.get("update")
    if raw is None and isinstance(envelope.get("unreadable"), str) and isinstance(envelope.get("text"), str):
        # Anybody may have injected it: one line, and only what a table can hold.
        reason = " ".join(f"update: {_without_lone_surrogates(envelope['unreadable'])}".split())
        return Malformed(reason[:300], _without_lone_surrogates(envelope["text"]))
    if not isinstance(raw, dict):
        return Malformed("update: missing or not an object", line)
    if envelope.get("bot_id") != bot_id:
        return Malformed(f"bot_id: this storage belongs to bot {bot_id}", line)
    clean = _without_lone_surrogates(raw) if _MAY_HAVE_SURROGATE.search(line) else raw
    kind = next((key for key in clean if key != "update_id"), "empty")
    body = clean.get(kind)
    try:
        received_at = datetime.fromisoformat(str(envelope.get("received_at")))
    except ValueError:
        return Malformed("received_at: not a time in ISO 8601", line)
    try:
        # Validated as JSON: there strict mode accepts strings for times and statuses, and converts nothing else.
        origin = ORIGIN.validate_json(json.dumps(envelope["origin"])) if "origin" in envelope else None
    except ValidationError as error:
        return Malformed(_reason(error, "origin"), line)
    is_message = kind in MESSAGE_KINDS
    if is_message and not isinstance(body, dict):
        return Malformed(f"{kind}: not an object", line)
    try:
        update = Update.model_validate(
            {
                "bot_id": bot_id,
                "seq": envelope.get("seq"),
                "received_at": received_at if received_at.tzinfo else received_at.replace(tzinfo=UTC),
                "origin": origin,
                "update_id": clean.get("update_id"),
                "kind": kind,
                "message": body if is_message else None,
                "press": press_of(clean) if kind == "callback_query" else None,
                "chat": None if is_message else _member(body, "chat"),
                "sender": None if is_message else _member(body, "from") or _member(body, "user"),
                "fields": frozenset(body) if isinstance(body, dict) else frozenset(),
                "raw": json.dumps(raw),
            }
        )
    except ValidationError as error:
        return Malformed(_reason(error).replace("message.", f"{kind}.", 1), line)
    if origin is not None and (update.identity.chat_id == NO_CHAT) != origin.withheld:
        return Malformed(f"origin: chat {NO_CHAT} is for probes that are not delivered, and only for them", line)
    return update


def press_of(update: object) -> Press | None:
    """The press that an update brings; None for any other, and for one that can't be read."""
    body = update.get("callback_query") if isinstance(update, dict) else None
    try:
        return Press.model_validate(body) if body is not None else None
    except ValidationError:
        # It is kept as it is, in bronze; nobody needs more of it.
        return None


def _reason(error: ValidationError, *within: str) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join((*within, *(str(part) for part in first["loc"])))
    # One line: an injected line may have any text as the name of a field.
    return " ".join(f"{where}: {first['msg']}".split())[:300]


def _member(body: object, name: str) -> object:
    """The chat or user of an update that isn't a message, if any. A callback query has the chat of its message."""
    if not isinstance(body, dict):
        return None
    found = body.get(name)
    if found is None and name == "chat" and isinstance(body.get("message"), dict):
        found = body["message"].get("chat")
    return found if isinstance(found, dict) else None


def _without_lone_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_without_lone_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_lone_surrogates(key): _without_lone_surrogates(item) for key, item in value.items()}
    return value
