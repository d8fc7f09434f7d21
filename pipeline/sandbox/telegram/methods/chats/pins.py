"""Pinned messages: https://core.telegram.org/bots/api#pinchatmessage."""

from pipeline.sandbox.json_types import Parameters
from pipeline.sandbox.telegram.chats import ChatState
from pipeline.sandbox.telegram.errors import bad_request
from pipeline.sandbox.telegram.methods.table import bot_api_method
from pipeline.sandbox.telegram.parameters import integer
from pipeline.sandbox.telegram.state import TelegramState


@bot_api_method
def pin_chat_message(state: TelegramState, parameters: Parameters) -> bool:
    """In groups and channels the bot needs the right to pin, or in channels to edit messages."""
    chat = _pinnable(state, parameters)
    message_id = integer(parameters, "message_id", 0)
    if message_id not in chat.messages:
        raise bad_request("message to pin not found")
    chat.pinned = [pinned for pinned in chat.pinned if pinned != message_id] + [message_id]
    return True


@bot_api_method
def unpin_chat_message(state: TelegramState, parameters: Parameters) -> bool:
    """Without a message_id the message that was pinned last is unpinned."""
    chat = _pinnable(state, parameters)
    message_id = integer(parameters, "message_id", chat.pinned[-1] if chat.pinned else 0)
    if message_id not in chat.pinned:
        raise bad_request("message to unpin not found")
    chat.pinned.remove(message_id)
    return True


@bot_api_method
def unpin_all_chat_messages(state: TelegramState, parameters: Parameters) -> bool:
    """Nothing is pinned any more, whether or not something was."""
    _pinnable(state, parameters).pinned.clear()
    return True


def _pinnable(state: TelegramState, parameters: Parameters) -> ChatState:
    chat = state.chats.writable(parameters)
    right = "can_edit_messages" if chat.type == "channel" else "can_pin_messages"
    if chat.type != "private" and not chat.bot.may(right):
        raise bad_request("not enough rights to manage pinned messages in the chat")
    return chat
