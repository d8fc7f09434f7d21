"""Where an injected line comes from: a check (a probe) or an operator (a replay).

Both are processed like a message from Telegram. Anybody who may write to the landing can write them, so they are
validated strictly.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, field_validator, model_validator

from pipeline.messages.answer import Answer
from pipeline.messages.text import storable
from pipeline.tables import LATEST

NO_CHAT = 0
"""The chat of probes that are not delivered: no chat of Telegram's has this id, so none waits for them."""

_STRICT = ConfigDict(extra="forbid", strict=True, frozen=True)
Moment = Annotated[AwareDatetime, Field(ge=datetime(2000, 1, 1, tzinfo=UTC), lt=LATEST)]
"""A time that every reader of a table can hold, whatever its time zone."""
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
        if not storable(text).strip():
            raise ValueError("nothing to send")
        return storable(text)


class _Origin(BaseModel):
    model_config = _STRICT
    kind: str
    id: str = Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")
    """A line that is landed twice has the same id, and is processed once."""

    @property
    def name(self) -> str:
        """The value of the tables' column `origin`."""
        return f"{self.kind}:{self.id}"

    @property
    def withheld(self) -> bool:
        """Whether the answer is not sent."""
        return False


class Probe(_Origin):
    """A synthetic message, for bronze, the model and silver. Telegram gets its answer only if `deliver` is set."""

    kind: Literal["probe"] = "probe"
    deliver: bool = False
    """Whether the answer is sent, to the update's own chat. Otherwise its chat is NO_CHAT."""

    @property
    def withheld(self) -> bool:
        return not self.deliver


class Replay(_Origin):
    """A message that is processed again: the model is asked again, or the stored answer is delivered without it."""

    kind: Literal["replay"] = "replay"
    mode: Literal["answer", "deliver"]
    answer: StoredAnswer | None = None
    """What to deliver; set in mode `deliver` only."""

    @model_validator(mode="after")
    def _has_an_answer_to_deliver(self) -> Self:
        if (self.answer is not None) != (self.mode == "deliver"):
            raise ValueError("mode deliver has an answer, mode answer has none")
        return self


Origin = Annotated[Probe | Replay, Field(discriminator="kind")]
ORIGIN: TypeAdapter[Probe | Replay] = TypeAdapter(Origin)


def probe_update(text: str, now: datetime, chat_id: int = NO_CHAT) -> dict[str, Any]:
    """The update that carries a probe: a message of a private chat, as Telegram would deliver it."""
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
