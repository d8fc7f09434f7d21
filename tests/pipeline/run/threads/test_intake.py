"""The intake's thread: what is restarted, and when."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from pipeline.errors import OperatorError
from pipeline.run.threads.intake import IntakeThread
from pipeline.telegram.intake import IntakeEnded, Poll
from tests.support.run_parts import Works


class ScriptedIntake:
    """Does what the test says at each call; after that, nothing."""

    def __init__(self, *results: Poll | BaseException | Callable[[], None] | None) -> None:
        self.results = list(results)
        self.waits: list[float | None] = []
        self.stops: list[threading.Event] = []

    def run(self, stop: threading.Event) -> None:
        self._next(stop)

    def attempt(self, stop: threading.Event, wait: float | None = None) -> Poll | None:
        self.waits.append(wait)
        return self._next(stop)

    def _next(self, stop: threading.Event) -> Poll | None:
        self.stops.append(stop)
        result = self.results.pop(0)
        if isinstance(result, BaseException):
            raise result
        if callable(result):
            result()
            return None
        return result


@pytest.fixture
def stop() -> threading.Event:
    return threading.Event()


def intake_thread(works: Works, stop: threading.Event, *results: BaseException) -> IntakeThread:
    thread = IntakeThread(ScriptedIntake(*results), stop, until_empty=False, start_in_background=works)
    thread.start()
    return thread


def test_an_intake_that_runs_is_left_alone(works: Works, stop: threading.Event) -> None:
    thread = intake_thread(works, stop)
    for second in range(1000):
        thread.check(float(second))
    assert [work.name for work in works.all] == ["intake"]
    assert not thread.done


def test_a_failed_intake_is_restarted_after_two_seconds(works: Works, stop: threading.Event) -> None:
    thread = intake_thread(works, stop, ValueError("odd"))
    works.last.end()
    thread.check(100.0)
    thread.check(101.9)
    assert len(works.all) == 1
    thread.check(102.0)
    assert [work.name for work in works.all] == ["intake", "intake"]
    thread.check(200.0)
    assert len(works.all) == 2, "the second one runs"


def test_the_wait_doubles_with_each_failure_up_to_a_minute(works: Works, stop: threading.Event) -> None:
    thread = intake_thread(works, stop, *(ValueError() for _ in range(8)))
    waits, now = [], 0.0
    for _ in range(8):
        works.last.end()
        failed_at, starts = now, len(works.all)
        while len(works.all) == starts:
            thread.check(now)
            now += 1.0
        waits.append(now - 1.0 - failed_at)
    assert waits == [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]


def test_what_the_operator_must_fix_is_raised_and_not_retried(works: Works, stop: threading.Event) -> None:
    thread = intake_thread(works, stop, IntakeEnded("another poller"))
    works.last.end()
    for now in (1.0, 100.0):
        with pytest.raises(OperatorError, match=r"^another poller$"):
            thread.check(now)
    assert len(works.all) == 1


def test_an_error_is_forgotten_by_the_restart(works: Works, stop: threading.Event) -> None:
    thread = intake_thread(works, stop, IntakeEnded("another poller"), ValueError())
    works.last.end()
    thread.start()
    thread._intake.results[0] = None  # type: ignore[attr-defined]
    works.last.end()
    thread.check(1.0)


def test_a_run_that_stops_neither_restarts_the_intake_nor_raises_its_error(works: Works, stop: threading.Event) -> None:
    thread = intake_thread(works, stop, IntakeEnded("another poller"))
    works.last.end()
    stop.set()
    thread.check(1.0)
    thread.check(1000.0)
    assert len(works.all) == 1


def test_it_polls_until_the_stop_of_the_run(works: Works, stop: threading.Event) -> None:
    intake = ScriptedIntake(None)
    thread = IntakeThread(intake, stop, until_empty=False, start_in_background=works)
    thread.start()
    works.last.end()
    assert (intake.stops, intake.waits, thread.done) == ([stop], [], False)


def test_until_empty_it_polls_without_waiting_and_is_done_once_telegram_holds_nothing_more(
    works: Works, stop: threading.Event
) -> None:
    # A poll that failed (None) and one that still brought something say nothing about the rest.
    intake = ScriptedIntake(Poll(landed=2, confirmed=False), None, Poll(landed=0, confirmed=True))
    thread = IntakeThread(intake, stop, until_empty=True, start_in_background=works)
    thread.start()
    assert not thread.done
    works.last.end()
    assert thread.done
    assert (intake.waits, intake.results) == ([0.0, 0.0, 0.0], [])
    thread.check(1.0)
    thread.check(1000.0)
    assert len(works.all) == 1, "an intake that is done has not failed"


def test_until_empty_it_ends_with_the_run_and_is_not_done(works: Works, stop: threading.Event) -> None:
    intake = ScriptedIntake(Poll(landed=1, confirmed=False), stop.set)
    thread = IntakeThread(intake, stop, until_empty=True, start_in_background=works)
    thread.start()
    works.last.end()
    assert (thread.done, intake.results) == (False, [])


def test_it_runs_on_a_thread_of_its_own_by_default(stop: threading.Event) -> None:
    names: list[str] = []
    thread = IntakeThread(
        ScriptedIntake(lambda: names.append(threading.current_thread().name)), stop, until_empty=False
    )
    thread.start()
    assert thread._thread is not None
    thread._thread.join(5.0)
    assert names == ["intake"]
