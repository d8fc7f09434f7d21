"""What the chat page shows when it opens, read from the state of the simulated Telegram."""

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.chats import ChatState
from pipeline.sandbox.telegram.state import TelegramState


def overview(state: TelegramState) -> Json:
    """The bot, its commands, and every chat with its topics and its last message."""
    return {
        "bot": state.account.as_user(),
        "can_read_all_group_messages": False,
        "commands": list(state.commands),
        "chats": [_chat(chat) for chat in state.chats.by_id.values()],
    }


def chat_contents(state: TelegramState, chat_id: int) -> Json:
    """The messages of a chat, and what people and the bot added to them; empty for a chat that does not exist yet."""
    chat = state.chats.by_id.get(chat_id)
    return {
        "messages": [] if chat is None else list(chat.messages.values()),
        "reactions": {},
        "unseen": [],
        "members": [],
    }


def _chat(chat: ChatState) -> Json:
    return chat.as_json() | {
        "topics": [{"message_thread_id": thread_id, "name": name} for thread_id, name in chat.topics.items()],
        "last_message": chat.messages[max(chat.messages)] if chat.messages else None,
        "blocked": chat.blocked,
    }
