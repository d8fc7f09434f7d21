"""Flood limits: https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this."""

import math
from collections import deque
from collections.abc import Callable

from pydantic import BaseModel, ConfigDict, Field

from pipeline.sandbox.telegram.chats import ChatState
from pipeline.sandbox.telegram.errors import MethodError

_CHAT_WINDOW = 5.0


class Limits(BaseModel):
    """Messages that a bot may send; None switches one limit off. The defaults are those of the Bot API's FAQ."""

    model_config = ConfigDict(extra="forbid")

    per_second: int | None = Field(default=30, ge=1)
    chat_per_second: int | None = Field(default=1, ge=1)
    group_per_minute: int | None = Field(default=20, ge=1)


class FloodControl:
    """Counts the bot's messages against the limits; without limits nothing is counted."""

    def __init__(self, limits: Limits | None, clock: Callable[[], float]) -> None:
        """`clock`: monotonic seconds."""
        self.limits = limits
        self._clock = clock
        self._sent_at: deque[float] = deque()

    def count(self, chat: ChatState) -> None:
        """Count a message to `chat`. MethodError 429, with the whole seconds to wait, when it would break a limit."""
        if self.limits is None:
            return
        now, chat_per_second = self._clock(), self.limits.chat_per_second
        windows = [
            (self._sent_at, 1.0, self.limits.per_second),
            # "One a second": short bursts that go over that are allowed.
            (chat.sent_at, _CHAT_WINDOW, chat_per_second and chat_per_second * int(_CHAT_WINDOW)),
            (chat.sent_at, 60.0, None if chat.type == "private" else self.limits.group_per_minute),
        ]
        wait = 0.0
        for times, seconds, limit in windows:
            recent = [at for at in times if at > now - seconds]
            if limit is not None and len(recent) >= limit:
                wait = max(wait, recent[-limit] + seconds - now)
        if wait > 0:
            retry_after = max(math.ceil(wait), 1)
            raise MethodError(429, f"Too Many Requests: retry after {retry_after}", {"retry_after": retry_after})
        for times in (self._sent_at, chat.sent_at):
            times.append(now)
            while times[0] <= now - 60.0:
                times.popleft()
