"""What a chat is, and what the bot is doing in it: https://core.telegram.org/bots/api#getchat."""

from pipeline.sandbox.json_types import Json, Parameters
from pipeline.sandbox.telegram.errors import bad_request
from pipeline.sandbox.telegram.methods.table import bot_api_method
from pipeline.sandbox.telegram.parameters import integer
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
        "cancel",
    ]
)
_EARLIER_NAMES = {
    "record_audio": "record_voice",
    "upload_audio": "upload_voice",
    "pick_up_location": "find_location",
}
"""What earlier versions of the Bot API called an action. The server knows them still, and libraries offer them."""


@bot_api_method
def get_chat(state: TelegramState, parameters: Parameters) -> Json:
    """The ChatFullInfo has every field that it must have; of the optional ones those that the chat has."""
    return state.chats.visible(parameters).as_full_info()


@bot_api_method
def get_user_profile_photos(state: TelegramState, parameters: Parameters) -> Json:
    """A user who was seen has no photos; an unknown one is an error."""
    user_id = integer(parameters, "user_id", 0)
    if user_id <= 0:
        raise bad_request("invalid user_id specified")
    if user_id != state.account.bot_id and state.chats.known_user(user_id) is None:
        raise bad_request("user not found")
    return {"total_count": 0, "photos": []}


@bot_api_method
def send_chat_action(state: TelegramState, parameters: Parameters) -> bool:
    """The action is one of a list, and the chat is one that the bot may write in."""
    chat = state.chats.writable(parameters)
    given = str(parameters.get("action", "")).lower()
    action = _EARLIER_NAMES.get(given, given)
    if action not in _CHAT_ACTIONS:
        raise bad_request("wrong parameter action in request")
    thread_id = chat.topic(parameters)
    record = {"at": state.now(), "chat_id": chat.id, "action": action, "message_thread_id": thread_id}
    state.activity.actions.append(record)
    state.activity.notify("action", chat.id, action=action)
    return True
