"""When the bot may send a message: Telegram's flood limits, kept on our side.

The limits are those of https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this: about 30
messages a second over all chats, one a second in a chat, 20 a minute in a group. In a chat "short bursts that go over
this limit" are allowed: so a chat gets five messages at once, but no more than five in five seconds.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

CHAT_BURST = 5
CHAT_WINDOW = 5.0
"""A chat gets so many messages in so many seconds."""
_GROUP_WINDOW = 60.0
_GROUP_LIMIT = 20
_TIMER_CREDIT = 0.05
"""Seconds that a late timer may catch up with. More would let a burst follow a silence, and bursts break the limits."""
_CHATS_BETWEEN_CLEANUPS = 10_000


@dataclass
class _Chat:
    sent: deque[float] = field(default_factory=lambda: deque(maxlen=_GROUP_LIMIT))
    """Times of the last messages."""
    held_until: float = 0.0


class Pace:
    """Remembers when messages were sent, in seconds of any steady clock. Not thread-safe: for one thread."""

    def __init__(self, send_rate: float) -> None:
        """`send_rate`: messages a second over all chats."""
        self._interval = 1.0 / send_rate
        self._next = 0.0
        self._chats: dict[int, _Chat] = {}

    def take(self, chat_id: int, chat_type: str, now: float) -> float:
        """Ask to send a message now.

        A result at or before `now` means yes, and the message counts as sent. A later one is when to ask again.
        """
        chat = self._chats.get(chat_id)
        if chat is None:
            chat = self._chats[chat_id] = _Chat()
            self._drop_idle(now)
        due = max(chat.held_until, self._next)
        if len(chat.sent) >= CHAT_BURST:
            due = max(due, chat.sent[-CHAT_BURST] + CHAT_WINDOW)
        if chat_type != "private" and len(chat.sent) == _GROUP_LIMIT:
            due = max(due, chat.sent[0] + _GROUP_WINDOW)
        if due > now:
            return due
        chat.sent.append(now)
        self._next = max(self._next, now - _TIMER_CREDIT) + self._interval
        return due

    def hold(self, chat_id: int, until: float) -> None:
        """Send nothing in this chat before `until`: Telegram answered 429 with a retry_after."""
        chat = self._chats.setdefault(chat_id, _Chat())
        chat.held_until = max(chat.held_until, until)

    def _drop_idle(self, now: float) -> None:
        """Forget chats that no limit applies to any more; a chat without messages was just added or is held."""
        if len(self._chats) % _CHATS_BETWEEN_CLEANUPS == 0:
            self._chats = {
                chat_id: chat
                for chat_id, chat in self._chats.items()
                if chat.held_until > now or (chat.sent and chat.sent[-1] > now - _GROUP_WINDOW) or not chat.sent
            }
