"""What Telegram delivers: the landed envelope, the update in it, and the message in that.

Plain parsing on typed values. Field names and rules are those of https://core.telegram.org/bots/api#update.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.messages.identity import Identity
from pipeline.messages.origin import NO_CHAT, ORIGIN, Moment, Origin

KINDS = (
    "message", "edited_message", "channel_post", "edited_channel_post", "business_connection", "business_message",
    "edited_business_message", "deleted_business_messages", "message_reaction", "message_reaction_count",
    "inline_query", "chosen_inline_result", "callback_query", "shipping_query", "pre_checkout_query",
    "purchased_paid_media", "poll", "poll_answer", "my_chat_member", "chat_member", "chat_join_request",
    "chat_boost", "removed_chat_boost",
)  # fmt: skip
"""Every kind of update. The whole list goes with each poll: Telegram keeps the previous one where none is given."""

MESSAGE_KINDS = frozenset(
    {"message", "edited_message", "channel_post", "edited_channel_post", "business_message", "edited_business_message"}
)

_INT64 = 2**63
_SURROGATE = re.compile("[\ud800-\udfff]")
Id = Field(ge=-_INT64, lt=_INT64)


class _Payload(BaseModel):
    # Strict: a number where text belongs is malformed input, to be named and kept, not converted.
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
    """Offsets and lengths are in UTF-16 code units."""

    type: str
    offset: int
    length: int
    user: User | None = None


class RepliedTo(_Payload):
    message_id: int = Id
    sender: User | None = Field(None, alias="from")
    forum_topic_created: dict[str, Any] | None = None


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
    text: str | None = None
    caption: str | None = None
    entities: list[Entity] | None = None
    caption_entities: list[Entity] | None = None
    reply_to_message: RepliedTo | None = None

    @property
    def words(self) -> str | None:
        """The text, or the caption, which counts as text."""
        return self.text if self.text is not None else self.caption

    @property
    def marks(self) -> list[Entity] | None:
        return self.entities if self.text is not None else self.caption_entities

    @property
    def topic_id(self) -> int | None:
        """The forum topic; outside forums message_thread_id only names a thread of replies, which takes no posts."""
        return self.message_thread_id if self.is_topic_message else None

    @property
    def author_name(self) -> str | None:
        if self.sender_chat is not None:
            return self.sender_chat.title
        if self.sender is None:
            return None
        return " ".join(filter(None, (self.sender.first_name, self.sender.last_name))) or None


class Update(_Payload):
    """One update, with the envelope it was landed in."""

    bot_id: int = Id
    seq: int = Id
    received_at: Moment
    origin: Origin | None = None
    """None for Telegram's own."""
    update_id: int = Id
    kind: str
    message: Message | None = None
    chat: Chat | None = None
    sender: User | None = None
    fields: frozenset[str] = frozenset()
    """Names of the message's fields, by which a service message is told from an ordinary one."""
    raw: str

    @property
    def identity(self) -> Identity:
        chat = self.message.chat if self.message else self.chat
        message_id = self.message.message_id if self.message else None
        origin = self.origin.name if self.origin else None
        return Identity(self.bot_id, self.update_id, chat.id if chat else None, message_id, origin)


class Malformed(NamedTuple):
    """A landed line that is no valid update."""

    reason: str
    raw: str


class Tick(NamedTuple):
    """A landed line that carries no update: it only asks for a micro-batch, so that finished replies reach silver."""

    seq: int


def read_line(line: str, bot_id: int) -> Update | Malformed | Tick:
    """Parse one landed line. Never raises: what can't be read is returned as `Malformed` with its reason.

    Lone surrogates, which no table can hold, become U+FFFD in the parsed columns; `raw` keeps their escapes.
    """
    try:
        envelope = json.loads(line)
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
    if not isinstance(raw, dict):
        return Malformed("update: missing or not an object", line)
    if envelope.get("bot_id") != bot_id:
        return Malformed(f"bot_id: this storage belongs to bot {bot_id}", line)
    clean = _without_lone_surrogates(raw)
    kind = next((key for key in clean if key != "update_id"), "empty")
    body = clean.get(kind)
    try:
        received_at = datetime.fromisoformat(str(envelope.get("received_at")))
    except ValueError:
        return Malformed("received_at: not a time in ISO 8601", line)
    try:
        # As JSON, in which a time and a status are strings, and nothing else is converted.
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
                "chat": None if is_message else _member(body, "chat"),
                "sender": None if is_message else _member(body, "from") or _member(body, "user"),
                "fields": frozenset(body) if isinstance(body, dict) else frozenset(),
                "raw": json.dumps(raw),
            }
        )
    except ValidationError as error:
        return Malformed(_reason(error).replace("message.", f"{kind}.", 1), line)
    if origin is not None and (update.identity.chat_id == NO_CHAT) != origin.withheld:
        return Malformed(f"origin: chat {NO_CHAT} is for probes that are not delivered, and for them alone", line)
    return update


def _reason(error: ValidationError, *within: str) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join((*within, *(str(part) for part in first["loc"])))
    # One line, whatever names a foreign line gives its fields.
    return " ".join(f"{where}: {first['msg']}".split())[:300]


def _member(body: object, name: str) -> object:
    """A chat or user of an update that is no message, where it has one (in a callback query: its message's chat)."""
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
