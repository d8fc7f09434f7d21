"""Callback queries and inline queries that wait for the bot's answer, and messages sent via the bot.

https://core.telegram.org/bots/api#callbackquery, https://core.telegram.org/bots/api#inline-mode.
"""

import zlib
from dataclasses import dataclass, field

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.content.inline_results import InlineResult

ANSWER_WITHIN = 15.0
"""Seconds in which a query can be answered. Telegram doesn't say how long; bots see it end after 10 to 20 seconds."""


@dataclass
class CallbackQuery:
    """A button that a person pressed, and what the bot answered."""

    id: str
    user_id: int
    chat_id: int
    asked_at: float
    answer: Json | None = None
    """What the person sees: text, show_alert, url."""


@dataclass(frozen=True)
class InlineAnswer:
    results: list[InlineResult]
    next_offset: str
    button: Json | None

    def as_json(self) -> Json:
        return {
            "results": [result.given for result in self.results],
            "next_offset": self.next_offset,
            "button": self.button,
        }


@dataclass
class InlineQuery:
    """What a person typed behind the bot's name, and what the bot offered."""

    id: str
    user: Json
    chat_id: int
    query: str
    asked_at: float
    answer: InlineAnswer | None = None


@dataclass
class Queries:
    callbacks: dict[str, CallbackQuery] = field(default_factory=dict)
    inline: dict[str, InlineQuery] = field(default_factory=dict)
    _places: dict[str, tuple[int, int]] = field(default_factory=dict)
    _inline_ids: dict[tuple[int, int], str] = field(default_factory=dict)
    _last_id: int = 0

    def new_id(self, user_id: int) -> str:
        """Of a query. In Telegram the upper half of the number is the user's id."""
        self._last_id += 1
        return str(((user_id << 32) | self._last_id) % 2**63)

    def keep_place(self, chat_id: int, message_id: int) -> str:
        """Give a message that was sent via the bot its inline_message_id."""
        self._last_id += 1
        inline_id = f"sandbox-inline-{self._last_id}"
        self._places[inline_id] = (chat_id, message_id)
        self._inline_ids[chat_id, message_id] = inline_id
        return inline_id

    def place(self, inline_message_id: str) -> tuple[int, int] | None:
        """The chat and the message_id of a message that was sent via the bot."""
        return self._places.get(inline_message_id)

    def inline_message_id(self, chat_id: int, message_id: int) -> str | None:
        return self._inline_ids.get((chat_id, message_id))


def chat_instance(chat_id: int) -> str:
    """The number that stands for a chat in callback queries."""
    return str(zlib.crc32(str(chat_id).encode()))
