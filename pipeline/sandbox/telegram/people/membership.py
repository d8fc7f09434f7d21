"""People block the bot, and create topics."""

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.state import TelegramState


def block(state: TelegramState, chat_id: int, blocked: bool) -> int | None:
    """The user blocks or unblocks the bot, or a group removes or readmits it: the update_id of my_chat_member."""
    chat = state.chats.existing_or_new(chat_id)
    before, chat.blocked = chat.blocked, blocked
    change: Json = {
        "chat": chat.as_json(),
        "from": state.chats.user(chat_id if chat.type == "private" else 1, {}),
        "date": state.date(),
        "old_chat_member": _bots_membership(state, blocked=before),
        "new_chat_member": _bots_membership(state, blocked=blocked),
    }
    return state.updates.offer("my_chat_member", change)


def create_topic(state: TelegramState, chat_id: int, message_thread_id: int, name: str) -> None:
    """A forum topic. ValueError outside supergroups, and for the General topic (1), which has no thread id."""
    if message_thread_id <= 1:
        raise ValueError("the General topic has no thread of its own: use an id above 1")
    chat = state.chats.existing_or_new(chat_id, "supergroup")
    if chat.type != "supergroup":
        raise ValueError("only a supergroup has topics")
    chat.topics[message_thread_id] = name
    chat.last_message_id = max(chat.last_message_id, message_thread_id)


def _bots_membership(state: TelegramState, *, blocked: bool) -> Json:
    member: Json = {"user": state.account.as_user(), "status": "kicked" if blocked else "member"}
    return member | {"until_date": 0} if blocked else member
