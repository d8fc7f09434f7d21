"""Events and timers on one thread."""

import math
import threading
import time

import pytest

from pipeline.replies.event_loop import LONGEST_TIMER, EventLoop
from tests.support.fakes import ManualLoop
from tests.support.waiting import eventually


@pytest.fixture
def loop() -> ManualLoop:
    return ManualLoop()


def test_events_are_handled_in_the_order_in_which_they_were_posted(loop: ManualLoop) -> None:
    handled: list[int] = []
    for number in range(3):
        loop.post(lambda number=number: handled.append(number))  # type: ignore[misc]
    assert handled == []
    loop.settle()
    assert handled == [0, 1, 2]


def test_timers_fire_in_the_order_of_their_times_and_never_early(loop: ManualLoop) -> None:
    fired: list[tuple[str, float]] = []
    for name, seconds in (("late", 3.0), ("early", 1.0), ("also early", 1.0)):
        loop.at(loop.now() + seconds, lambda name=name: fired.append((name, loop.now())))  # type: ignore[misc]
    loop.advance(0.99)
    assert fired == []
    loop.advance(5.0)
    assert fired == [("early", 1001.0), ("also early", 1001.0), ("late", 1003.0)]


def test_many_events_do_not_hold_up_a_timer(loop: ManualLoop) -> None:
    handled: list[str] = []
    for _ in range(5):
        loop.post(lambda: handled.append("event"))
    loop.at(loop.now(), lambda: handled.append("timer"))
    loop.settle()
    assert handled.index("timer") == 1


def test_a_turn_says_whether_there_was_anything_to_do(loop: ManualLoop) -> None:
    assert not loop.turn(0)
    loop.post(lambda: None)
    assert loop.turn(0)
    loop.at(loop.now(), lambda: None)
    assert loop.turn(0)
    assert not loop.turn(0)


def test_an_event_can_be_handled_without_the_timers(loop: ManualLoop) -> None:
    fired: list[str] = []
    loop.at(loop.now(), lambda: fired.append("timer"))
    loop.post(lambda: fired.append("event"))
    assert [loop.handle_event(0), loop.handle_event(0)] == [True, False]
    assert fired == ["event"]


def test_a_background_job_hands_its_result_over_as_an_event(loop: ManualLoop) -> None:
    results: list[int] = []
    loop.in_background("count", lambda: 7, results.append)
    assert (loop.job_names, results) == (["count"], [])
    _, job = loop.jobs.pop()
    job()
    assert results == [], "the owner takes the result"
    loop.settle()
    assert results == [7]


def test_an_error_ends_neither_the_loop_nor_shows_its_text(
    loop: ManualLoop, capsys: pytest.CaptureFixture[str]
) -> None:
    handled: list[str] = []

    def breaks() -> None:
        raise RuntimeError("with a secret")

    loop.post(breaks)
    loop.at(loop.now(), breaks)
    loop.post(lambda: handled.append("next"))
    loop.settle()
    assert handled == ["next"]
    said = capsys.readouterr().out
    assert said.count("RuntimeError") == 2
    assert "breaks:" in said
    assert "secret" not in said


def test_the_thread_that_runs_a_loop_owns_it_and_no_other_may_set_its_timers() -> None:
    loop, threads, stopped = EventLoop(), list[str](), threading.Event()
    assert loop.owned
    owner = threading.Thread(target=lambda: loop.run(until=stopped.is_set), name="owner", daemon=True)
    owner.start()
    eventually(lambda: not loop.owned)
    with pytest.raises(AssertionError):
        loop.at(0.0, lambda: None)
    with pytest.raises(AssertionError):
        loop.in_background("job", lambda: 1, lambda _: None)
    with pytest.raises(AssertionError):
        loop.turn(0)
    loop.post(lambda: threads.append(threading.current_thread().name))
    loop.post(lambda: loop.at(loop.now() + 0.01, lambda: threads.append(threading.current_thread().name)))
    loop.post(lambda: loop.in_background("job", lambda: threading.current_thread().name, threads.append))
    eventually(lambda: len(threads) == 3)
    assert sorted(threads) == ["job", "owner", "owner"]
    stopped.set()
    loop.post(lambda: None)
    owner.join(5)
    assert not owner.is_alive()


def test_an_event_ends_the_wait_for_a_timer() -> None:
    loop, handled = EventLoop(), list[str]()
    loop.at(loop.now() + 60.0, lambda: handled.append("timer"))
    threading.Timer(0.02, lambda: loop.post(lambda: handled.append("event"))).start()
    began = time.monotonic()
    assert loop.turn()
    assert handled == ["event"]
    assert time.monotonic() - began < 30


def test_a_job_for_which_no_thread_can_be_started_is_tried_again(
    loop: ManualLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    results: list[int] = []

    def no_thread(name: str, job: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(loop, "_start_thread", no_thread)
        loop.in_background("count", lambda: 7, results.append)
        loop.advance(0.9)
    assert loop.job_names == []
    loop.advance(0.2)
    loop.run_job("count")
    assert results == [7]


# Times that are no times


@pytest.mark.parametrize("when", [math.nan, math.inf, 1e18, 10.0**308])
def test_a_timer_of_an_impossible_time_fires_after_the_longest_wait_and_holds_up_no_other(
    loop: ManualLoop, when: float
) -> None:
    fired: list[tuple[str, float]] = []
    loop.at(when, lambda: fired.append(("impossible", loop.now())))
    for name, seconds in (("late", 3.0), ("early", 1.0)):
        loop.at(loop.now() + seconds, lambda name=name: fired.append((name, loop.now())))  # type: ignore[misc]
    loop.advance(2 * LONGEST_TIMER)
    assert fired == [("early", 1001.0), ("late", 1003.0), ("impossible", 1000.0 + LONGEST_TIMER)]


def test_a_timer_of_the_endless_past_fires_at_once(loop: ManualLoop) -> None:
    fired: list[float] = []
    loop.at(-math.inf, lambda: fired.append(loop.now()))
    loop.settle()
    assert fired == [1000.0]


@pytest.mark.parametrize("longest", [None, math.nan, math.inf, 1e300, -1.0])
def test_a_turn_waits_only_as_long_as_a_wait_can_be(monkeypatch: pytest.MonkeyPatch, longest: float | None) -> None:
    monkeypatch.setattr("pipeline.replies.event_loop._LONGEST_TURN", 0.02)
    loop = EventLoop()
    loop.at(1e300, lambda: None)
    assert not loop.turn(longest)
    assert not loop.handle_event(longest)


def test_a_log_that_cannot_be_written_ends_no_loop(loop: ManualLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    handled: list[str] = []

    def closed(*_: object, **__: object) -> None:
        raise ValueError("I/O operation on closed file")

    monkeypatch.setattr("pipeline.replies.event_loop.log.error", closed, raising=False)
    loop.post(lambda: handled.remove("nothing"))
    loop.post(lambda: handled.append("next"))
    loop.settle()
    assert handled == ["next"]
