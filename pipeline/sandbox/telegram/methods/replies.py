"""The message that another one replies to: https://core.telegram.org/bots/api#replyparameters."""

from dataclasses import dataclass
from typing import get_args

from pipeline.sandbox.json_types import Json, Parameters
from pipeline.sandbox.telegram.chats import ChatState, without_reply
from pipeline.sandbox.telegram.content.files import FileKind
from pipeline.sandbox.telegram.errors import bad_request
from pipeline.sandbox.telegram.parameters import boolean, decoded, integer
from pipeline.sandbox.telegram.state import TelegramState
from pipeline.sandbox.telegram.text.formatted import formatted_draft
from pipeline.sandbox.telegram.text.marked import utf16_length

_EXTERNAL = frozenset(get_args(FileKind)).union(
    ["contact", "dice", "has_media_spoiler", "link_preview_options", "location", "poll", "venue"]
)
"""Fields of a Message that an ExternalReplyInfo has too."""
_LONGEST_QUOTE = 1024
_QUOTED_MARKS = frozenset({"bold", "italic", "underline", "strikethrough", "spoiler", "custom_emoji"})


@dataclass(frozen=True)
class RepliedMessage:
    """What makes a new message a reply."""

    fields: Json
    """Fields of the new Message."""
    message_id: int | None
    """Of the replied message, where it is in the same chat."""
    thread_id: int | None
    """Its topic, likewise."""


def reply_of(state: TelegramState, chat: ChatState, parameters: Parameters) -> RepliedMessage | None:
    """What the parameters say of a reply; None without one, or where its message is gone and may be.

    MethodError 400 for a message that is gone, and for a quote that it doesn't have.
    """
    given = decoded(parameters, "reply_parameters")
    if given is None:
        given = {
            "message_id": parameters.get("reply_to_message_id"),
            "allow_sending_without_reply": parameters.get("allow_sending_without_reply"),
        }
    elif not isinstance(given, dict):
        raise bad_request("object expected as reply parameters")
    message_id = integer(given, "message_id", 0)
    if message_id == 0:
        return None
    source = chat if given.get("chat_id") in (None, "") else state.chats.visible(given)
    message = source.messages.get(message_id)
    if message is None:
        if boolean(given, "allow_sending_without_reply"):
            return None
        raise bad_request("message to be replied not found")
    quote = _quote(given, message)
    if source is not chat:
        return RepliedMessage({"external_reply": _external(source, message), **quote}, None, None)
    thread_id = message["message_thread_id"] if message.get("is_topic_message") else None
    return RepliedMessage({"reply_to_message": without_reply(message), **quote}, message_id, thread_id)


def origin_of(message: Json) -> Json:
    """The MessageOrigin of a message that is shown in another place."""
    date = {"date": message["date"]}
    if message["chat"]["type"] == "channel":
        return {"type": "channel", **date, "chat": message["chat"], "message_id": message["message_id"]}
    if "sender_chat" in message:
        return {"type": "chat", **date, "sender_chat": message["sender_chat"]}
    return {"type": "user", **date, "sender_user": message["from"]}


def _external(source: ChatState, message: Json) -> Json:
    """The ExternalReplyInfo; only a supergroup or a channel is named in it."""
    place: Json = {}
    if source.type in ("supergroup", "channel"):
        place = {"chat": source.as_json(), "message_id": message["message_id"]}
    content = {name: value for name, value in message.items() if name in _EXTERNAL}
    return {"origin": message.get("forward_origin") or origin_of(message), **place, **content}


def _quote(given: Json, message: Json) -> Json:
    """The TextQuote as a field of the new Message. MethodError 400 where the replied message has no such words."""
    if not given.get("quote"):
        return {}
    marked = formatted_draft(
        {
            "text": given["quote"],
            "parse_mode": given.get("quote_parse_mode"),
            "entities": given.get("quote_entities"),
        }
    ).marked
    text: str = message.get("text") or message.get("caption") or ""
    if not marked.text or utf16_length(marked.text) > _LONGEST_QUOTE or marked.text not in text:
        raise bad_request("QUOTE_TEXT_INVALID")
    wanted, starts = integer(given, "quote_position", 0), _positions(text, marked.text)
    entities = [entity for entity in marked.entities if entity["type"] in _QUOTED_MARKS]
    marks = {"entities": entities} if entities else {}
    position = min(starts, key=lambda start: abs(start - wanted))
    return {"quote": {"text": marked.text, **marks, "position": position, "is_manual": True}}


def _positions(text: str, words: str) -> list[int]:
    """Where the words begin, in UTF-16 code units."""
    places, start = [], text.find(words)
    while start >= 0:
        places.append(utf16_length(text[:start]))
        start = text.find(words, start + 1)
    return places
