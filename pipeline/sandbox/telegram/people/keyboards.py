"""People press the buttons of a reply keyboard: https://core.telegram.org/bots/api#replykeyboardmarkup."""

from pydantic import BaseModel, ConfigDict, Field

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.people.messages import UserMessage, write_message
from pipeline.sandbox.telegram.people.table import person_action
from pipeline.sandbox.telegram.state import TelegramState


class KeyPress(BaseModel):
    """A press on the button with this text, of the keyboard that the person sees in the chat."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"text": "Tea"}]})

    chat_id: int = 1
    text: str = Field(description="The button's label.")
    user_id: int | None = Field(default=None, description="By default the chat's id in a private chat, else 1.")
    phone_number: str = Field(default="+15550100", description="For a button that asks for the contact.")
    latitude: float = Field(default=0.0, description="For a button that asks for the location.")
    longitude: float = Field(default=0.0, description="For a button that asks for the location.")
    shared_user_ids: list[int] = Field(default=[], description="For a button that asks for users.")
    shared_chat_id: int | None = Field(default=None, description="For a button that asks for a chat.")
    web_app_data: str | None = Field(default=None, description="For a button that opens a Web App: what it sends.")


@person_action("keyboard")
def press_key(state: TelegramState, given: KeyPress) -> Json:
    """A reply keyboard's button sends its text as the person's message, in a group as a reply; or what it asks for."""
    chat = state.chats.by_id.get(given.chat_id)
    if chat is None:
        raise KeyError(f"there is no chat {given.chat_id}")
    user = state.chats.user(chat.person(given.user_id), {})
    keyboard = state.keyboards.current(chat, user)
    buttons = [] if keyboard is None else [button for row in keyboard.markup["keyboard"] for button in row]
    button = next((each for each in buttons if each["text"] == given.text), None)
    if keyboard is None or button is None:
        raise ValueError(f"user {user['id']} sees no button {given.text!r} in chat {chat.id}")
    brought_by = chat.messages[keyboard.message_id]
    delivered = write_message(
        state,
        UserMessage(
            chat_id=chat.id,
            user_id=user["id"],
            first_name=user["first_name"],
            # What groups' apps do, so that a bot in privacy mode gets it.
            reply_to_message_id=None if chat.type == "private" else keyboard.message_id,
            message_thread_id=brought_by["message_thread_id"] if brought_by.get("is_topic_message") else None,
            **_content(button, given, user),
        ),
    )
    return {"update_id": delivered.update_id, "message_id": delivered.message_id}


def _content(button: Json, given: KeyPress, user: Json) -> Json:
    """Arguments of the message. ValueError when `given` lacks what the button asks for."""
    if "request_contact" in button:
        contact = {"phone_number": given.phone_number, "first_name": user["first_name"], "user_id": user["id"]}
        return {"extra": {"contact": contact}}
    if "request_location" in button:
        return {"extra": {"location": {"latitude": given.latitude, "longitude": given.longitude}}}
    if "request_users" in button:
        request = button["request_users"]
        if not 1 <= len(given.shared_user_ids) <= request.get("max_quantity", 1):
            raise ValueError(f"the button asks for 1 to {request.get('max_quantity', 1)} of shared_user_ids")
        users = [{"user_id": user_id} for user_id in given.shared_user_ids]
        return {"extra": {"users_shared": {"request_id": request["request_id"], "users": users}}}
    if "request_chat" in button:
        if given.shared_chat_id is None:
            raise ValueError("the button asks for shared_chat_id")
        shared = {"request_id": button["request_chat"]["request_id"], "chat_id": given.shared_chat_id}
        return {"extra": {"chat_shared": shared}}
    if "web_app" in button:
        if given.web_app_data is None:
            raise ValueError("the button asks for web_app_data")
        return {"extra": {"web_app_data": {"data": given.web_app_data, "button_text": button["text"]}}}
    if "request_poll" in button:
        raise ValueError("a button that asks for a poll is shown, but pressing it is not simulated")
    return {"text": button["text"]}
