"""People create topics in a group, and upgrade a group to a supergroup."""

from pydantic import BaseModel, ConfigDict

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.people.messages import UserMessage, write_message
from pipeline.sandbox.telegram.people.table import person_action
from pipeline.sandbox.telegram.state import TelegramState


class NewTopic(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"chat_id": -1001000000001, "message_thread_id": 7, "name": "Questions"}]},
    )

    chat_id: int
    message_thread_id: int
    name: str = "Topic"


class Migration(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"chat_id": -5, "new_chat_id": -1001000000005}]}
    )

    chat_id: int
    new_chat_id: int


@person_action("topics")
def open_topic(state: TelegramState, given: NewTopic) -> Json:
    """A person creates a forum topic in a supergroup."""
    state.chats.existing_or_new(given.chat_id, "supergroup").open_topic(given.message_thread_id, given.name)
    state.activity.notify("about", given.chat_id)
    return {"ok": True}


@person_action("migrate")
def migrate(state: TelegramState, given: Migration) -> Json:
    """A group becomes a supergroup: both get their service message, the old one refuses the bot's messages."""
    old = state.chats.existing_or_new(given.chat_id, "group")
    new = state.chats.existing_or_new(given.new_chat_id, "supergroup")
    new.title, new.bot, new.members = old.title, old.bot, dict(old.members)
    write_message(state, UserMessage(chat_id=old.id, user_id=1, extra={"migrate_to_chat_id": new.id}))
    write_message(state, UserMessage(chat_id=new.id, user_id=1, extra={"migrate_from_chat_id": old.id}))
    old.migrated_to = new.id
    state.activity.notify("about", new.id)
    return {"ok": True}
