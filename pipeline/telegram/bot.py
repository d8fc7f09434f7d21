"""The bot that this run serves."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bot:
    """What https://core.telegram.org/bots/api#getme says about the owner of the token."""

    id: int
    username: str
    """Without the @; upper and lower case are the same to Telegram."""
