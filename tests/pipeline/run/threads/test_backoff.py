"""How long to wait before the next attempt."""

from pipeline.run.threads.backoff import backoff


def test_each_failure_doubles_the_wait_up_to_the_longest() -> None:
    assert [backoff(failures, 0.5, 5.0) for failures in range(1, 7)] == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]


def test_a_service_that_fails_for_days_is_still_tried_again() -> None:
    assert backoff(100_000, 2.0, 60.0) == 60.0
