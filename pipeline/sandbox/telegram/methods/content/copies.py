"""Methods that send a message again: https://core.telegram.org/bots/api#forwardmessage, #copymessage"""

from collections import Counter
from collections.abc import Callable
from typing import get_args

from pipeline.sandbox.json_types import Json, Parameters
from pipeline.sandbox.telegram.chats import ChatState
from pipeline.sandbox.telegram.content.files import FileKind
from pipeline.sandbox.telegram.content.media import CAPTIONED, caption_fields, sent_record
from pipeline.sandbox.telegram.errors import bad_request
from pipeline.sandbox.telegram.methods.content.media import without_keyboard
from pipeline.sandbox.telegram.methods.edits import message_ids
from pipeline.sandbox.telegram.methods.replies import origin_of
from pipeline.sandbox.telegram.methods.sending import Destination, destination, send
from pipeline.sandbox.telegram.methods.table import bot_api_method
from pipeline.sandbox.telegram.parameters import boolean, integer
from pipeline.sandbox.telegram.state import TelegramState
from pipeline.sandbox.telegram.text.formatted import formatted_caption

_CONTENT = frozenset(get_args(FileKind)).union(
    ["text", "poll", "dice", "location", "venue", "contact", "game", "invoice", "story", "checklist", "rich_message"],
    ["paid_media", "live_photo", "giveaway"],
)
"""Fields one of which each message has, unless it is a service message."""
_CAPTION = frozenset({"caption", "caption_entities", "show_caption_above_media"})
_SENT_AGAIN = _CONTENT | _CAPTION | {"entities", "link_preview_options", "has_media_spoiler", "effect_id"}


@bot_api_method
def forward_message(state: TelegramState, parameters: Parameters) -> Json:
    """A forward says where the message came from; service and protected messages can't be forwarded."""
    message = _original(state, parameters, "forward", "forwarded", _may_be_forwarded)
    to = destination(state, without_keyboard(parameters))
    return _send_again(state, to, _forwarded(message))


@bot_api_method
def forward_messages(state: TelegramState, parameters: Parameters) -> list[Json]:
    """1 to 100 messages are forwarded in the order of their ids; those that can't be are left out."""
    return _send_all(state, parameters, _may_be_forwarded, _forwarded)


@bot_api_method
def copy_message(state: TelegramState, parameters: Parameters) -> Json:
    """A copy has no link to the original; it may have another caption. A poll's copy is a new poll."""
    message = _original(state, parameters, "copy", "copied", _is_content)
    copied = _copied(state, message)
    if "caption" in parameters and CAPTIONED & copied.keys():
        caption = caption_fields(formatted_caption(parameters))
        above = {"show_caption_above_media": True} if boolean(parameters, "show_caption_above_media") else {}
        copied = _without_caption(copied) | caption | above
    sent = _send_again(state, destination(state, parameters), copied)
    return {"message_id": sent["message_id"]}


@bot_api_method
def copy_messages(state: TelegramState, parameters: Parameters) -> list[Json]:
    """1 to 100 messages are copied in the order of their ids; those that can't be are left out."""
    without_captions = boolean(parameters, "remove_caption")

    def copied(message: Json) -> Json:
        content = _copied(state, message)
        return _without_caption(content) if without_captions else content

    return _send_all(state, parameters, _is_content, copied)


def _send_all(
    state: TelegramState, parameters: Parameters, may_be_sent: Callable[[Json], bool], again: Callable[[Json], Json]
) -> list[Json]:
    """Send several messages again: their MessageIds. Those of one album are an album again."""
    named = _in_order(message_ids(parameters))
    source, to = _source(state, parameters), destination(state, without_keyboard(parameters))
    found = [source.messages[message_id] for message_id in named if message_id in source.messages]
    found = [message for message in found if may_be_sent(message)]
    if not found:
        raise bad_request("there are no messages to forward")
    sizes = Counter(message["media_group_id"] for message in found if "media_group_id" in message)
    albums = {album: {"media_group_id": state.files.new_album()} for album, size in sizes.items() if size > 1}
    return [
        {
            "message_id": _send_again(state, to, again(message) | albums.get(message.get("media_group_id", ""), {}))[
                "message_id"
            ]
        }
        for message in found
    ]


def _send_again(state: TelegramState, to: Destination, content: Json) -> Json:
    kind = next(name for name in content if name in _CONTENT)
    text = content.get("text", content.get("caption"))
    record = sent_record(kind) | {"text": text, "raw_text": text}
    return send(state, to, content, record)


def _original(
    state: TelegramState, parameters: Parameters, verb: str, participle: str, may: Callable[[Json], bool]
) -> Json:
    """The one message to send again. MethodError 400 where it is gone, or may not be."""
    message = _source(state, parameters).messages.get(integer(parameters, "message_id", 0))
    if message is None:
        raise bad_request(f"message to {verb} not found")
    if not may(message):
        raise bad_request(f"the message can't be {participle}")
    return message


def _source(state: TelegramState, parameters: Parameters) -> ChatState:
    """The chat that `from_chat_id` names. MethodError 400."""
    if parameters.get("from_chat_id") in (None, ""):
        raise bad_request('parameter "from_chat_id" is required')
    return state.chats.visible({"chat_id": parameters["from_chat_id"]})


def _is_content(message: Json) -> bool:
    return not _CONTENT.isdisjoint(message)


def _may_be_forwarded(message: Json) -> bool:
    return _is_content(message) and not message.get("has_protected_content")


def _content_of(message: Json) -> Json:
    return {name: value for name, value in message.items() if name in _SENT_AGAIN}


def _forwarded(message: Json) -> Json:
    """The content with the origin; a forward of a forward keeps the first one."""
    return {"forward_origin": message.get("forward_origin") or origin_of(message), **_content_of(message)}


def _copied(state: TelegramState, message: Json) -> Json:
    poll = state.polls.shown_in(message)
    content = _content_of(message)
    return content if poll is None else content | {"poll": state.polls.copy(poll).as_json()}


def _without_caption(content: Json) -> Json:
    return {name: value for name, value in content.items() if name not in _CAPTION}


def _in_order(ids: list[int]) -> list[int]:
    if ids != sorted(set(ids)):
        raise bad_request("message identifiers must be in a strictly increasing order")
    return ids
