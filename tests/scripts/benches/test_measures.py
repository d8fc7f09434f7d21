from __future__ import annotations

import pytest

from scripts.benches.measures import percentile, shortest_burst


@pytest.mark.parametrize(
    ("percent", "value"), [(0, 1.0), (1, 1.0), (50, 50.0), (95, 95.0), (98.5, 99.0), (99, 99.0), (100, 100.0)]
)
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(percent: float, value: float) -> None:
    assert percentile([float(number) for number in range(100, 0, -1)], percent) == value


def test_few_values_have_percentiles_too_and_none_have_none() -> None:
    assert percentile([3.0], 99) == 3.0
    assert percentile([3.0, 1.0], 50) == 1.0
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)


def test_a_burst_takes_as_long_as_the_slower_of_model_and_sends() -> None:
    assert shortest_burst(1000, 0.2, 64, 10_000) == pytest.approx(3.125)
    assert shortest_burst(1000, 0.2, 64, 25) == pytest.approx(40.0)
    assert shortest_burst(20_000, 0.0, 64, 10_000) == pytest.approx(2.0)


def test_a_burst_takes_five_seconds_for_each_further_five_messages_in_a_chat() -> None:
    assert shortest_burst(1000, 0.2, 64, 10_000, chats=200) == pytest.approx(3.125)
    assert shortest_burst(1200, 0.2, 64, 10_000, chats=200) == pytest.approx(5.2)
    assert shortest_burst(1000, 0.2, 64, 10_000, chats=1000) == pytest.approx(3.125)
    assert shortest_burst(16, 0.2, 64, 10_000, chats=3) == pytest.approx(5.2)
