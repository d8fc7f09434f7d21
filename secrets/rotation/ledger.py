"""What is stored about a secret's versions beside their values: ids and times, and nothing derived from a value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel


class Noted(BaseModel):
    """What is known about a version."""

    id: str
    created_at: datetime
    proved_at: datetime | None = None


class RotationLedger(BaseModel):
    """What is known about a secret's versions. `current` is the one that the job reads."""

    pending: Noted | None = None
    current: Noted | None = None
    previous: Noted | None = None
    written_at: int | None = None
    """The workspace's time, in milliseconds since 1970, of the write of the current value.

    If the key has another time now, somebody else has written it since.
    """


@dataclass(frozen=True)
class Standing:
    """What is known about a secret without reading its value."""

    current: Noted | None
    pending: Noted | None
    previous: Noted | None
    lags: bool = False
    """Whether the job reads another version than the current one."""

    @property
    def unfinished(self) -> bool:
        return self.pending is not None or (self.lags and self.current is not None)
