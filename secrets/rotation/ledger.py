"""What is kept about a secret's versions beside their values: ids and times, and nothing made from a value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel


class Noted(BaseModel):
    """What is known of a version."""

    id: str
    created_at: datetime
    proved_at: datetime | None = None


class Ledger(BaseModel):
    """What is known of a secret's versions; `current` is the one that the job reads."""

    pending: Noted | None = None
    current: Noted | None = None
    previous: Noted | None = None
    written_at: int | None = None
    """When the workspace saw the current value written: otherwise somebody else has written it since."""


@dataclass(frozen=True)
class Standing:
    """What is known of a secret without reading its value."""

    current: Noted | None
    pending: Noted | None
    previous: Noted | None
    lags: bool = False
    """Whether the job reads another than the current version."""

    @property
    def unfinished(self) -> bool:
        return self.pending is not None or (self.lags and self.current is not None)
