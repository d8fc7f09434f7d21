"""What a signal does to a run."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.run.signals import stopping_on_signals
from tests.support.waiting import eventually


@pytest.fixture
def stop() -> threading.Event:
    return threading.Event()


@pytest.fixture
def exits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Exit codes of forced ends."""
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    return codes


@pytest.fixture
def timers() -> Iterator[list[threading.Timer]]:
    """Timers that are under way when the test says so; cancelled at its end."""
    found: list[threading.Timer] = []
    yield found
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.cancel()
            thread.join(5.0)


@pytest.mark.usefixtures("exits")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_run_and_the_handler_of_before_comes_back(
    stop: threading.Event, timers: list[threading.Timer], number: signal.Signals
) -> None:
    before = signal.getsignal(number)
    with stopping_on_signals(stop.set):
        assert not stop.is_set()
        signal.raise_signal(number)
        assert stop.is_set()
    assert signal.getsignal(number) == before


def test_the_handlers_of_before_come_back_when_the_run_fails(stop: threading.Event) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyError), stopping_on_signals(stop.set):
        raise KeyError
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_run_that_does_not_stop_is_ended_after_fourteen_seconds(
    stop: threading.Event, exits: list[int], timers: list[threading.Timer]
) -> None:
    with stopping_on_signals(stop.set):
        signal.raise_signal(signal.SIGTERM)
        (timer,) = [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
    assert timer.interval == 14.0
    assert timer.daemon, "a run that has stopped must not wait for it"
    assert exits == []


@pytest.mark.parametrize("code", [0, 1])
def test_the_forced_end_says_so_and_has_the_code_that_was_given(
    stop: threading.Event,
    exits: list[int],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    code: int,
) -> None:
    monkeypatch.setattr("pipeline.run.signals._FORCED_AFTER", 0.0)
    with stopping_on_signals(stop.set, code_if_forced=code):
        signal.raise_signal(signal.SIGTERM)
        eventually(lambda: exits)
    assert exits == [code]
    assert capfd.readouterr().err == "stopped by force: something did not stop in time\n"


def test_off_the_main_thread_no_signal_is_touched(stop: threading.Event) -> None:
    before = signal.getsignal(signal.SIGTERM)

    def within() -> object:
        with stopping_on_signals(stop.set):
            return signal.getsignal(signal.SIGTERM)

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(within).result() == before


def test_on_a_cluster_a_signal_stops_the_run_and_never_the_driver(
    stop: threading.Event, exits: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")
    before = signal.getsignal(signal.SIGTERM)
    with stopping_on_signals(stop.set):
        signal.raise_signal(signal.SIGTERM)
        assert not [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
    assert stop.is_set()
    assert exits == []
    assert signal.getsignal(signal.SIGTERM) == before
