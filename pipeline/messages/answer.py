"""The bot's answer to a question: generated and paid once, kept with what it cost and where it came from."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class AnswerStatus(StrEnum):
    """Where an answer comes from."""

    ANSWERED = "answered"
    """From the model."""
    FALLBACK = "fallback"
    """The polite text, in place of an answer that the model does not give."""
    FIXED = "fixed"
    """A command's text, without the model; or that of an answer that was stopped before it had a word."""


class Answer(BaseModel):
    """An answer, and what is known of how it came about."""

    model_config = ConfigDict(frozen=True)
    text: str
    status: AnswerStatus
    model: str | None = None
    """The name by which the model calls itself."""
    reason: str | None = None
    """Why this is a fallback, or that the person who asked stopped it; None otherwise."""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    """What the model says the answer cost; None where it does not say, or was not asked."""
    asked_at: datetime | None = None
    """When the attempt began that brought the answer; None where the model was not asked."""
    first_token_at: datetime | None = None
    """When its first words came; None where they did not come one after the other."""
    answered_at: datetime
    withheld: bool = False
    """Whether it is kept and not sent: its reader was told the same before."""
