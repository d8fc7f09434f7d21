"""The table writer's thread, one look at a time."""

from __future__ import annotations

import pytest
from py4j.protocol import Py4JNetworkError

from pipeline.errors import OperatorError, RunFailed
from pipeline.run.threads.writer import WriterThread
from pipeline.stream.delta import TableError
from tests.support.run_parts import Works


class Parts:
    """A writer, what is left over and the tables; each attempt is one look of the thread."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.reports: list[tuple[str, str | None]] = []
        self.due = False
        self.idle = True
        self.steps_left = 0
        self.write_fails: list[Exception] = []
        self.step_fails: list[Exception] = []
        self.check_fails: Exception | None = None

    @property
    def done(self) -> bool:
        return self.steps_left == 0

    def write(self) -> None:
        self.calls.append("write")
        if self.write_fails:
            raise self.write_fails.pop(0)

    def step(self) -> None:
        self.calls.append("step")
        if self.step_fails:
            raise self.step_fails.pop(0)
        self.steps_left -= 1

    def check(self) -> None:
        self.calls.append("check")
        if self.check_fails is not None:
            raise self.check_fails


@pytest.fixture
def parts() -> Parts:
    return Parts()


class Looks:
    """In place of the event that stops the thread: it is set after so many looks, and keeps how long each waited."""

    def __init__(self, count: int) -> None:
        self.left = count
        self.waited: list[float] = []

    def set(self) -> None:
        self.left = 0

    def is_set(self) -> bool:
        return self.left < 0

    def wait(self, seconds: float) -> bool:
        self.waited.append(seconds)
        self.left -= 1
        return self.left < 0


def run(parts: Parts, works: Works, looks: int) -> tuple[WriterThread, list[float]]:
    """Let the thread look so often; the thread, and how long it waited before each look and the end."""
    thread = WriterThread(
        parts, parts, parts.check, lambda *said: parts.reports.append(said), start_in_background=works
    )
    stop = Looks(looks)
    thread._stop = stop  # type: ignore[assignment]
    thread.start()
    works.last.end()
    return thread, stop.waited


def test_a_round_is_written_when_it_is_due_and_not_before(parts: Parts, works: Works) -> None:
    run(parts, works, 3)
    assert parts.calls == []
    parts.due = True
    run(parts, works, 2)
    assert parts.calls == ["write", "write"]


def test_what_is_left_over_is_taken_between_rounds(parts: Parts, works: Works) -> None:
    parts.steps_left = 2
    thread, _ = run(parts, works, 3)
    assert parts.calls == ["step", "step"]
    assert thread.idle
    parts.calls.clear()
    parts.steps_left, parts.due = 1, True
    thread, _ = run(parts, works, 2)
    assert parts.calls == ["write", "write"]
    assert not thread.idle


def test_a_thread_with_rows_that_wait_is_not_idle(parts: Parts, works: Works) -> None:
    parts.idle = False
    assert not run(parts, works, 0)[0].idle


def test_a_failed_round_is_written_again_after_a_growing_pause_and_reported_until_it_succeeds(
    parts: Parts, works: Works
) -> None:
    parts.due = True
    parts.write_fails = [OSError(28, "No space left on device"), ValueError("one line\n: another " + "x" * 500)]
    thread, waited = run(parts, works, 3)
    assert waited == [0.1, 1.0, 2.0, 0.1]
    assert parts.calls == ["write", "check", "write", "check", "write"]
    assert parts.reports == [
        ("tables", "OSError: [Errno 28] No space left on device"),
        ("tables", "ValueError: one line : another " + "x" * 281),
        ("tables", None),
    ]
    thread.check()


def test_a_failed_step_is_made_again(parts: Parts, works: Works) -> None:
    parts.steps_left, parts.step_fails = 1, [OSError("disk")]
    run(parts, works, 3)
    assert parts.calls == ["step", "check", "write", "step"]
    assert parts.done


@pytest.mark.parametrize(
    ("fails", "check_fails", "expected"),
    [
        (OperatorError("another run has the storage"), None, OperatorError),
        (ValueError("odd"), TableError("bronze was changed"), TableError),
        (Py4JNetworkError("gone"), None, RunFailed),
    ],
)
def test_what_no_other_attempt_fixes_ends_the_thread_and_is_raised_by_the_check(
    parts: Parts, works: Works, fails: Exception, check_fails: Exception | None, expected: type[Exception]
) -> None:
    parts.due, parts.write_fails, parts.check_fails = True, [fails], check_fails
    thread, _ = run(parts, works, 5)
    assert parts.calls.count("write") == 1
    with pytest.raises(expected):
        thread.check()


def test_tables_that_cannot_be_read_either_are_tried_again(parts: Parts, works: Works) -> None:
    parts.due, parts.write_fails, parts.check_fails = True, [ValueError("odd")], ValueError("can't be read")
    thread, _ = run(parts, works, 2)
    assert parts.calls == ["write", "check", "write"]
    thread.check()


def test_the_house_is_kept_every_five_seconds_and_the_moment_is_quiet_after_ten_without_a_row(
    parts: Parts, works: Works
) -> None:
    now, quiet = 100.0, []

    def clock() -> float:
        nonlocal now
        now += 1.0
        parts.idle = now > 108.0
        return now

    thread = WriterThread(
        parts,
        parts,
        parts.check,
        lambda *_: None,
        keep_house=lambda is_quiet: quiet.append((now, is_quiet)),
        start_in_background=works,
        clock=clock,
    )
    thread._stop = Looks(21)  # type: ignore[assignment]
    thread.start()
    works.last.end()
    assert quiet == [(106.0, False), (111.0, False), (116.0, False), (121.0, True)]


def test_a_stop_writes_what_waits_and_waits_for_it_so_long(parts: Parts, works: Works) -> None:
    thread = WriterThread(parts, parts, parts.check, lambda *_: None, start_in_background=works)
    thread.stop(5.0)
    thread.start()
    parts.idle = False
    thread.stop(2.5)
    works.last.end()
    assert works.last.joined == [2.5]
    assert parts.calls == ["write"]


def test_a_stop_writes_nothing_where_nothing_waits_or_the_tables_fail(parts: Parts, works: Works) -> None:
    run(parts, works, 0)
    assert parts.calls == []
    parts.due, parts.idle, parts.write_fails = True, False, [OSError("full")]
    run(parts, works, 1)
    assert parts.calls == ["write", "check"]
    assert parts.reports == [("tables", "OSError: full")]
