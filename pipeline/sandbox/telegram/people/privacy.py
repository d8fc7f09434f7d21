"""Privacy mode, which the bot's owner sets, and what it keeps from the bot."""

from pydantic import BaseModel, ConfigDict

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.chat_state.privacy import reaches_bot
from pipeline.sandbox.telegram.chats import ChatState
from pipeline.sandbox.telegram.people.table import person_action
from pipeline.sandbox.telegram.state import TelegramState


class Privacy(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"enabled": True}]})

    enabled: bool = True


@person_action("privacy")
def set_privacy(state: TelegramState, given: Privacy) -> Json:
    """In privacy mode a bot that is no administrator gets only those messages of a group that concern it.

    https://core.telegram.org/bots/features#privacy-mode; a new simulated bot has it switched off.
    """
    state.account.privacy_mode = given.enabled
    state.activity.notify("about")
    return {"enabled": given.enabled}


def offer_message(state: TelegramState, chat: ChatState, kind: str, message: Json) -> int | None:
    """Queue a person's message or edit: the update_id; None when privacy mode or `allowed_updates` keeps it back."""
    return state.updates.offer(kind, message) if sees(state, chat, message) else None


def sees(state: TelegramState, chat: ChatState, message: Json) -> bool:
    """Whether privacy mode lets the bot have a message."""
    if not state.account.privacy_mode or chat.type not in ("group", "supergroup") or chat.bot.is_administrator:
        return True
    return reaches_bot(message, state.account.as_user(), last_bot_id=_last_bot(chat, before=message["message_id"]))


def _last_bot(chat: ChatState, before: int) -> int | None:
    """The bot that wrote the last message of a bot before this one; None when none wrote any."""
    for message in reversed(chat.messages.values()):
        author = message.get("from") or {}
        if message["message_id"] < before and author.get("is_bot"):
            return int(author["id"])
    return None
