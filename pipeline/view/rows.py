"""What a view reads, as values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from pipeline.conversations.turns import UtcTime

_NAME = re.compile(r"^(-?\d{1,19})/(\d{1,19})$", re.ASCII)


def named_message(name: str) -> tuple[int, int]:
    """Chat and message of a name as people give it: CHAT/MESSAGE. Raises ValueError, with an example."""
    match = _NAME.match(name)
    if match is None:
        raise ValueError("give CHAT/MESSAGE, as -1001234567890/42")
    return int(match[1]), int(match[2])


class MessageKey(NamedTuple):
    """A message. Its replays have the same key."""

    bot_id: int
    update_id: int
    chat_id: int
    message_id: int


class SilverRow(BaseModel):
    """A row of silver, with the columns that checks and replays read."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    bot_id: int
    update_id: int
    channel_id: int
    message_id: int
    user_message: str | None
    llm_response: str | None
    model_name: str | None
    answer_status: str
    delivery_status: str
    error: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    answered_at: UtcTime
    processed_at: UtcTime
    origin: str | None
    request_hash: str | None = None
    instructions_version: int | None = None

    @property
    def key(self) -> MessageKey:
        return MessageKey(self.bot_id, self.update_id, self.channel_id, self.message_id)


class LatestRow(SilverRow):
    """The latest row of a message."""

    versions: int
    """How many rows the message has."""
    first_received_at: UtcTime
    """When the message itself arrived, even if it was replayed later."""


class UnknownReply(BaseModel):
    """A reply of which nobody can know whether it was sent, and which no replay has sent since. Never a probe's."""

    chat_id: int
    message_id: int
    received_at: UtcTime
    reason: str | None


@dataclass(frozen=True)
class Selection:
    """Which messages: those that are named, or all that fit. An empty or absent field does not restrict."""

    messages: tuple[tuple[int, int], ...] = ()
    """Chat and message, as people name them."""
    since: datetime | None = None
    until: datetime | None = None
    delivery: tuple[str, ...] = ()
    """Delivery statuses. A message fits if it has one of these or one of `answer`."""
    answer: tuple[str, ...] = ()
