"""What a view reads, as values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import TypeAdapter

from pipeline.conversations.turns import UtcTime

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        NOON,
        NOON.replace(tzinfo=None),
        NOON.astimezone(timezone(timedelta(hours=1))),
        "2026-01-02T12:00:00.000Z",
        "2026-01-02T12:00:00",
        "2026-01-02T13:00:00+01:00",
    ],
)
def test_a_time_without_a_zone_is_utc(value: object) -> None:
    assert TypeAdapter[datetime](UtcTime).validate_python(value) == NOON
