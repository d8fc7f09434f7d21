"""People block the bot, and create topics."""

from pydantic import BaseModel, ConfigDict

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.chat_state.members import Member
from pipeline.sandbox.telegram.people.table import person_action
from pipeline.sandbox.telegram.state import TelegramState


class Block(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"chat_id": 1}]})

    chat_id: int
    blocked: bool = True


class NewTopic(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"chat_id": -1001000000001, "message_thread_id": 7, "name": "Questions"}]},
    )

    chat_id: int
    message_thread_id: int
    name: str = "Topic"


@person_action("block")
def block(state: TelegramState, given: Block) -> Json:
    """The user blocks or unblocks the bot, or a group removes or readmits it: the update_id of my_chat_member."""
    chat = state.chats.existing_or_new(given.chat_id)
    allowed = Member("administrator" if chat.type == "channel" else "member")
    before, chat.bot = chat.bot, Member("kicked") if given.blocked else allowed
    person = state.chats.user(chat.id if chat.type == "private" else 1, {})
    change = state.membership_change(chat, person, state.account.as_user(), before, chat.bot)
    return {"update_id": state.updates.offer("my_chat_member", change)}


@person_action("topics")
def open_topic(state: TelegramState, given: NewTopic) -> Json:
    """A person creates a forum topic in a supergroup."""
    create_topic(state, given.chat_id, given.message_thread_id, given.name)
    return {"ok": True}


def create_topic(state: TelegramState, chat_id: int, message_thread_id: int, name: str) -> None:
    """A forum topic. ValueError outside supergroups, and for the General topic (1), which has no thread id."""
    if message_thread_id <= 1:
        raise ValueError("the General topic has no thread of its own: use an id above 1")
    chat = state.chats.existing_or_new(chat_id, "supergroup")
    if chat.type != "supergroup":
        raise ValueError("only a supergroup has topics")
    chat.topics[message_thread_id] = name
    chat.last_message_id = max(chat.last_message_id, message_thread_id)
