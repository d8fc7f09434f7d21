"""People write, edit and delete messages."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, field_validator

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.chats import ChatState, ChatType, without_reply
from pipeline.sandbox.telegram.people.attachments import Attachment, attachment_fields
from pipeline.sandbox.telegram.people.privacy import offer_message, sees
from pipeline.sandbox.telegram.state import TelegramState
from pipeline.sandbox.telegram.text.entities import automatic_entities

_OWN = frozenset({"message_id", "chat", "from", "date"})
"""Fields of a Message that the simulator fills in."""
_TYPES: dict[str, type] = {
    **dict.fromkeys(("text", "caption"), str),
    **dict.fromkeys(("entities", "caption_entities", "photo"), list),
    **dict.fromkeys(
        ("poll", "reply_markup", "reply_to_message", "via_bot", "forward_origin", "sender_chat"),
        dict,
    ),
}
"""Of fields that the simulator reads again."""
_NAMES: dict[type, str] = {str: "string", list: "array", dict: "object"}


class UserMessage(BaseModel):
    """A message that a person writes, or edits. The chat and the user come into being with their first message."""

    model_config = ConfigDict(extra="forbid")

    chat_id: int = 1
    chat_type: ChatType | None = Field(
        default=None,
        description="For a new chat. By default private, or a group when the id is negative.",
    )
    title: str | None = None
    user_id: int | None = Field(default=None, description="By default the chat's id in a private chat, else 1.")
    first_name: str = "Ada"
    username: str | None = None
    language_code: str | None = None
    is_bot: bool = False
    sender_chat_id: int | None = Field(default=None, description="Sent on behalf of this chat.")
    text: str | None = None
    caption: str | None = None
    photo: bool = Field(default=False, description="A photo that is made up.")
    media: Attachment | None = Field(default=None, description="A file: a photo, a document, a voice message …")
    entities: list[Json] | None = Field(default=None, description="By default they are found in the text.")
    reply_to_message_id: int | None = None
    message_thread_id: int | None = Field(default=None, description="A forum topic; created when unknown.")
    edited_message_id: int | None = Field(default=None, description="Edit this message instead of writing a new one.")
    new_chat_members: list[Json] | None = Field(default=None, description="Makes it a service message.")
    extra: Json = Field(default_factory=dict, description="More fields of the Message, taken as they are.")

    @field_validator("entities")
    @classmethod
    def _of_a_place(cls, given: list[Json] | None) -> list[Json] | None:
        for entity in given or []:
            if not all(type(entity.get(name)) is of for name, of in (("type", str), ("offset", int), ("length", int))):
                raise ValueError("an entity has a type, an offset and a length")
        return given

    @field_validator("extra")
    @classmethod
    def _readable(cls, given: Json) -> Json:
        for name, value in given.items():
            if name in _OWN:
                raise ValueError(f"the simulator itself fills in {name}")
            if not isinstance(value, _TYPES.get(name, object)):
                raise ValueError(f"{name} must be a JSON {_NAMES[_TYPES[name]]}")
        return given


@dataclass(frozen=True)
class Delivered:
    """The result of a person's message. `update_id` is None when `allowed_updates` keeps the update from the bot."""

    update_id: int | None
    message_id: int


def write_message(state: TelegramState, given: UserMessage) -> Delivered:
    """A message, or an edit, reaches the bot. A blocked bot receives it all the same, which is handy in tests.

    KeyError when the message to edit doesn't exist, ValueError for a topic that the chat can't have.
    """
    chat = state.chats.existing_or_new(given.chat_id, given.chat_type)
    if given.title is not None or (chat.type != "private" and chat.title is None):
        chat.title = given.title or f"Chat {chat.id}"
    if given.message_thread_id is not None and given.message_thread_id not in chat.topics:
        chat.open_topic(given.message_thread_id, f"Topic {given.message_thread_id}")
    if given.edited_message_id is not None:
        return _edit(state, chat, given.edited_message_id, given)
    message: Json = {"message_id": chat.new_message_id()}
    user = _author(state, chat, given)
    if user is not None:
        message["from"] = user
        if chat.type == "private":
            chat.first_name, chat.username = user["first_name"], user.get("username")
    if given.sender_chat_id is not None or chat.type == "channel":
        sender_id = given.sender_chat_id if given.sender_chat_id is not None else chat.id
        known = state.chats.by_id.get(sender_id)
        message["sender_chat"] = known.as_json() if known else {"id": sender_id, "type": "channel"}
    message |= {"chat": chat.as_json(), "date": state.date()}
    if given.message_thread_id is not None:
        message |= {"message_thread_id": given.message_thread_id, "is_topic_message": True}
    if given.reply_to_message_id is not None:
        message |= _reply_fields(chat, given.reply_to_message_id, in_topic="message_thread_id" in message)
    message |= _content(state, given)
    chat.messages[message["message_id"]] = message
    kind = "channel_post" if chat.type == "channel" else "message"
    state.activity.notify("message", chat.id, message=message, seen_by_bot=sees(state, chat, message))
    return Delivered(offer_message(state, chat, kind, message), message["message_id"])


def delete_message(state: TelegramState, chat_id: int, message_id: int) -> bool:
    """The bot is not told. False when there is no such message."""
    chat = state.chats.by_id.get(chat_id)
    if chat is None or chat.messages.pop(message_id, None) is None:
        return False
    state.activity.notify("deleted", chat_id, message_id=message_id)
    return True


def _edit(state: TelegramState, chat: ChatState, message_id: int, given: UserMessage) -> Delivered:
    original = chat.messages.get(message_id)
    if original is None:
        raise KeyError(f"chat {chat.id} has no message {message_id}")
    # A changed copy: the update of the original keeps its own text.
    kept = {name: value for name, value in original.items() if name not in ("entities", "caption_entities")}
    edited = kept | {"edit_date": state.date()} | _content(state, given)
    chat.messages[message_id] = edited
    kind = "edited_channel_post" if chat.type == "channel" else "edited_message"
    state.activity.notify("edited", chat.id, message=edited)
    return Delivered(offer_message(state, chat, kind, edited), message_id)


def _author(state: TelegramState, chat: ChatState, given: UserMessage) -> Json | None:
    if chat.type == "channel":
        return None
    user_id = chat.person(given.user_id)
    chat.join(user_id)
    profile = {
        "is_bot": given.is_bot,
        "first_name": given.first_name,
        "username": given.username,
        "language_code": given.language_code,
    }
    return state.chats.user(user_id, profile)


def _reply_fields(chat: ChatState, replied_id: int, *, in_topic: bool) -> Json:
    original = chat.messages.get(replied_id)
    if original is None:
        return {}
    fields: Json = {"reply_to_message": without_reply(original)}
    if chat.type == "supergroup" and not in_topic:
        # A thread of replies uses the same field as a topic, but the bot can't write to it like to a topic.
        fields["message_thread_id"] = replied_id
    return fields


def _content(state: TelegramState, given: UserMessage) -> Json:
    content: Json = {}
    if given.new_chat_members is not None:
        content["new_chat_members"] = given.new_chat_members
    if given.media is not None or given.photo:
        content |= attachment_fields(state.files, given.media or Attachment(kind="photo"))
    for name, entities_name in (("text", "entities"), ("caption", "caption_entities")):
        text = getattr(given, name)
        if text is None:
            continue
        content[name] = text
        entities = given.entities if given.entities is not None else automatic_entities(text)
        if entities:
            content[entities_name] = entities
    return content | given.extra
