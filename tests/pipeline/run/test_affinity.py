"""While a run is under way, its threads are on one CPU."""

import itertools
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.run.affinity import one_cpu
from tests.support.waiting import eventually

ALLOWED = os.sched_getaffinity(0) if sys.platform == "linux" else set[int]()

_NO_THREAD = 10**7
"""From here on no thread has such a number: Linux gives numbers below 2**22."""

pytestmark = pytest.mark.skipif(len(ALLOWED) < 2, reason="it needs two CPUs, and Linux to choose one")


def where(thread: int = 0) -> set[int]:
    assert sys.platform == "linux"
    return os.sched_getaffinity(thread)


@contextmanager
def waiting_thread() -> Iterator[int]:
    """A thread that is there already; its number."""
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    assert thread.native_id is not None
    yield thread.native_id
    end.set()
    thread.join()


def test_all_threads_are_on_one_cpu_also_those_begun_before_and_after() -> None:
    begun: list[set[int]] = []
    with waiting_thread() as before, one_cpu():
        after = threading.Thread(target=lambda: begun.append(where()))
        after.start()
        after.join()
        assert len(where()) == 1
        assert [where(before), *begun] == [where()] * 2


def test_afterwards_they_may_be_on_each_cpu_again() -> None:
    with waiting_thread() as thread:
        with pytest.raises(ValueError, match="the run fails"), one_cpu():
            raise ValueError("the run fails")
        assert where() == where(thread) == ALLOWED


def test_a_process_that_is_there_already_keeps_its_cpus() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        with one_cpu():
            assert where(process.pid) == ALLOWED
        process.communicate(b"\n")


def test_it_is_the_cpu_that_the_kernel_has_chosen() -> None:
    def stays(cpu: int) -> bool:
        assert sys.platform == "linux"
        os.sched_setaffinity(0, {cpu})
        os.sched_setaffinity(0, ALLOWED)
        with one_cpu():
            return where() == {cpu}

    # The kernel may choose another meanwhile.
    assert all(any(stays(cpu) for _ in range(100)) for cpu in ALLOWED)


@pytest.mark.parametrize("state", [None, "", "1 (python) S 1"])
def test_where_that_is_not_known_it_is_one_of_those_that_are_allowed(
    state: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "stat"
    if state is not None:
        file.write_text(state)
    monkeypatch.setattr("pipeline.run.affinity._STATE", file)
    with one_cpu():
        assert len(where() & ALLOWED) == 1


def test_the_kernel_may_choose_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    state = tmp_path / "stat"
    monkeypatch.setattr("pipeline.run.affinity._STATE", state)
    monkeypatch.setattr("pipeline.run.affinity._CHOOSE_EVERY", 0.01)
    first, second = min(ALLOWED), max(ALLOWED)
    state.write_text(state_of(first))
    with one_cpu():
        assert where() == {first}
        state.write_text(state_of(second))
        eventually(lambda: where() == {second})


def state_of(cpu: int) -> str:
    return " ".join(["1 (a (name) of it) S", *["0"] * 35, str(cpu), "0"])


@pytest.mark.parametrize("refused", ["getaffinity", "setaffinity"])
def test_where_it_is_not_allowed_a_run_goes_on_as_it_is(refused: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    with monkeypatch.context() as forbidding:
        forbidding.setattr(f"os.sched_{refused}", refuses)
        with one_cpu():
            pass
    assert where() == ALLOWED


def test_a_thread_that_can_not_be_moved_keeps_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sys.platform == "linux"
    move = os.sched_setaffinity
    with waiting_thread() as stays, waiting_thread() as moves:

        def refuses(thread: int, cpus: set[int]) -> None:
            if thread == stays:
                raise PermissionError(1, "Operation not permitted")
            move(thread, cpus)

        monkeypatch.setattr("os.sched_setaffinity", refuses)
        with one_cpu():
            assert (where(stays), where(moves)) == (ALLOWED, where())
        assert where(moves) == where() == ALLOWED


def test_it_has_an_end_also_while_threads_keep_beginning_others(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = itertools.count(_NO_THREAD)

    class Churn:
        def iterdir(self) -> list[Path]:
            return [Path(str(next(numbers)))]

    monkeypatch.setattr("pipeline.run.affinity._THREADS", Churn())
    with one_cpu():
        assert next(numbers) < _NO_THREAD + 100


def test_a_process_with_one_cpu_keeps_it() -> None:
    assert sys.platform == "linux"
    only = {max(ALLOWED)}
    os.sched_setaffinity(0, only)
    try:
        with one_cpu():
            assert where() == only
        assert where() == only
    finally:
        os.sched_setaffinity(0, ALLOWED)
