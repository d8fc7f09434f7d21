"""What all methods that send a message have in common: where it goes, and that it is kept, recorded and shown."""

from dataclasses import dataclass

from pipeline.sandbox.json_types import Json, Parameters
from pipeline.sandbox.telegram.chats import ChatState
from pipeline.sandbox.telegram.content.keyboards import is_inline, reply_markup
from pipeline.sandbox.telegram.methods.replies import RepliedMessage, reply_of
from pipeline.sandbox.telegram.parameters import boolean
from pipeline.sandbox.telegram.state import TelegramState


@dataclass(frozen=True)
class Destination:
    chat: ChatState
    thread_id: int | None
    reply: RepliedMessage | None
    silent: bool
    protected: bool
    reply_markup: Json | None = None
    """Any of the four kinds."""


def destination(state: TelegramState, parameters: Parameters) -> Destination:
    """Where a message goes, and the keyboard that goes with it: what all methods that send take. MethodError 400, 403.

    It reads `chat_id`, `message_thread_id`, `reply_parameters`, `disable_notification`, `protect_content` and
    `reply_markup`.
    """
    chat = state.chats.writable(parameters)
    markup = reply_markup(parameters, chat.type)
    thread_id = chat.topic(parameters)
    reply = reply_of(state, chat, parameters)
    if thread_id is None and reply is not None:
        thread_id = reply.thread_id
    silent, protected = boolean(parameters, "disable_notification"), boolean(parameters, "protect_content")
    return Destination(chat, thread_id, reply, silent, protected, markup)


def send(state: TelegramState, to: Destination, content: Json, record: Json) -> Json:
    """Keep, record and show a message of this content (Message's own fields): the Message.

    `record` is added to what tests see of it. MethodError 429 when it would break a flood limit.
    """
    chat, thread_id, reply = to.chat, to.thread_id, to.reply
    state.flood.count(chat)
    message: Json = {
        "message_id": chat.new_message_id(),
        "from": state.account.as_user(),
        "chat": chat.as_json(),
    }
    if thread_id is not None:
        message |= {"message_thread_id": thread_id, "is_topic_message": True}
    message |= {"date": state.date(), **content}
    if reply is not None:
        message |= reply.fields
    if to.protected:
        message["has_protected_content"] = True
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
            "reply_to_message_id": None if reply is None else reply.message_id,
            **record,
            "disable_notification": to.silent,
            **({} if markup is None else {"reply_markup": markup}),
        }
    )
    state.end_draft(chat, thread_id)
    state.activity.notify("sent", chat.id, message=state.keyboards.shown(message))
    return message
