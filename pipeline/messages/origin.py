"""Where a landed line comes from, if not from Telegram: a check's probe, or an operator's replay.

Both go the whole way of a message. Whoever may write to the landing can write them, so they are read strictly.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, field_validator, model_validator

from pipeline.messages.answer import Answer
from pipeline.messages.text import holdable

NO_CHAT = 0
"""The chat of probes that are not delivered: no chat of Telegram's has this id, so none waits for them."""

_STRICT = ConfigDict(extra="forbid", strict=True, frozen=True)
Moment = Annotated[AwareDatetime, Field(ge=datetime(2000, 1, 1, tzinfo=UTC), lt=datetime(3000, 1, 1, tzinfo=UTC))]
"""A time that every table can hold, whatever its zone."""
_Count = Annotated[int, Field(ge=0, lt=2**63)]


class StoredAnswer(Answer):
    """An answer as silver has it, to be delivered again."""

    model_config = _STRICT
    prompt_tokens: _Count | None = None
    completion_tokens: _Count | None = None
    answered_at: Moment

    @field_validator("text")
    @classmethod
    def _sendable(cls, text: str) -> str:
        if not holdable(text).strip():
            raise ValueError("nothing to send")
        return holdable(text)


class _Origin(BaseModel):
    model_config = _STRICT
    kind: str
    id: str = Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")
    """The same line landed twice has the same id, and acts once."""

    @property
    def name(self) -> str:
        """As the tables have it."""
        return f"{self.kind}:{self.id}"

    @property
    def withheld(self) -> bool:
        """Whether the answer is not sent."""
        return False


class Probe(_Origin):
    """A synthetic message: bronze, model and silver, but nothing reaches Telegram unless it is to be delivered."""

    kind: Literal["probe"] = "probe"
    deliver: bool = False
    """Whether the answer is sent, to the update's own chat. Otherwise that chat is NO_CHAT."""

    @property
    def withheld(self) -> bool:
        return not self.deliver


class Replay(_Origin):
    """A message once more: asked again and answered, or its stored answer delivered again without the model."""

    kind: Literal["replay"] = "replay"
    mode: Literal["answer", "deliver"]
    answer: StoredAnswer | None = None
    """What is delivered."""

    @model_validator(mode="after")
    def _has_what_it_delivers(self) -> Self:
        if (self.answer is not None) != (self.mode == "deliver"):
            raise ValueError("mode deliver has an answer, mode answer has none")
        return self


Origin = Annotated[Probe | Replay, Field(discriminator="kind")]
ORIGIN: TypeAdapter[Probe | Replay] = TypeAdapter(Origin)


def probe_update(text: str, now: datetime, chat_id: int = NO_CHAT) -> dict[str, Any]:
    """A probe's message, of a private chat, as Telegram would deliver it."""
    number = int(now.timestamp() * 1e6)
    return {
        "update_id": number,
        "message": {
            "message_id": number,
            "date": int(now.timestamp()),
            "chat": {"id": chat_id, "type": "private"},
            "from": {"id": chat_id, "is_bot": False, "first_name": "Probe"},
            "text": text,
        },
    }
