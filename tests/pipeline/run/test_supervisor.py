"""What the supervisor decides at each tick, by a clock that the test sets."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import structlog

from pipeline.errors import RunFailed
from pipeline.run.supervisor import Supervisor
from pipeline.storage.lease import LeaseHeld
from pipeline.stream.delta import TableError
from tests.support.run_parts import SteppedEnd, Works

START = 1000.0


class Parts:
    """All parts of a run at once, as a supervisor sees them. Calls are noted in order."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.fails: dict[str, Exception] = {}
        # Intake and query
        self.done = False
        self.begun = 0
        self.busy = False
        self.oversized = False
        self.caught_up = False
        self.finished = True
        # Lanes and writer
        self._open = 0
        self.on_open: Callable[[], None] = lambda: None
        self.idle = True
        # Recorder
        self.values: dict[str, object] = {}
        self.saves: list[bool] = []

    def note(self, call: str) -> None:
        self.calls.append(call)
        if call in self.fails:
            raise self.fails[call]

    @property
    def open(self) -> int:
        self.on_open()
        return self._open

    @open.setter
    def open(self, count: int) -> None:
        self._open = count

    def catch_up(self) -> bool:
        self.note("catch up")
        return self.caught_up

    def finish(self) -> bool:
        self.note("finish")
        return self.finished

    def renew(self) -> None:
        self.note("renew")

    def compact(self) -> None:
        self.note("compact")

    def keep_house(self) -> None:
        self.note("keep house")

    def set(self, **values: object) -> None:
        self.values |= values

    def save(self, always: bool = False) -> None:
        self.saves.append(always)
        self.note("save")

    def count(self, call: str) -> int:
        return self.calls.count(call)


class Checked:
    """One part, whose check is noted under its name."""

    def __init__(self, parts: Parts, name: str) -> None:
        self._parts = parts
        self._name = name

    def check(self, now: float | None = None) -> None:
        self._parts.note(f"check {self._name}")
        self._parts.values[f"{self._name} at"] = now

    def __getattr__(self, name: str) -> object:
        return getattr(self._parts, name)


@pytest.fixture
def parts() -> Parts:
    return Parts()


Build = Callable[..., Supervisor]


@pytest.fixture
def build(parts: Parts, works: Works) -> Build:
    def build(*, once: bool = False, before_record: Callable[[], None] = lambda: None) -> Supervisor:
        return Supervisor(
            Checked(parts, "intake"),  # type: ignore[arg-type]
            Checked(parts, "query"),  # type: ignore[arg-type]
            Checked(parts, "lanes"),  # type: ignore[arg-type]
            Checked(parts, "writer"),  # type: ignore[arg-type]
            parts,
            parts,
            Checked(parts, "lease"),
            parts,
            now=START,
            once=once,
            on_serving=lambda: parts.note("on serving"),
            before_record=before_record,
            start_in_background=works,
        )

    return build


@pytest.fixture
def supervisor(build: Build) -> Supervisor:
    return build()


# Restarts, and what ends a run


def test_every_tick_checks_all_parts_with_its_time(supervisor: Supervisor, parts: Parts) -> None:
    for now in (START, START + 0.1):
        parts.calls.clear()
        assert not supervisor.tick(now)
        assert {"check intake", "check query", "check lanes", "check writer", "check lease", "compact"} <= set(
            parts.calls
        )
        assert (parts.values["intake at"], parts.values["query at"]) == (now, now)


@pytest.mark.parametrize("once", [False, True])
@pytest.mark.parametrize(
    ("part", "error"),
    [
        ("intake", LeaseHeld("x")),
        ("query", RunFailed("x")),
        ("lanes", RunFailed("x")),
        ("writer", TableError("x")),
        ("lease", LeaseHeld("x")),
    ],
)
def test_what_no_restart_fixes_ends_the_run(
    build: Build, parts: Parts, part: str, error: Exception, once: bool
) -> None:
    parts.fails[f"check {part}"] = error
    with pytest.raises(type(error)):
        build(once=once).tick(START)


def test_a_run_that_lost_its_lease_writes_nothing_more(supervisor: Supervisor, parts: Parts) -> None:
    parts.fails["check lease"] = LeaseHeld("taken")
    parts.begun = 1
    with pytest.raises(LeaseHeld):
        supervisor.tick(START + 1000.0)
    assert not {"save", "compact", "renew"} & set(parts.calls)
    # A check of theirs may restart what writes.
    assert not {"check intake", "check query"} & set(parts.calls)


# Serving


def test_a_run_serves_from_its_first_micro_batch_on_and_says_so_once(supervisor: Supervisor, parts: Parts) -> None:
    supervisor.tick(START)
    assert (parts.values.get("state"), parts.count("on serving")) == (None, 0)
    parts.begun = 1
    supervisor.tick(START + 0.1)
    assert (parts.values["state"], parts.saves, parts.count("on serving")) == ("serving", [False], 1)
    parts.begun = 2
    supervisor.tick(START + 0.2)
    assert (parts.saves, parts.count("on serving")) == ([False], 1)


def test_a_record_that_cannot_be_written_does_not_keep_a_run_from_serving(supervisor: Supervisor, parts: Parts) -> None:
    parts.fails["save"] = OSError(28, "full")
    parts.begun = 1
    supervisor.tick(START)
    assert parts.count("on serving") == 1


# The record, and housekeeping


def test_the_record_is_saved_every_two_seconds_changed_or_not(supervisor: Supervisor, parts: Parts) -> None:
    counts = []
    for now in (1.9, 2.0, 3.9, 4.0):
        supervisor.tick(START + now)
        counts.append(parts.count("save"))
    assert counts == [0, 1, 1, 2]
    assert parts.saves == [True, True]


def test_what_the_record_says_is_noted_before_it_is_saved(build: Build, parts: Parts) -> None:
    noted: list[int] = []
    build(before_record=lambda: noted.append(parts.count("save"))).tick(START + 2.0)
    assert (noted, parts.count("save")) == ([0], 1)


def test_a_full_disk_ends_no_run(supervisor: Supervisor, parts: Parts) -> None:
    parts.fails = {"save": OSError(28, "full"), "compact": OSError("odd")}
    for step in range(100):
        supervisor.tick(START + step)
    assert parts.count("compact") == 100
    assert parts.count("save") == 49, "every two seconds, failed or not"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(28, "No space left"), "No space left"),
        (OSError("the journal can't be written"), "the journal can't be written"),
    ],
)
def test_a_storage_that_cannot_be_written_is_logged_with_its_reason(
    supervisor: Supervisor, parts: Parts, error: OSError, reason: str
) -> None:
    parts.fails["compact"] = error
    with structlog.testing.capture_logs() as logs:
        supervisor.tick(START)
    assert [(entry["event"], entry["reason"]) for entry in logs] == [("the storage can't be written", reason)]


def test_every_ten_minutes_finished_files_are_packed_and_removed_in_the_background(
    supervisor: Supervisor, parts: Parts, works: Works
) -> None:
    supervisor.tick(START + 599.9)
    assert works.all == []
    supervisor.tick(START + 600.0)
    supervisor.tick(START + 1199.9)
    assert [work.name for work in works.all] == ["housekeeping"]
    assert parts.count("keep house") == 0, "a large folder holds nobody"
    works.last.end()
    assert parts.count("keep house") == 1
    supervisor.tick(START + 1200.0)
    assert len(works.all) == 2


def test_an_oversized_checkpoint_is_replaced_at_housekeeping(supervisor: Supervisor, parts: Parts) -> None:
    parts.oversized = True
    supervisor.tick(START + 599.9)
    assert parts.count("renew") == 0
    supervisor.tick(START + 600.0)
    assert parts.count("renew") == 1


@pytest.mark.parametrize(("oversized", "busy"), [(False, False), (True, True)])
def test_a_checkpoint_is_not_replaced_without_need_or_during_a_micro_batch(
    supervisor: Supervisor, parts: Parts, oversized: bool, busy: bool
) -> None:
    parts.oversized, parts.busy = oversized, busy
    supervisor.tick(START + 600.0)
    assert parts.count("renew") == 0


# The end of a run with `once`


@pytest.fixture
def once(build: Build, parts: Parts) -> Supervisor:
    """All of it is done, unless the test takes something back."""
    parts.done = parts.caught_up = parts.finished = True
    return build(once=True)


def test_a_run_with_once_is_done_when_all_is_processed_and_the_last_commit_is_there(
    once: Supervisor, parts: Parts
) -> None:
    assert once.tick(START)
    assert parts.calls[-3:] == ["catch up", "finish", "keep house"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("done", False), ("caught_up", False), ("open", 1), ("idle", False), ("finished", False)],
)
def test_a_run_with_once_is_not_done_while_anything_is_left(
    once: Supervisor, parts: Parts, name: str, value: object
) -> None:
    ready = getattr(parts, name)
    setattr(parts, name, value)
    assert not once.tick(START)
    assert parts.count("finish") == (name == "finished"), "the last commit is waited for only when all else is done"
    setattr(parts, name, ready)
    assert once.tick(START + 0.1)


def test_the_stream_is_asked_only_once_telegram_holds_nothing_more(once: Supervisor, parts: Parts) -> None:
    parts.done = False
    once.tick(START)
    assert parts.count("catch up") == 0, "later files would not count"


def test_a_reply_that_leaves_the_lanes_at_the_last_moment_is_still_waited_for(once: Supervisor, parts: Parts) -> None:
    def ends() -> None:
        parts.idle = False

    parts.on_open = ends
    assert not once.tick(START)
    assert parts.count("finish") == 0


def test_a_run_that_serves_is_never_done(build: Build, parts: Parts) -> None:
    parts.done = parts.caught_up = parts.finished = True
    assert not build().tick(START)
    assert not {"catch up", "finish"} & set(parts.calls)


# The loop


def test_the_loop_ticks_ten_times_a_second_by_the_clock_of_the_run(supervisor: Supervisor, parts: Parts) -> None:
    end = SteppedEnd(request_after=3)
    assert supervisor.watch(end)
    assert end.waits == [0.1, 0.1, 0.1]
    assert parts.values["query at"] == pytest.approx(end.now)


def test_a_run_with_once_ends_when_it_is_done(once: Supervisor) -> None:
    end = SteppedEnd()
    assert once.watch(end)
    assert len(end.waits) == 1


def test_a_deadline_cuts_a_run_with_once_short(once: Supervisor, parts: Parts) -> None:
    parts.open = 1
    end = SteppedEnd(deadline=5.0)
    assert not once.watch(end)
    assert end.now == pytest.approx(1005.0, abs=0.2)


def test_a_run_that_was_stopped_before_it_began_does_nothing(supervisor: Supervisor, parts: Parts) -> None:
    end = SteppedEnd()
    end.request()
    assert supervisor.watch(end)
    assert parts.calls == []
