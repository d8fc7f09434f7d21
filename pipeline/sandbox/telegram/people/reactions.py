"""People react to messages."""

from pydantic import BaseModel, ConfigDict, Field

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.chat_state.reactions import emoji_reaction, is_known
from pipeline.sandbox.telegram.people.table import person_action
from pipeline.sandbox.telegram.state import TelegramState


class PersonReaction(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"chat_id": -1001000000009, "message_id": 1, "emoji": ["👍"]}]}
    )

    chat_id: int
    message_id: int
    user_id: int | None = Field(default=None, description="By default the chat's id in a private chat, else 1.")
    emoji: list[str] = Field(default_factory=list, max_length=3, description="Without any the reaction is removed.")
    anonymous: bool = Field(default=False, description="The bot learns only how many reacted; always so in a channel.")


@person_action("reactions")
def react(state: TelegramState, given: PersonReaction) -> Json:
    """A reaction reaches the bot only where it is an administrator, never in a private chat: the update_id.

    And only when the bot asks for message_reaction or, for anonymous reactions, for message_reaction_count.
    """
    chat = state.chats.by_id[given.chat_id]
    if given.message_id not in chat.messages:
        raise KeyError(f"chat {chat.id} has no message {given.message_id}")
    user_id = chat.person(given.user_id)
    before, after = chat.reactions.of(given.message_id, user_id), [emoji_reaction(emoji) for emoji in given.emoji]
    unknown = [reaction["emoji"] for reaction in after if not is_known(reaction)]
    if unknown:
        raise ValueError(f"Telegram has no such reaction: {unknown[0]}")
    user = state.chats.user(user_id, {})
    chat.reactions.put(given.message_id, user_id, after)
    state.activity.notify("reaction", chat.id, message_id=given.message_id, user_id=user_id, reaction=after)
    if chat.type == "private" or not chat.bot.is_administrator or before == after:
        return {"update_id": None}
    change: Json = {"chat": chat.as_json(), "message_id": given.message_id, "date": state.date()}
    if given.anonymous or chat.type == "channel":
        counts = chat.reactions.counts(given.message_id)
        return {"update_id": state.updates.offer("message_reaction_count", change | {"reactions": counts})}
    change |= {"user": user, "old_reaction": before, "new_reaction": after}
    return {"update_id": state.updates.offer("message_reaction", change)}
