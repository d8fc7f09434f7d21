"""Signals end a check at once, but never its cleaning up."""

from __future__ import annotations

import os
import signal

import pytest

from scripts.checks.interruption import CheckInterrupted, Interruption


def _signal() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_a_signal_ends_a_breakable_block_and_is_only_recorded_elsewhere() -> None:
    interruption = Interruption()
    with interruption.watching():
        _signal()
        assert interruption.requested
        with pytest.raises(CheckInterrupted), interruption.breakable():
            raise AssertionError("the block began")


def test_the_former_handlers_are_back_afterwards() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Interruption().watching():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


def test_cleaning_up_is_finished_even_if_a_signal_arrives_or_a_removal_fails() -> None:
    interruption = Interruption()
    removed: list[str] = []

    def fail() -> None:
        raise OSError("no network")

    with interruption.watching():
        interruption.will_remove("first", lambda: removed.append("first"))
        interruption.will_remove("signalled", _signal)
        interruption.will_remove("failing", fail)
        interruption.will_remove("kept", lambda: removed.append("kept"))
        interruption.keep("kept")
        with pytest.raises(OSError, match="no network"):
            interruption.clean_up()
        interruption.clean_up()
    assert removed == ["first"]
