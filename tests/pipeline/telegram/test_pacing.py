"""Flood limits, with a clock that the test moves."""

import pytest

from pipeline.telegram.pacing import Pace


def sent_at(
    pace: Pace, count: int, chat_type: str = "private", *, chats: bool = False, start: float = 100.0
) -> list[float]:
    """When each of `count` messages is sent, as early as allowed."""
    times, now = [], start
    for number in range(count):
        while (due := pace.take(number if chats else 1, chat_type, now)) > now:
            now = due
        times.append(round(now, 3))
    return times


def test_a_chat_gets_five_messages_at_once_and_one_a_second_on_average() -> None:
    times = sent_at(Pace(1e6), 12)
    assert times == pytest.approx([100.0] * 5 + [105.0] * 5 + [110.0] * 2, abs=0.01)


def test_a_chat_whose_messages_come_one_by_one_waits_for_none() -> None:
    pace = Pace(25)
    assert [pace.take(1, "private", 100.0 + second) <= 100.0 + second for second in range(30)] == [True] * 30


def test_all_chats_together_keep_the_rate() -> None:
    times = sent_at(Pace(20), 101, chats=True)
    assert times[0] == 100.0
    assert 4.9 <= times[-1] - times[0] <= 5.0


def test_no_burst_follows_a_silence() -> None:
    pace = Pace(20)
    pace.take(1, "private", 100.0)
    times = sent_at(pace, 11, chats=True, start=500.0)
    assert times[-1] - times[0] >= 0.4


@pytest.mark.parametrize("chat_type", ["group", "supergroup", "channel"])
def test_a_group_gets_twenty_messages_a_minute(chat_type: str) -> None:
    times = sent_at(Pace(1e6), 41, chat_type)
    assert times[19] == pytest.approx(115.0, abs=0.01)
    assert (times[20], times[40]) == pytest.approx((160.0, 220.0), abs=0.01)


def test_a_private_chat_has_no_limit_per_minute() -> None:
    assert sent_at(Pace(1e6), 41)[-1] == pytest.approx(140.0, abs=0.01)


def test_a_message_that_must_wait_does_not_count() -> None:
    pace = Pace(1)
    assert pace.take(1, "private", 100.0) <= 100.0
    assert [pace.take(2, "private", 100.5) for _ in range(5)] == [pytest.approx(100.95)] * 5
    assert pace.take(2, "private", 101.0) <= 101.0


def test_a_held_chat_waits_and_others_do_not() -> None:
    pace = Pace(25)
    pace.hold(1, 130.0)
    pace.hold(1, 120.0)
    assert pace.take(1, "private", 100.0) == 130.0
    assert pace.take(2, "private", 100.0) <= 100.0
    assert pace.take(1, "private", 130.0) <= 130.0


def test_chats_that_are_long_idle_are_dropped_and_held_ones_kept() -> None:
    pace = Pace(1e6)
    pace.hold(-1, 1e9)
    for chat in range(9_998):
        pace.take(chat, "private", 100.0)
    for _ in range(5):
        pace.take(20_000, "group", 1000.0)
    assert pace._chats.keys() == {-1, 20_000}
    assert pace.take(20_000, "group", 1000.5) == 1005.0
