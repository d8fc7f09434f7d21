"""Methods about a chat."""

from pipeline.sandbox.json_types import Json, Parameters
from pipeline.sandbox.telegram.errors import bad_request
from pipeline.sandbox.telegram.methods.table import bot_api_method
from pipeline.sandbox.telegram.state import TelegramState

_CHAT_ACTIONS = frozenset(
    [
        "typing",
        "upload_photo",
        "record_video",
        "upload_video",
        "record_voice",
        "upload_voice",
        "upload_document",
        "choose_sticker",
        "find_location",
        "record_video_note",
        "upload_video_note",
    ]
)


@bot_api_method
def get_chat(state: TelegramState, parameters: Parameters) -> Json:
    """It returns the Chat object; fields that only getChat returns are not simulated."""
    return state.chats.addressed(parameters).as_json()


@bot_api_method
def send_chat_action(state: TelegramState, parameters: Parameters) -> bool:
    """The action is one of Telegram's list, and is shown in the chat."""
    chat = state.chats.writable(parameters)
    action = str(parameters.get("action", ""))
    if action not in _CHAT_ACTIONS:
        raise bad_request("wrong parameter action in request")
    thread_id = chat.topic(parameters)
    record = {"at": state.now(), "chat_id": chat.id, "action": action, "message_thread_id": thread_id}
    state.activity.actions.append(record)
    state.activity.notify("action", chat.id, action=action)
    return True
