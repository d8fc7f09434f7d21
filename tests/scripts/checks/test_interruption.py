"""Signals end a check at once, and never what clears up after it."""

from __future__ import annotations

import os
import signal

import pytest

from scripts.checks.interruption import Interrupted, Interruption
from scripts.checks.suite import Check, Verdict, results


def _signal() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_a_signal_ends_a_breakable_block_and_is_only_noted_elsewhere() -> None:
    interruption = Interruption()
    with interruption.watching():
        _signal()
        assert interruption.requested
        with pytest.raises(Interrupted), interruption.breakable():
            raise AssertionError("the block began")


def test_the_handlers_of_before_are_there_again_afterwards() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Interruption().watching():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


def test_clearing_up_is_finished_whatever_is_signalled_or_fails_meanwhile() -> None:
    interruption = Interruption()
    removed: list[str] = []

    def fail() -> None:
        raise OSError("no network")

    with interruption.watching():
        interruption.leaves("first", lambda: removed.append("first"))
        interruption.leaves("signalled", _signal)
        interruption.leaves("failing", fail)
        interruption.leaves("kept", lambda: removed.append("kept"))
        interruption.keep("kept")
        with pytest.raises(OSError, match="no network"):
            interruption.clear()
        interruption.clear()
    assert removed == ["first"]


def test_after_an_interruption_the_other_checks_are_skipped_and_traces_are_removed() -> None:
    interruption = Interruption()
    removed: list[str] = []

    def interrupted() -> str:
        interruption.leaves("file", lambda: removed.append("file"))
        _signal()
        return "never"

    checks = [
        Check("tables", lambda: "well"),
        Check("volumes", interrupted),
        Check("scope", lambda: "well"),
    ]
    with interruption.watching():
        found = list(results(checks, interruption, lambda error: None))
    assert [result.verdict for result in found] == [Verdict.PASSED, Verdict.FAILED, Verdict.SKIPPED]
    assert removed == ["file"]


def test_an_interruption_between_two_checks_is_no_pass() -> None:
    interruption = Interruption()
    checks = [Check("tables", lambda: "well"), Check("volumes", lambda: "well"), Check("scope", lambda: "well")]
    found = []
    with interruption.watching():
        for result in results(checks, interruption, lambda error: None):
            found.append(result.verdict)
            if len(found) == 1:
                _signal()
    assert found == [Verdict.PASSED, Verdict.FAILED, Verdict.SKIPPED]


def test_an_error_that_was_not_foreseen_fails_its_check_alone_and_shows_no_secret() -> None:
    def fail() -> str:
        raise KeyError("42:abcdefghijklmnopqrstuvwxyz0123456789")

    checks = [Check("tables", fail), Check("volumes", lambda: "well")]
    first, second = results(checks, Interruption(), lambda error: None)
    assert (first.verdict, second.verdict) == (Verdict.FAILED, Verdict.PASSED)
    assert "<secret>" in first.finding
