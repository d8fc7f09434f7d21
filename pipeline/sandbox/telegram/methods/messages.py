"""Methods that send messages."""

from pipeline.sandbox.json_types import Json, Parameters
from pipeline.sandbox.telegram.chats import ChatState, without_reply
from pipeline.sandbox.telegram.errors import bad_request
from pipeline.sandbox.telegram.methods.table import bot_api_method
from pipeline.sandbox.telegram.parameters import boolean, decoded, integer
from pipeline.sandbox.telegram.state import TelegramState
from pipeline.sandbox.telegram.text.entities import automatic_entities
from pipeline.sandbox.telegram.text.html_style import parse_html
from pipeline.sandbox.telegram.text.marked import MarkedText, MarkupError, stripped, utf16_length

_LONGEST_TEXT = 4096


@bot_api_method
def send_message(state: TelegramState, parameters: Parameters) -> Json:
    """The Message that was sent, which is also recorded and passed to the listeners."""
    # Like the real server: an upgraded or blocked chat is an error whatever the text is.
    chat = state.chats.writable(parameters)
    marked, parse_mode = _marked_text(parameters)
    thread_id = chat.topic(parameters)
    reply_to = _replied_message(chat, parameters)
    if thread_id is None and reply_to is not None and reply_to.get("is_topic_message"):
        thread_id = reply_to["message_thread_id"]
    state.flood.count(chat)
    message: Json = {
        "message_id": chat.new_message_id(),
        "from": state.account.as_user(),
        "chat": chat.as_json(),
    }
    if thread_id is not None:
        message |= {"message_thread_id": thread_id, "is_topic_message": True}
    message |= {"date": state.date(), "text": marked.text}
    if marked.entities:
        message["entities"] = marked.entities
    if reply_to is not None:
        message["reply_to_message"] = without_reply(reply_to)
    chat.messages[message["message_id"]] = message
    state.activity.record_sent(
        {
            "at": state.now(),
            "chat_id": chat.id,
            "message_id": message["message_id"],
            "message_thread_id": thread_id,
            "reply_to_message_id": None if reply_to is None else reply_to["message_id"],
            "text": marked.text,
            "parse_mode": parse_mode,
            "raw_text": parameters["text"],
            "disable_notification": boolean(parameters, "disable_notification"),
        }
    )
    state.activity.notify("sent", chat.id, message=message)
    return message


def _marked_text(parameters: Parameters) -> tuple[MarkedText, str | None]:
    """The text as readers see it, with its entities, and the parse mode as it was given."""
    text = parameters.get("text")
    if text is None:
        raise bad_request("message text is empty")
    if not isinstance(text, str):
        text = str(text)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise bad_request("strings must be encoded in UTF-8") from None
    parse_mode = parameters.get("parse_mode") or None
    if parse_mode is None:
        entities = decoded(parameters, "entities")
        marked = MarkedText(text, entities if isinstance(entities, list) else automatic_entities(text))
    elif str(parse_mode).lower() == "html":
        try:
            marked = parse_html(text)
        except MarkupError as error:
            raise bad_request(f"can't parse entities: {error}") from None
    else:
        # The real server knows Markdown too. Refusing it is better than letting unchecked markup pass.
        raise bad_request("unsupported parse_mode")
    marked = stripped(marked)
    if not marked.text:
        raise bad_request("message text is empty")
    if utf16_length(marked.text) > _LONGEST_TEXT:
        raise bad_request("message is too long")
    return marked, None if parse_mode is None else str(parse_mode)


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
        raise bad_request("can't parse reply parameters: expected an Object")
    if message_id == 0:
        return None
    message = chat.messages.get(message_id)
    if message is None and not optional:
        raise bad_request("message to be replied not found")
    return message
