"""The checks: each has a name, a verdict, a time and a fix. A check that fails stops no other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pipeline.errors import OperatorError
from pipeline.redaction import scrub
from scripts.checks.interruption import CheckInterrupted, Interruption
from scripts.target.explanation import Explanation

NAMES = ("workspace", "tables", "volumes", "scope", "telegram", "model", "job", "backlog", "message")
"""Checks run in dependency order."""

_AGAIN = "run it again"


class CheckVerdict(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


class CheckFailed(Exception):
    """What a check found wrong, and how to fix it. It holds no secret."""

    def __init__(self, finding: str, fix: str) -> None:
        super().__init__(finding)
        self.finding = finding
        self.fix = fix


class NotApplicable(Exception):
    """A check does not apply here; the text says why."""


Explain = Callable[[Exception], Explanation | None]
"""Puts an error of a service into words; None if it is not that service's."""


@dataclass(frozen=True)
class Check:
    name: str
    look: Callable[[], str]
    """Returns what it found. Raises CheckFailed, NotApplicable, or any error of the services it asks."""
    needs: tuple[str, ...] = ()
    """Checks that must not fail before this one: otherwise it is skipped."""


@dataclass(frozen=True)
class Result:
    name: str
    verdict: CheckVerdict
    seconds: float
    finding: str
    fix: str = ""


def chosen(names: Sequence[str]) -> tuple[str, ...]:
    """The names given with `--only`, in the checks' order; all if none is given. Raises OperatorError."""
    unknown = next((name for name in names if name not in NAMES), None)
    if unknown is not None:
        raise OperatorError(f"--only is {unknown!r}: the checks are {', '.join(NAMES)}")
    return tuple(name for name in NAMES if not names or name in names)


def results(checks: Sequence[Check], interruption: Interruption, explain: Explain) -> Iterator[Result]:
    """Run the checks in their order, and clean up after each. Each has a result, even after an interruption."""
    failed: set[str] = set()
    cut_short = False
    for check in checks:
        missing = next((name for name in check.needs if name in failed), None)
        if interruption.requested:
            # Interrupted checks have not passed: one of them is reported as failed, wherever the signal arrived.
            verdict = CheckVerdict.SKIPPED if cut_short else CheckVerdict.FAILED
            result = Result(check.name, verdict, 0.0, "interrupted before it began", _AGAIN)
        elif missing is not None:
            result = Result(check.name, CheckVerdict.SKIPPED, 0.0, f"the check {missing} failed, which it needs")
        else:
            result = _result_of(check, interruption, explain)
        if result.verdict is CheckVerdict.FAILED:
            failed.add(check.name)
            cut_short = cut_short or result.fix == _AGAIN
        yield result


def _result_of(check: Check, interruption: Interruption, explain: Explain) -> Result:
    began = time.monotonic()
    verdict, finding, fix = CheckVerdict.FAILED, "interrupted", _AGAIN
    try:
        with interruption.breakable():
            finding = check.look()
        verdict, fix = CheckVerdict.PASSED, ""
    except CheckInterrupted:
        pass
    except NotApplicable as reason:
        verdict, finding, fix = CheckVerdict.SKIPPED, str(reason), ""
    except Exception as error:
        finding, fix = _explanation(error, explain)
    try:
        interruption.clean_up()
    except Exception as error:
        also = _explanation(error, explain)
        verdict = CheckVerdict.FAILED
        finding = f"{finding}; and what it created could not be removed: {also.finding}"
        fix = f"{fix}; {also.fix}" if fix else also.fix
    return Result(check.name, verdict, time.monotonic() - began, _one_line(finding), _one_line(fix))


def _explanation(error: Exception, explain: Explain) -> Explanation:
    if isinstance(error, CheckFailed):
        return Explanation(error.finding, error.fix)
    if isinstance(error, OperatorError):
        # The text of such an error has its fix after the last colon.
        finding, _, fix = str(error).rpartition(": ")
        return Explanation(finding, fix) if finding else Explanation(fix, "")
    text = str(error).strip()
    first_line = text.splitlines()[0] if text else "it says no more"
    unforeseen = Explanation(f"{type(error).__name__}: {first_line}", "an error that was not foreseen: see its text")
    return explain(error) or unforeseen


def _one_line(text: str) -> str:
    printable = "".join(char if char.isprintable() else " " for char in scrub(text))
    return " ".join(printable.split())[:500]
