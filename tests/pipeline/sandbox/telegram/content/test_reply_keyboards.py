"""Who sees which reply keyboard."""

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.chats import ChatState
from pipeline.sandbox.telegram.content.reply_keyboards import ReplyKeyboards

ADA: Json = {"id": 1, "first_name": "Ada", "username": "ada"}
BOB: Json = {"id": 2, "first_name": "Bob"}
KEYS: Json = {"keyboard": [[{"text": "Yes"}]]}


def _sent(keyboards: ReplyKeyboards, chat: ChatState, markup: Json, **more: object) -> Json:
    message: Json = {"message_id": chat.new_message_id(), "chat": chat.as_json(), **more}
    chat.messages[message["message_id"]] = message
    keyboards.keep(message, markup)
    return message


def test_the_last_keyboard_stays_until_it_is_removed() -> None:
    """ReplyKeyboardRemove: custom keyboards are displayed until a new keyboard is sent, or removed."""
    keyboards, chat = ReplyKeyboards(), ChatState(1, "private")
    assert keyboards.current(chat, ADA) is None
    _sent(keyboards, chat, {"keyboard": [[{"text": "Old"}]]})
    message = _sent(keyboards, chat, KEYS)
    _sent(keyboards, chat, {"force_reply": True})
    current = keyboards.current(chat, ADA)
    assert current is not None
    assert (current.message_id, current.markup) == (message["message_id"], KEYS)
    _sent(keyboards, chat, {"remove_keyboard": True})
    assert keyboards.current(chat, ADA) is None


def test_a_deleted_message_takes_its_keyboard_away() -> None:
    """No rule of the Bot API: what Telegram's apps do."""
    keyboards, chat = ReplyKeyboards(), ChatState(1, "private")
    message = _sent(keyboards, chat, KEYS)
    del chat.messages[message["message_id"]]
    assert keyboards.current(chat, ADA) is None


def test_a_selective_keyboard_is_for_who_is_mentioned_or_answered() -> None:
    """ReplyKeyboardMarkup: selective shows it to users that are mentioned, and to the replied message's sender."""
    chat = ChatState(-1, "group")
    mention: Json = {"text": "🎉 @Ada", "entities": [{"type": "mention", "offset": 3, "length": 4}]}
    by_id: Json = {"text": "Ada", "entities": [{"type": "text_mention", "offset": 0, "length": 3, "user": ADA}]}
    reply: Json = {"text": "yes", "reply_to_message": {"from": ADA}}
    for content in (mention, by_id, reply):
        keyboards = ReplyKeyboards()
        _sent(keyboards, chat, KEYS | {"selective": True}, **content)
        assert keyboards.current(chat, ADA) is not None
        assert keyboards.current(chat, BOB) is None


def test_in_a_private_chat_every_keyboard_is_for_the_user() -> None:
    """ReplyKeyboardMarkup: selective is about users of a group."""
    keyboards, chat = ReplyKeyboards(), ChatState(1, "private")
    _sent(keyboards, chat, KEYS | {"selective": True})
    assert keyboards.current(chat, ADA) is not None


def test_the_bot_does_not_get_back_what_people_see() -> None:
    """Message: reply_markup is the inline keyboard attached to the message."""
    keyboards, chat = ReplyKeyboards(), ChatState(1, "private")
    message = _sent(keyboards, chat, KEYS)
    assert "reply_markup" not in message
    assert keyboards.shown(message)["reply_markup"] == KEYS
    assert keyboards.shown({"message_id": 99, "chat": {"id": 1}}) == {"message_id": 99, "chat": {"id": 1}}
