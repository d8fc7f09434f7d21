"""A question: a message that is ours to answer."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from pipeline.messages.identity import Identity
from pipeline.messages.origin import Origin


class Question(BaseModel):
    """A message that is ours to answer, with what its answer and its silver row need."""

    model_config = ConfigDict(frozen=True)
    bot_id: int
    update_id: int
    chat_id: int
    message_id: int
    seq: int
    chat_type: str
    chat_title: str | None = None
    topic_id: int | None = None
    author_signature: str | None = None
    text: str
    command: str | None = None
    received_at: datetime
    origin: Origin | None = None
    """None for what Telegram delivered."""

    @property
    def identity(self) -> Identity:
        origin = self.origin.name if self.origin else None
        return Identity(self.bot_id, self.update_id, self.chat_id, self.message_id, origin)

    @property
    def withheld(self) -> bool:
        """Whether its answer reaches no user."""
        return self.origin is not None and self.origin.withheld

    @property
    def key(self) -> str:
        return self.identity.key
