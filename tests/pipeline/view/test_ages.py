"""Ages and durations in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.view.ages import ago, duration

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (119.4, "119 s"), (120, "2 min"), (7199, "120 min"), (7200, "2 h"), (90_000, "25 h")],
)
def test_a_duration_has_the_largest_unit_that_says_enough(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_a_time_in_the_future_is_now_since_clocks_differ() -> None:
    assert ago(NOON - timedelta(minutes=3), NOON) == "3 min ago"
    assert ago(NOON + timedelta(minutes=3), NOON) == "0 s ago"
