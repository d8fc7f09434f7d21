"""The bounds of a call, over a clock that the test moves."""

import contextlib
import threading

import pytest

from pipeline.peers.bounds import Bounds, GivenUp, TooLarge, TooLate, bounded, current_bounds


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_call_has_its_seconds_in_all_however_many_reads_it_takes(clock: Clock) -> None:
    bounds = Bounds(10.0, 5, clock)
    assert bounds.left() == 10.0
    clock.now += 9.0
    assert (bounds.left(), bounds.broken) == (1.0, None)
    clock.now += 1.0
    with pytest.raises(TooLate):
        bounds.left()
    assert bounds.broken == "no response in time"


def test_the_seconds_may_begin_when_the_connection_is_made(clock: Clock) -> None:
    bounds = Bounds(10.0, 5, clock)
    clock.now += 8.0
    bounds.begin()
    assert bounds.left() == 10.0


def test_a_read_that_took_all_that_was_left_is_too_late(clock: Clock) -> None:
    bounds = Bounds(10.0, 5, clock)
    assert isinstance(bounds.late(), TimeoutError)
    assert bounds.broken == "no response in time"


def test_a_response_has_its_bytes_in_all(clock: Clock) -> None:
    bounds = Bounds(10.0, 5, clock)
    bounds.take(3)
    bounds.take(2)
    assert bounds.broken is None
    with pytest.raises(TooLarge, match=r"^the response has more than 5 bytes$"):
        bounds.take(1)
    assert bounds.broken == "the response has more than 5 bytes"


def test_bounds_are_those_of_the_threads_own_innermost_call() -> None:
    outer, inner, others = Bounds(1.0, 1), Bounds(2.0, 2), list[type[BaseException]]()

    def ask_elsewhere() -> None:
        try:
            current_bounds()
        except RuntimeError as error:
            others.append(type(error))

    with bounded(outer):
        with contextlib.suppress(KeyError), bounded(inner):
            assert current_bounds() is inner
            raise KeyError
        assert current_bounds() is outer
        thread = threading.Thread(target=ask_elsewhere)
        thread.start()
        thread.join()
    assert others == [RuntimeError]
    with pytest.raises(RuntimeError):
        current_bounds()


def test_a_response_that_nobody_wants_any_more_is_given_up(clock: Clock) -> None:
    wanted = [True]
    bounds = Bounds(10.0, 5, clock, given_up=lambda: not wanted[0])
    assert bounds.left() == 10.0
    assert 0 < bounds.longest_read < 1, "it is asked again while nothing comes"
    wanted.clear()
    wanted.append(False)
    with pytest.raises(GivenUp):
        bounds.left()
    assert Bounds(10.0, 5, clock).longest_read == float("inf")


def test_what_is_left_can_be_made_shorter_and_never_longer(clock: Clock) -> None:
    bounds = Bounds(10.0, 5, clock)
    bounds.shorten(1.0)
    assert bounds.left() == 1.0
    bounds.shorten(5.0)
    assert bounds.left() == 1.0
