"""What makes a message one message."""

from __future__ import annotations

from typing import NamedTuple


class Identity(NamedTuple):
    """What makes a message one message: update_id alone restarts at random after a week of silence."""

    bot_id: int
    update_id: int
    chat_id: int | None
    message_id: int | None
    origin: str | None = None
    """The name of what was landed from outside, so that a replay is not taken for its original."""

    @property
    def key(self) -> str:
        parts = self if self.origin is not None else self[:-1]
        return ":".join("" if part is None else str(part) for part in parts)
