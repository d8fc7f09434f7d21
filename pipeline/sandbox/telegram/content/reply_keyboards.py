"""The reply keyboards, their removals and the forced replies that people see.

They are no part of the Message that a bot gets, whose `reply_markup` is an inline keyboard:
https://core.telegram.org/bots/api#message.
"""

from dataclasses import dataclass, field

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.chats import ChatState


@dataclass(frozen=True)
class ShownKeyboard:
    """A reply keyboard that a person sees below the chat, and the message that brought it."""

    message_id: int
    markup: Json


@dataclass
class ReplyKeyboards:
    """Markups other than inline keyboards, by chat and message, in the order in which the bot sent them."""

    _markups: dict[int, dict[int, Json]] = field(default_factory=dict)

    def keep(self, message: Json, markup: Json) -> None:
        self._markups.setdefault(message["chat"]["id"], {})[message["message_id"]] = markup

    def of(self, message: Json) -> Json | None:
        return self._markups.get(message["chat"]["id"], {}).get(message["message_id"])

    def shown(self, message: Json) -> Json:
        """The Message as people see it: with the markup that the bot doesn't get back."""
        markup = self.of(message)
        return message if markup is None else message | {"reply_markup": markup}

    def current(self, chat: ChatState, user: Json) -> ShownKeyboard | None:
        """The keyboard that a person sees in a chat: the last one for that person, unless it was removed."""
        for message_id, markup in reversed(self._markups.get(chat.id, {}).items()):
            if "keyboard" not in markup and "remove_keyboard" not in markup:
                continue
            message = chat.messages.get(message_id)
            if message is None:
                # Who deletes the message of a keyboard takes the keyboard away with it.
                return None
            if chat.type != "private" and markup.get("selective") and not _is_for(message, user):
                continue
            return ShownKeyboard(message_id, markup) if "keyboard" in markup else None
        return None


def _is_for(message: Json, user: Json) -> bool:
    """Whether a selective markup is for this person: mentioned in the text, or the author of the replied message."""
    if message.get("reply_to_message", {}).get("from", {}).get("id") == user["id"]:
        return True
    text = message.get("text") or message.get("caption") or ""
    for entity in message.get("entities") or message.get("caption_entities") or []:
        if entity.get("user", {}).get("id") == user["id"]:
            return True
        if entity["type"] == "mention" and _marked(text, entity).lower() == f"@{user.get('username', '')}".lower():
            return True
    return False


def _marked(text: str, entity: Json) -> str:
    """The part of a text that an entity marks; it is measured in UTF-16 code units."""
    units = text.encode("utf-16-le", "surrogatepass")
    start, length = entity["offset"], entity["length"]
    return units[2 * start : 2 * (start + length)].decode("utf-16-le", "replace")
