"""Threads that are kept for the next job."""

import threading
from collections.abc import Callable

import pytest

from pipeline.peers import workers as workers_module
from pipeline.peers.workers import Workers
from tests.support.waiting import eventually


class Jobs:
    """Jobs that note their thread and then wait until they may end."""

    def __init__(self) -> None:
        self.threads: list[threading.Thread] = []
        self.names: list[str] = []
        self.end = threading.Semaphore(0)

    def __call__(self) -> None:
        self.threads.append(threading.current_thread())
        self.names.append(threading.current_thread().name)
        assert self.end.acquire(timeout=10)


def free(workers: Workers, count: int) -> Callable[[], bool]:
    return lambda: workers._free == count


def test_jobs_run_at_the_same_time_on_daemons_with_their_names() -> None:
    workers, jobs = Workers(), Jobs()
    for number in range(5):
        workers.start(f"job {number}", jobs)
    eventually(lambda: len(jobs.threads) == 5)
    assert sorted(jobs.names) == [f"job {number}" for number in range(5)]
    assert len(set(jobs.threads)) == 5
    assert all(thread.daemon for thread in jobs.threads)
    jobs.end.release(5)


def test_a_thread_that_is_free_takes_the_next_job_and_its_name() -> None:
    workers, jobs = Workers(), Jobs()
    jobs.end.release(3)
    for name in ("first", "second", "third"):
        workers.start(name, jobs)
        eventually(free(workers, 1))
    assert jobs.names == ["first", "second", "third"]
    assert len(set(jobs.threads)) == 1


def test_no_job_waits_for_a_thread_that_has_one() -> None:
    workers, jobs = Workers(), Jobs()
    jobs.end.release(1)
    workers.start("done", jobs)
    eventually(free(workers, 1))
    for _ in range(3):
        workers.start("at once", jobs)
    eventually(lambda: len(jobs.threads) == 4)
    assert len(set(jobs.threads)) == 3
    jobs.end.release(3)


def test_a_thread_without_a_job_ends_after_a_while_and_another_begins_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workers_module, "_KEPT", 0.02)
    workers, jobs = Workers(), Jobs()
    jobs.end.release(4)
    for _ in range(3):
        workers.start("job", jobs)
    eventually(lambda: len(jobs.threads) == 3 and not any(thread.is_alive() for thread in jobs.threads))
    assert workers._free == 0
    workers.start("next", jobs)
    eventually(lambda: jobs.names[3:] == ["next"])


def test_no_job_is_lost_between_the_end_of_one_thread_and_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers_module, "_KEPT", 0.0005)
    workers, done = Workers(), threading.Semaphore(0)
    for number in range(500):
        workers.start("job", done.release)
        if number % 3 == 0:
            assert done.acquire(timeout=10)
    for _ in range(500 - 167):
        assert done.acquire(timeout=10)


def test_a_machine_without_threads_is_an_error_and_threads_that_are_there_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workers, jobs = Workers(), Jobs()
    jobs.end.release(2)
    workers.start("there", jobs)
    eventually(free(workers, 1))

    def none(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none)
    workers.start("again", jobs)
    with pytest.raises(RuntimeError):
        Workers().start("new", jobs)
    eventually(lambda: jobs.names == ["there", "again"])
