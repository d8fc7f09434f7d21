"""What the bot says to a question: generated and paid once, and kept with its circumstances."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class AnswerStatus(StrEnum):
    ANSWERED = "answered"
    FALLBACK = "fallback"
    FIXED = "fixed"


class Answer(BaseModel):
    model_config = ConfigDict(frozen=True)
    text: str
    status: AnswerStatus
    model: str | None = None
    reason: str | None = None
    """Why this is a fallback."""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    answered_at: datetime
