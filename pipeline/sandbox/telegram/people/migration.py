"""People upgrade a group to a supergroup."""

from pipeline.sandbox.telegram.people.messages import UserMessage, write_message
from pipeline.sandbox.telegram.state import TelegramState


def migrate(state: TelegramState, chat_id: int, new_chat_id: int) -> None:
    """Both chats get their service message; from then on the old one refuses the bot's messages."""
    old = state.chats.existing_or_new(chat_id, "group")
    new = state.chats.existing_or_new(new_chat_id, "supergroup")
    new.title = old.title
    write_message(state, UserMessage(chat_id=old.id, user_id=1, extra={"migrate_to_chat_id": new_chat_id}))
    write_message(state, UserMessage(chat_id=new.id, user_id=1, extra={"migrate_from_chat_id": chat_id}))
    old.migrated_to = new_chat_id
