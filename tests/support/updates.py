"""Updates: raw as Telegram delivers them, as landed lines, and parsed."""

import json
from typing import Any

from pipeline.telegram.bot import Bot
from pipeline.telegram.update import Update, read_line

Json = dict[str, Any]

BOT = Bot(42, "our_bot")
RECEIVED_AT = "2026-01-02T03:04:05+00:00"


def raw_message(text: Any = "hi", *, chat_id: Any = 7, message_id: Any = 5, **more: Any) -> Json:
    """A message in a private chat. `more` adds or replaces fields, such as `chat` for a group; None removes one."""
    message: Json = {
        "message_id": message_id,
        "date": 1_700_000_000,
        "chat": {"id": chat_id, "type": "private"},
        "from": {"id": 99, "is_bot": False, "first_name": "Ann"},
    }
    if text is not None:
        message["text"] = text
    return {name: value for name, value in {**message, **more}.items() if value is not None}


def raw_update(update_id: int = 1, kind: str = "message", body: Any = None) -> Json:
    return {"update_id": update_id, kind: raw_message() if body is None else body}


def raw_press(update_id: int = 1, data: Any = "feedback:1:up:1:5", *, user_id: int = 99, **message: Any) -> Json:
    """A press of a button under message 77 of a private chat. `message` adds or replaces fields of that message."""
    body = {
        "id": f"9{update_id}",
        "from": {"id": user_id, "is_bot": False, "first_name": "Ann"},
        "message": {"message_id": 77, "date": 1_700_000_000, "chat": {"id": 7, "type": "private"}, **message},
        "chat_instance": "1",
        "data": data,
    }
    return raw_update(update_id, "callback_query", body)


def group(kind: str = "supergroup") -> Json:
    return {"id": -100, "type": kind, "title": "Friends"}


def mark(kind: str, offset: int, length: int, **more: Any) -> Json:
    return {"type": kind, "offset": offset, "length": length, **more}


def envelope(update: Any, *, seq: Any = 1000, **changes: Any) -> str:
    """The line in which an update is landed. `changes` adds or replaces members of the envelope."""
    return json.dumps({"seq": seq, "bot_id": BOT.id, "received_at": RECEIVED_AT, "update": update, **changes})


def parsed(update: Json, *, seq: int = 1000, **changes: Any) -> Update:
    """The update as the stream reads it. `changes` adds or replaces members of the envelope."""
    read = read_line(envelope(update, seq=seq, **changes), BOT.id)
    assert isinstance(read, Update), read
    return read


def parsed_message(text: Any = "hi", kind: Any = "message", **more: Any) -> Update:
    return parsed(raw_update(kind=kind, body=raw_message(text, **more)))
