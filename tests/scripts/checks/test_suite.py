"""Running the checks: every one has a result, whatever happens to another."""

from __future__ import annotations

import os
import signal

from pipeline.errors import OperatorError
from scripts.checks.interruption import Interruption
from scripts.checks.suite import Check, CheckFailed, CheckVerdict, NotApplicable, results
from scripts.target.explanation import Explanation


def _signal() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_after_an_interruption_the_other_checks_are_skipped_and_files_are_removed() -> None:
    interruption = Interruption()
    removed: list[str] = []

    def interrupted() -> str:
        interruption.will_remove("file", lambda: removed.append("file"))
        _signal()
        return "never"

    checks = [
        Check("tables", lambda: "fine"),
        Check("volumes", interrupted),
        Check("scope", lambda: "fine"),
    ]
    with interruption.watching():
        found = list(results(checks, interruption, lambda error: None))
    assert [result.verdict for result in found] == [CheckVerdict.PASSED, CheckVerdict.FAILED, CheckVerdict.SKIPPED]
    assert removed == ["file"]


def test_a_check_that_was_interrupted_before_it_began_has_not_passed() -> None:
    interruption = Interruption()
    checks = [Check("tables", lambda: "fine"), Check("volumes", lambda: "fine"), Check("scope", lambda: "fine")]
    found = []
    with interruption.watching():
        for result in results(checks, interruption, lambda error: None):
            found.append(result.verdict)
            if len(found) == 1:
                _signal()
    assert found == [CheckVerdict.PASSED, CheckVerdict.FAILED, CheckVerdict.SKIPPED]


def test_an_error_that_was_not_foreseen_fails_its_check_alone_and_shows_no_secret() -> None:
    def fail() -> str:
        raise KeyError("42:abcdefghijklmnopqrstuvwxyz0123456789")

    checks = [Check("tables", fail), Check("volumes", lambda: "fine")]
    first, second = results(checks, Interruption(), lambda error: None)
    assert (first.verdict, second.verdict) == (CheckVerdict.FAILED, CheckVerdict.PASSED)
    assert "<secret>" in first.finding


def test_a_check_whose_requirement_failed_is_skipped_and_named() -> None:
    def fail() -> str:
        raise CheckFailed("no", "do this")

    checks = [Check("workspace", fail), Check("tables", lambda: "fine", needs=("workspace",))]
    first, second = results(checks, Interruption(), lambda error: None)
    assert (first.verdict, first.finding, first.fix) == (CheckVerdict.FAILED, "no", "do this")
    assert (second.verdict, second.finding) == (CheckVerdict.SKIPPED, "the check workspace failed, which it needs")


def test_each_kind_of_error_becomes_a_finding_and_a_fix() -> None:
    def raising(error: Exception) -> Check:
        def look() -> str:
            raise error

        return Check("tables", look)

    checks = [raising(OperatorError("a: b: fix it")), raising(TimeoutError()), raising(NotApplicable("not here"))]
    explained = Explanation("slow", "wait")
    found = [(r.verdict, r.finding, r.fix) for r in results(checks, Interruption(), lambda error: explained)]
    assert found == [
        (CheckVerdict.FAILED, "a: b", "fix it"),
        (CheckVerdict.FAILED, "slow", "wait"),
        (CheckVerdict.SKIPPED, "not here", ""),
    ]
