"""A vote: what a button under an answer says about that answer, as its `callback_data` carries it."""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from pipeline.messages.question import Question

_DATA = re.compile(r"feedback:1:(up|down):(-?[0-9]{1,19}):(-?[0-9]{1,19})")
"""The form of this release, which says its version: buttons stay under answers for ever. At most 64 bytes."""
_INT64 = 2**63


class Thumb(StrEnum):
    """What a user thinks of an answer."""

    UP = "up"
    DOWN = "down"

    @property
    def label(self) -> str:
        """What its button shows."""
        return "👍" if self is Thumb.UP else "👎"


class Vote(NamedTuple):
    """What a button says, and of the answer to which question."""

    thumb: Thumb
    update_id: int
    message_id: int

    @property
    def data(self) -> str:
        """The button's `callback_data`."""
        return f"feedback:1:{self.thumb}:{self.update_id}:{self.message_id}"


def vote_buttons(question: Question) -> dict[str, str]:
    """The buttons under the answer to a question: what each shows, with its `callback_data`."""
    return {thumb.label: Vote(thumb, question.update_id, question.message_id).data for thumb in Thumb}


def read_vote(data: str | None) -> Vote | None:
    """The vote of a button; None for a button that is not one of these. A client can send any data."""
    found = _DATA.fullmatch(data or "")
    if found is None:
        return None
    thumb, update_id, message_id = found.groups()
    vote = Vote(Thumb(thumb), int(update_id), int(message_id))
    return vote if all(-_INT64 <= number < _INT64 for number in (vote.update_id, vote.message_id)) else None


def probe_press(probe: dict[str, Any], thumb: Thumb, now: datetime) -> dict[str, Any]:
    """The update that carries a check's press under the answer to its probe, as Telegram would deliver a user's.

    `probe` is the probe's own update. The press needs an origin of its own, with another id.
    """
    number, message = int(now.timestamp() * 1e6), probe["message"]
    return {
        "update_id": number,
        "callback_query": {
            "id": str(number),
            "from": message["from"],
            "message": {"message_id": number, "date": 0, "chat": message["chat"]},
            "chat_instance": str(message["chat"]["id"]),
            "data": Vote(thumb, probe["update_id"], message["message_id"]).data,
        },
    }
