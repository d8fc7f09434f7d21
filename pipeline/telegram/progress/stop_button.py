"""The button of a draft by which a person stops the answer: an update that lands like every other."""

from __future__ import annotations

import json
from typing import NamedTuple

from pipeline.telegram.update import Update

_KIND = "stopped_message_generation"


class PressedStop(NamedTuple):
    """Which draft was stopped: its number counts within its chat only."""

    chat_id: int
    draft_id: int


def pressed_stop(update: Update) -> PressedStop | None:
    """What an update stops; None for one of another kind, for what was injected, and for one that can't be read."""
    if update.kind != _KIND or update.origin is not None or update.chat is None:
        return None
    draft_id = json.loads(update.raw)[_KIND].get("draft_id")
    return PressedStop(update.chat.id, draft_id) if type(draft_id) is int else None
