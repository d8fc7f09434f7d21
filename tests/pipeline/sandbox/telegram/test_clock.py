"""The clock that a test moves."""

import pytest

from pipeline.sandbox.telegram.clock import MovableClock
from pipeline.sandbox.telegram.simulator import Telegram
from tests.support.simulated import says, texts


def test_both_times_move_together() -> None:
    clock = MovableClock(lambda: 10.0, lambda: 1_000.0)
    clock.move(5)
    clock.move(0.5)
    assert (clock.monotonic(), clock.now()) == (15.5, 1_005.5)


def test_time_does_not_go_back() -> None:
    clock = MovableClock(lambda: 10.0, lambda: 1_000.0)
    with pytest.raises(ValueError, match="ahead"):
        clock.move(-1)
    assert clock.monotonic() == 10.0


def test_a_day_ends_the_keeping_of_updates() -> None:
    """Getting updates: incoming updates will not be kept longer than 24 hours."""
    telegram = Telegram()
    says(telegram, "old")
    telegram.move_clock(24 * 3600)
    says(telegram, "young")
    assert texts(telegram.get_updates()) == ["young"]


def test_a_week_of_silence_ends_the_sequence_of_update_ids() -> None:
    """Update: without new updates for at least a week the next update's identifier is chosen randomly."""
    telegram = Telegram()
    says(telegram)
    (before,) = telegram.get_updates()
    telegram.move_clock(7 * 24 * 3600)
    says(telegram)
    (after,) = telegram.get_updates()
    assert after["update_id"] != before["update_id"] + 1
    assert after["message"]["date"] - before["message"]["date"] >= 7 * 24 * 3600
