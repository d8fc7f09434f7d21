"""The identity of a message."""

from __future__ import annotations

from typing import NamedTuple


class Identity(NamedTuple):
    """What tells a message from all others. update_id alone does not: after a week of silence it restarts at random."""

    bot_id: int
    update_id: int
    chat_id: int | None
    message_id: int | None
    origin: str | None = None
    """The name of an injected line's origin, so that a replay is not taken for its original."""

    @property
    def key(self) -> str:
        """The identity as one string."""
        parts = self if self.origin is not None else self[:-1]
        return ":".join("" if part is None else str(part) for part in parts)
