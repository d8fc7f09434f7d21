"""The charge of a reply: what counts against the ceilings for it. Plain values."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict

from pipeline.model.outcome import Outcome


class Tokens(BaseModel):
    """Tokens of a request and of its answer."""

    model_config = ConfigDict(frozen=True)
    prompt: int = 0
    completion: int = 0

    @property
    def total(self) -> int:
        return self.prompt + self.completion

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(prompt=self.prompt + other.prompt, completion=self.completion + other.completion)


class Charge(BaseModel):
    """What the attempts at one answer count as: those that have ended, and the most that the one under way can cost."""

    model_config = ConfigDict(frozen=True)
    settled: Tokens = Tokens()
    reserved: Tokens | None = None
    """The most that an attempt can cost which was begun, or may be; None: no attempt is reserved."""
    reserved_at: datetime | None = None

    def with_reservation(self, most: Tokens, at: datetime) -> Self:
        return self.model_copy(update={"reserved": most, "reserved_at": at})

    def released(self) -> Self:
        """The attempt was never begun."""
        return self.model_copy(update={"reserved": None, "reserved_at": None})

    def charged(self, tokens: Tokens) -> Self:
        """The attempt has ended and costs this."""
        return self.released().model_copy(update={"settled": self.settled + tokens})

    def lost(self) -> Self:
        """Nobody knows what became of the attempt: it counts as the most that it can cost."""
        return self.charged(self.reserved) if self.reserved is not None else self


def cost_of(outcome: Outcome, reserved: Tokens | None) -> Tokens:
    """What an attempt counts as that has ended: what the model says, or else what was reserved for it."""
    if outcome.prompt_tokens is not None and outcome.completion_tokens is not None:
        return Tokens(prompt=outcome.prompt_tokens, completion=outcome.completion_tokens)
    if outcome.free_of_charge or reserved is None:
        return Tokens()
    return reserved
