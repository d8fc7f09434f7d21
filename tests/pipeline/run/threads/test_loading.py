"""What is loaded beside a run's start: tried again until it is there."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from pipeline.run.threads.loading import Loading
from tests.support.run_parts import Works


class Stop(threading.Event):
    """Notes waits, and waits for nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout)
        return self.is_set()


class Loaded:
    """Something that is loaded, once it does not fail any more."""

    def __init__(self, works: Works, *fails: Exception) -> None:
        self.fails = list(fails)
        self.done: list[str] = []
        self.reports: list[tuple[str, str | None]] = []
        self.stop = Stop()
        self.when_it_fails: Callable[[], None] = lambda: None
        report = lambda service, reason: self.reports.append((service, reason))  # noqa: E731
        loading = Loading(
            "ledger", self.load, lambda: self.done.append("loaded"), report, self.stop, start_in_background=works
        )
        loading.start()
        (work,) = works.all
        assert work.name == "ledger"
        self.run = work.end

    def load(self) -> None:
        if self.fails:
            self.when_it_fails()
            raise self.fails.pop(0)
        self.done.append("load")


def test_those_who_wait_are_told_once_it_is_loaded(works: Works) -> None:
    loaded = Loaded(works)
    loaded.run()
    assert (loaded.done, loaded.reports, loaded.stop.waits) == (["load", "loaded"], [], [])


def test_what_can_not_be_loaded_is_reported_and_tried_again_later_each_time(works: Works) -> None:
    loaded = Loaded(works, OSError("no\nnetwork"), RuntimeError("again"))
    with structlog.testing.capture_logs() as logs:
        loaded.run()
    assert loaded.reports == [("ledger", "OSError: no network"), ("ledger", "RuntimeError: again"), ("ledger", None)]
    assert loaded.stop.waits == [2.0, 4.0]
    assert [(line["log_level"], line["wanted"]) for line in logs] == [("error", "ledger")] * 2
    assert loaded.done == ["load", "loaded"]


def test_a_stop_ends_the_attempts(works: Works) -> None:
    loaded = Loaded(works, *[OSError("no network")] * 5)
    loaded.stop.set()
    loaded.run()
    assert (loaded.done, loaded.reports) == ([], [])


def test_an_attempt_that_fails_because_the_run_stops_is_not_reported(works: Works) -> None:
    loaded = Loaded(works, RuntimeError("Spark is gone"))
    loaded.when_it_fails = loaded.stop.set
    loaded.run()
    assert (loaded.done, loaded.reports) == ([], [])
