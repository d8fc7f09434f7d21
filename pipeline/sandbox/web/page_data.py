"""What the chat page shows when it opens, read from the state of the simulated Telegram."""

import json

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.chats import ChatState
from pipeline.sandbox.telegram.people.privacy import sees
from pipeline.sandbox.telegram.state import TelegramState


def overview(state: TelegramState) -> Json:
    """The bot, and every chat with its topics, its last message and the commands that it offers."""
    return {
        "bot": state.account.as_user(),
        "privacy_mode": state.account.privacy_mode,
        "commands": _commands(state, None),
        "chats": [_chat(state, chat) for chat in state.chats.by_id.values()],
    }


def chat_contents(state: TelegramState, chat_id: int) -> Json:
    """The messages of a chat, and what belongs to them; empty for a chat that does not exist yet."""
    chat = state.chats.by_id.get(chat_id)
    if chat is None:
        return {"messages": [], "reactions": [], "votes": [], "unseen": [], "drafts": [], "members": []}
    messages = list(chat.messages.values())
    return {
        "messages": [state.keyboards.shown(message) for message in messages],
        "reactions": [
            {"message_id": message_id, "user_id": user_id, "reaction": reaction}
            for message_id, given in chat.reactions.by_message.items()
            for user_id, reaction in given.items()
        ],
        "votes": [
            {"message_id": message["message_id"], "user_id": user_id, "option_ids": chosen}
            for message in messages
            if (poll := state.polls.shown_in(message)) is not None
            for user_id, chosen in poll.votes.items()
        ],
        "unseen": [message["message_id"] for message in messages if not _is_seen(state, chat, message)],
        "drafts": [draft.as_json(thread_id) for thread_id, draft in chat.drafts.shown(state.now()).items()],
        "members": [
            {"user": state.chats.known_user(user_id) or {"id": user_id}, "status": member.status}
            for user_id, member in chat.members.items()
        ],
    }


def _is_seen(state: TelegramState, chat: ChatState, message: Json) -> bool:
    """Whether the bot has a message: its own, or one that privacy mode lets it have."""
    return message.get("from", {}).get("id") == state.account.bot_id or sees(state, chat, message)


def _chat(state: TelegramState, chat: ChatState) -> Json:
    return chat.as_json() | {
        "topics": [{"message_thread_id": thread_id, "name": name} for thread_id, name in chat.topics.items()],
        "last_message": chat.messages[max(chat.messages)] if chat.messages else None,
        "bot_status": chat.bot.status,
        "commands": _commands(state, chat),
    }


def _commands(state: TelegramState, chat: ChatState | None) -> list[Json]:
    """The commands that people are offered in a chat: those of the narrowest scope that has any.

    https://core.telegram.org/bots/api#determining-list-of-commands, without scopes of administrators and languages.
    """
    scopes = [["default"]]
    if chat is not None:
        scopes = [["chat", str(chat.id)], [f"all_{'private' if chat.type == 'private' else 'group'}_chats"], *scopes]
    found = (state.profile.commands.get((json.dumps(scope), "")) for scope in scopes)
    return next(filter(None, found), [])
