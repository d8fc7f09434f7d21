"""Methods that edit and delete messages: https://core.telegram.org/bots/api#updating-messages."""

from typing import Any

from pipeline.sandbox.json_types import Json, Parameters
from pipeline.sandbox.telegram.chats import ChatState
from pipeline.sandbox.telegram.content.fields import refused
from pipeline.sandbox.telegram.content.keyboards import inline_keyboard
from pipeline.sandbox.telegram.content.link_previews import link_preview_options
from pipeline.sandbox.telegram.methods.table import bot_api_method
from pipeline.sandbox.telegram.parameters import boolean, decoded, integer
from pipeline.sandbox.telegram.state import TelegramState
from pipeline.sandbox.telegram.text.formatted import formatted_caption, formatted_text

_WITH_CAPTION = frozenset({"animation", "audio", "document", "paid_media", "photo", "video", "voice"})
_CAPTION_ABOVE = frozenset({"animation", "photo", "video"})
_DELETABLE_FOR = 48 * 3600
"""Seconds after a message was sent."""
_MOST_DELETED = 100


@bot_api_method
def edit_message_text(state: TelegramState, parameters: Parameters) -> Json | bool:
    """A bot edits the text of its own message; if nothing would change it is an error, and a missing keyboard goes."""
    preview = link_preview_options(parameters)
    marked = formatted_text(parameters).marked
    chat, message = message_to_edit(state, parameters)
    if "text" not in message:
        raise refused("There is no text in the message to edit")
    content: Json = {"text": marked.text, **preview}
    if marked.entities:
        content["entities"] = marked.entities
    return edit(state, chat, message, parameters, ("text", "entities", "link_preview_options"), content)


@bot_api_method
def edit_message_caption(state: TelegramState, parameters: Parameters) -> Json | bool:
    """A bot edits the caption of its own photo, video, audio, document, animation or voice; without one it goes."""
    formatted = formatted_caption(parameters)
    chat, message = message_to_edit(state, parameters)
    if _WITH_CAPTION.isdisjoint(message):
        raise refused("There is no caption in the message to edit")
    content: Json = {}
    if formatted is not None:
        content["caption"] = formatted.marked.text
        if formatted.marked.entities:
            content["caption_entities"] = formatted.marked.entities
    if boolean(parameters, "show_caption_above_media") and not _CAPTION_ABOVE.isdisjoint(message):
        content["show_caption_above_media"] = True
    replaced = ("caption", "caption_entities", "show_caption_above_media")
    return edit(state, chat, message, parameters, replaced, content)


@bot_api_method
def edit_message_reply_markup(state: TelegramState, parameters: Parameters) -> Json | bool:
    """A bot replaces the inline keyboard of its own message, or takes it away; no other kind of keyboard is edited."""
    chat, message = message_to_edit(state, parameters)
    return edit(state, chat, message, parameters, (), {})


@bot_api_method
def delete_message(state: TelegramState, parameters: Parameters) -> bool:
    """A bot deletes messages of the last 48 hours: its own, in a private chat also the user's, as administrator any."""
    if parameters.get("chat_id") in (None, ""):
        raise refused("Chat identifier is not specified")
    message_id = integer(parameters, "message_id", 0)
    if message_id == 0:
        raise refused("Message identifier is not specified")
    chat = state.chats.writable(parameters)
    if message_id not in chat.messages:
        raise refused("message to delete not found")
    _delete(state, chat, [message_id])
    return True


@bot_api_method
def delete_messages(state: TelegramState, parameters: Parameters) -> bool:
    """A bot deletes 1 to 100 messages at once; those that don't exist are skipped."""
    named = message_ids(parameters)
    chat = state.chats.writable(parameters)
    _delete(state, chat, [each for each in named if each in chat.messages])
    return True


def message_to_edit(state: TelegramState, parameters: Parameters) -> tuple[ChatState, Json]:
    """The message that `chat_id` and `message_id`, or `inline_message_id`, name. MethodError if it can't be edited."""
    message_id = integer(parameters, "message_id", 0)
    if _is_inline(parameters):
        inline_id = parameters.get("inline_message_id")
        if inline_id in (None, ""):
            raise refused("Message identifier is not specified")
        place = state.queries.place(str(inline_id))
        chat = None if place is None else state.chats.by_id.get(place[0])
        message = None if chat is None or place is None else chat.messages.get(place[1])
        if chat is None or message is None:
            raise refused("MESSAGE_ID_INVALID")
        return chat, message
    chat = state.chats.writable(parameters)
    message = chat.messages.get(message_id)
    if message is None:
        raise refused("message to edit not found")
    if not _is_own(state, message) or "forward_origin" in message or state.keyboards.of(message) is not None:
        # A message with a reply keyboard stays as it is.
        raise refused("Message can't be edited")
    return chat, message


def _is_inline(parameters: Parameters) -> bool:
    return parameters.get("chat_id") in (None, "") and integer(parameters, "message_id", 0) == 0


def _is_own(state: TelegramState, message: Json) -> bool:
    """Whether the bot sent it, or a person via the bot."""
    authors = [message.get(name, {}).get("id") for name in ("from", "via_bot")]
    return state.account.bot_id in authors


def edit(
    state: TelegramState,
    chat: ChatState,
    message: Json,
    parameters: Parameters,
    replaced: tuple[str, ...],
    content: Json,
) -> Json | bool:
    """Put `content` in place of the fields `replaced`, and the given keyboard in place of the old one: the Message.

    True for a message that was sent via the bot. MethodError 400 when nothing would change.
    """
    markup = inline_keyboard(parameters, chat.type)
    kept = {name: value for name, value in message.items() if name not in (*replaced, "reply_markup", "edit_date")}
    edited = kept | content
    if markup is not None:
        # Whether it forces a reply was settled when the message was sent.
        forced = {name: value for name, value in message.get("reply_markup", {}).items() if name == "force_reply"}
        edited["reply_markup"] = {"inline_keyboard": markup["inline_keyboard"], **forced}
    if edited == {name: value for name, value in message.items() if name != "edit_date"}:
        raise refused(
            "message is not modified: specified new message content and reply markup are exactly the same as a current"
            " content and reply markup of the message"
        )
    # A changed copy: updates and answers that hold the original keep it as it was.
    edited["edit_date"] = state.date()
    chat.messages[message["message_id"]] = edited
    state.activity.notify("edited", chat.id, message=edited)
    return True if _is_inline(parameters) else edited


def _delete(state: TelegramState, chat: ChatState, message_ids: list[int]) -> None:
    if not all(_is_deletable(state, chat, chat.messages[each]) for each in message_ids):
        for_everyone = " for everyone" if chat.type in ("private", "group") else ""
        raise refused(f"Message can't be deleted{for_everyone}")
    for message_id in message_ids:
        if chat.messages.pop(message_id, None) is not None:
            state.activity.notify("deleted", chat.id, message_id=message_id)


def _is_deletable(state: TelegramState, chat: ChatState, message: Json) -> bool:
    if state.date() - message["date"] > _DELETABLE_FOR:
        return False
    if chat.type == "private" or _is_own(state, message):
        return True
    return chat.bot.is_administrator if chat.type == "group" else chat.bot.may("can_delete_messages")


def message_ids(parameters: Parameters) -> list[int]:
    """The parameter `message_ids`, 1 to 100 of them. MethodError 400."""
    given: Any = decoded(parameters, "message_ids", "can't parse message_ids JSON object")
    if given in (None, []):
        raise refused("Message identifiers are not specified")
    if not isinstance(given, list):
        raise refused("Expected an Array of message identifiers")
    if len(given) > _MOST_DELETED:
        raise refused("Too many message identifiers specified")
    return [_message_id(each) for each in given]


def _message_id(given: Any) -> int:
    if isinstance(given, bool) or not isinstance(given, int | str):
        raise refused("Message identifier must be a Number")
    try:
        message_id = int(given)
    except ValueError:
        raise refused("Can't parse message identifier as Number") from None
    if message_id <= 0:
        raise refused("Invalid message identifier specified")
    return message_id
