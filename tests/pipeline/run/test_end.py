"""When a run ends."""

import threading

import pytest

from pipeline.run.end import End


def test_a_run_without_a_deadline_ends_only_when_it_is_asked_to() -> None:
    end = End(clock=lambda: 1e9)
    assert (end.has_deadline, end.reached) == (False, False)
    end.request()
    assert end.reached
    assert end.requested.is_set()


def test_a_deadline_counts_from_the_start_and_is_not_a_request() -> None:
    now = [100.0]
    end = End(5.0, lambda: now[0])
    now[0] = 104.9
    assert (end.has_deadline, end.reached) == (True, False)
    now[0] = 105.0
    assert end.reached
    assert not end.requested.is_set()


def test_a_deadline_of_no_seconds_is_reached_at_once() -> None:
    assert End(0.0, lambda: 7.0).reached


def test_a_wait_lasts_as_long_as_it_should(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float | None] = []
    monkeypatch.setattr(threading.Event, "wait", lambda self, timeout=None: waits.append(timeout))
    End().wait(0.5)
    assert waits == [0.5]


@pytest.mark.timeout(5)
def test_a_request_ends_a_wait_early() -> None:
    end = End()
    threading.Timer(0.01, end.request).start()
    end.wait(60.0)
    assert end.reached
