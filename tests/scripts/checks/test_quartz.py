"""When a Quartz schedule was last due."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from scripts.checks.quartz import last_due

SUNDAY = datetime(2026, 11, 22, 21, 33, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "zone", "due"),
    [
        ("0 0/15 * * * ?", "UTC", ["2026-11-22T21:30:00+00:00", "2026-11-22T21:15:00+00:00"]),
        ("0 5,35 * * * ?", "UTC", ["2026-11-22T21:05:00+00:00", "2026-11-22T20:35:00+00:00"]),
        ("0 30 8 ? * MON-FRI", "Europe/Berlin", ["2026-11-20T08:30:00+01:00", "2026-11-19T08:30:00+01:00"]),
        ("0 0 9-17/4 * * ?", "UTC", ["2026-11-22T17:00:00+00:00", "2026-11-22T13:00:00+00:00"]),
        ("0 0 0 1 JAN,JUL ?", "UTC", ["2026-07-01T00:00:00+00:00", "2026-01-01T00:00:00+00:00"]),
        ("0 0 12 ? * 1", "UTC", ["2026-11-22T12:00:00+00:00", "2026-11-15T12:00:00+00:00"]),
        ("0 0 12 * * ? 2020", "UTC", []),
    ],
)
def test_the_last_two_times_come_newest_first(expression: str, zone: str, due: list[str]) -> None:
    found = last_due(expression, zone, SUNDAY)
    assert found is not None
    assert [time.isoformat() for time in found] == due


@pytest.mark.parametrize(
    ("expression", "zone"),
    [
        ("0 0 12 L * ?", "UTC"),
        ("0 0 12 ? * 2#1", "UTC"),
        ("0 0 99 * * ?", "UTC"),
        ("* * *", "UTC"),
        ("0 0/15 * * * ?", "Nowhere/At"),
    ],
)
def test_an_unsupported_expression_has_no_due_times(expression: str, zone: str) -> None:
    assert last_due(expression, zone, SUNDAY) is None
