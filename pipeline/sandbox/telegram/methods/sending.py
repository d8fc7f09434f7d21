"""What all methods that send a message have in common: where it goes, and that it is kept, recorded and shown."""

from dataclasses import dataclass

from pipeline.sandbox.json_types import Json, Parameters
from pipeline.sandbox.telegram.chats import ChatState, without_reply
from pipeline.sandbox.telegram.content.keyboards import is_inline, reply_markup
from pipeline.sandbox.telegram.errors import bad_request
from pipeline.sandbox.telegram.parameters import boolean, decoded, integer
from pipeline.sandbox.telegram.state import TelegramState


@dataclass(frozen=True)
class Destination:
    chat: ChatState
    thread_id: int | None
    reply_to: Json | None
    silent: bool
    reply_markup: Json | None = None
    """Any of the four kinds."""


def destination(state: TelegramState, parameters: Parameters) -> Destination:
    """Where a message goes, and the keyboard that goes with it: what all methods that send take. MethodError 400, 403.

    It reads `chat_id`, `message_thread_id`, `reply_parameters`, `disable_notification` and `reply_markup`.
    """
    chat = state.chats.writable(parameters)
    markup = reply_markup(parameters, chat.type)
    thread_id = chat.topic(parameters)
    reply_to = _replied_message(chat, parameters)
    if thread_id is None and reply_to is not None and reply_to.get("is_topic_message"):
        thread_id = reply_to["message_thread_id"]
    return Destination(chat, thread_id, reply_to, boolean(parameters, "disable_notification"), markup)


def send(state: TelegramState, to: Destination, content: Json, record: Json) -> Json:
    """Keep, record and show a message of this content (Message's own fields): the Message.

    `record` is added to what tests see of it. MethodError 429 when it would break a flood limit.
    """
    chat, thread_id, reply_to = to.chat, to.thread_id, to.reply_to
    state.flood.count(chat)
    message: Json = {
        "message_id": chat.new_message_id(),
        "from": state.account.as_user(),
        "chat": chat.as_json(),
    }
    if thread_id is not None:
        message |= {"message_thread_id": thread_id, "is_topic_message": True}
    message |= {"date": state.date(), **content}
    if reply_to is not None:
        message["reply_to_message"] = without_reply(reply_to)
    markup = to.reply_markup
    if markup is not None and is_inline(markup):
        message["reply_markup"] = markup
    elif markup is not None:
        state.keyboards.keep(message, markup)
    chat.messages[message["message_id"]] = message
    state.activity.record_sent(
        {
            "at": state.now(),
            "chat_id": chat.id,
            "message_id": message["message_id"],
            "message_thread_id": thread_id,
            "reply_to_message_id": None if reply_to is None else reply_to["message_id"],
            **record,
            "disable_notification": to.silent,
            **({} if markup is None else {"reply_markup": markup}),
        }
    )
    state.end_draft(chat, thread_id)
    state.activity.notify("sent", chat.id, message=state.keyboards.shown(message))
    return message


def _replied_message(chat: ChatState, parameters: Parameters) -> Json | None:
    """The message to reply to; None without one, or where it is gone and the bot allows to send without it."""
    reply = decoded(parameters, "reply_parameters")
    if reply is None:
        message_id = integer(parameters, "reply_to_message_id", 0)
        optional = boolean(parameters, "allow_sending_without_reply")
    elif isinstance(reply, dict):
        message_id = integer(reply, "message_id", 0)
        optional = boolean(reply, "allow_sending_without_reply")
    else:
        raise bad_request("object expected as reply parameters")
    if message_id == 0:
        return None
    message = chat.messages.get(message_id)
    if message is None and not optional:
        raise bad_request("message to be replied not found")
    return message
