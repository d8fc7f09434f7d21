"""Rates of the last minute, and usual durations."""

from pipeline.watch.rates import Rate, Usual


def test_a_rate_forgets_what_is_older_than_a_minute() -> None:
    rate = Rate()
    rate.add(0.0, 5)
    rate.add(0.5, 1)
    rate.add(30.0, 2)
    rate.add(31.0, 0)
    assert rate.a_minute(31.0) == 8
    assert rate.a_minute(65.0) == 2
    assert rate.a_minute(200.0) == 0


def test_the_usual_duration_is_the_middle_one_of_the_latest() -> None:
    usual = Usual()
    assert usual.seconds is None
    for seconds in (None, -1.0, 3.0, 1.0, 100.0):
        usual.add(seconds)
    assert usual.seconds == 3.0
    for _ in range(100):
        usual.add(7.0)
    assert usual.seconds == 7.0
