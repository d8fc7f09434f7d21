"""The bot's reactions: https://core.telegram.org/bots/api#setmessagereaction."""

from pipeline.sandbox.json_types import Json, Parameters
from pipeline.sandbox.telegram.chat_state.reactions import emoji_reaction, is_known
from pipeline.sandbox.telegram.errors import bad_request
from pipeline.sandbox.telegram.methods.table import bot_api_method
from pipeline.sandbox.telegram.parameters import decoded, integer
from pipeline.sandbox.telegram.state import TelegramState


@bot_api_method
def set_message_reaction(state: TelegramState, parameters: Parameters) -> bool:
    """A bot has at most one reaction to a message, an emoji of Telegram's list; an empty list removes it."""
    given = decoded(parameters, "reaction", "can't parse reaction types JSON object") or []
    if not isinstance(given, list):
        raise bad_request("expected an Array of ReactionType")
    reactions = [_reaction(each) for each in given]
    chat = state.chats.writable(parameters)
    message_id = integer(parameters, "message_id", 0)
    if message_id not in chat.messages:
        raise bad_request("message to react not found")
    if len(reactions) > 1:
        raise bad_request("REACTIONS_TOO_MANY")
    present = [count["type"] for count in chat.reactions.counts(message_id)]
    if any(not is_known(each) or (each["type"] == "custom_emoji" and each not in present) for each in reactions):
        raise bad_request("REACTION_INVALID")
    chat.reactions.put(message_id, state.account.bot_id, reactions)
    state.activity.notify("reaction", chat.id, message_id=message_id, user_id=None, reaction=reactions)
    return True


def _reaction(value: object) -> Json:
    if not isinstance(value, dict):
        raise bad_request("can't parse ReactionType: expected an Object")
    kind = value.get("type")
    if kind not in ("emoji", "custom_emoji"):
        reason = "invalid reaction type specified" if "type" in value else 'Can\'t find field "type"'
        raise bad_request(f"can't parse ReactionType: {reason}")
    name = "emoji" if kind == "emoji" else "custom_emoji_id"
    if not isinstance(value.get(name), str):
        raise bad_request(f"can't parse ReactionType: Can't find field \"{name}\"")
    return emoji_reaction(value["emoji"]) if kind == "emoji" else {"type": kind, name: value[name]}
