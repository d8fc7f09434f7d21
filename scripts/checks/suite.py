"""Checks: each a name, a verdict, a time and a fix. One that fails stops no other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pipeline.errors import OperatorError
from pipeline.redaction import scrub
from scripts.checks.interruption import Interrupted, Interruption

NAMES = ("workspace", "tables", "volumes", "scope", "telegram", "model", "job", "backlog", "message")
"""In this order: each looks at what those after it stand on."""


_AGAIN = "run it again"


class Verdict(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


class Fault(Exception):
    """What a check found wrong, and its fix. No secret."""

    def __init__(self, finding: str, fix: str) -> None:
        super().__init__(finding)
        self.finding = finding
        self.fix = fix


class NotApplicable(Exception):
    """A check has no meaning here; the text says why."""


Explain = Callable[[Exception], Fault | None]
"""Puts an error of a service into words; None where it can't."""


@dataclass(frozen=True)
class Check:
    name: str
    look: Callable[[], str]
    """Says what it found. Raises Fault, NotApplicable, or any error of the services it asks."""
    needs: tuple[str, ...] = ()
    """Checks without which this one can't be made: where one of them failed, it is skipped."""


@dataclass(frozen=True)
class Result:
    name: str
    verdict: Verdict
    seconds: float
    finding: str
    fix: str = ""


def chosen(names: Sequence[str]) -> tuple[str, ...]:
    """The names given with `--only`, in the checks' order; all where none is. Raises OperatorError."""
    unknown = next((name for name in names if name not in NAMES), None)
    if unknown is not None:
        raise OperatorError(f"--only is {unknown!r}: the checks are {', '.join(NAMES)}")
    return tuple(name for name in NAMES if not names or name in names)


def results(checks: Sequence[Check], interruption: Interruption, explain: Explain) -> Iterator[Result]:
    """Make the checks in their order, and clear up after each. Each has its result, whatever happens."""
    failed: set[str] = set()
    cut_short = False
    for check in checks:
        missing = next((name for name in check.needs if name in failed), None)
        if interruption.requested:
            # One of them is told as failed, however the signal fell: what was cut short has not passed.
            verdict = Verdict.SKIPPED if cut_short else Verdict.FAILED
            result = Result(check.name, verdict, 0.0, "interrupted before it began", _AGAIN)
        elif missing is not None:
            result = Result(check.name, Verdict.SKIPPED, 0.0, f"the check {missing} failed, which it needs")
        else:
            result = _made(check, interruption, explain)
        if result.verdict is Verdict.FAILED:
            failed.add(check.name)
            cut_short = cut_short or result.fix == _AGAIN
        yield result


def _made(check: Check, interruption: Interruption, explain: Explain) -> Result:
    began = time.monotonic()
    verdict, finding, fix = Verdict.FAILED, "interrupted", _AGAIN
    try:
        with interruption.breakable():
            finding = check.look()
        verdict, fix = Verdict.PASSED, ""
    except Interrupted:
        pass
    except NotApplicable as reason:
        verdict, finding, fix = Verdict.SKIPPED, str(reason), ""
    except Exception as error:
        fault = _fault(error, explain)
        finding, fix = fault.finding, fault.fix
    try:
        interruption.clear()
    except Exception as error:
        fault = _fault(error, explain)
        verdict, finding = Verdict.FAILED, f"{finding}; and what it made could not be removed: {fault.finding}"
        fix = f"{fix}; {fault.fix}" if fix else fault.fix
    return Result(check.name, verdict, time.monotonic() - began, _line(finding), _line(fix))


def _fault(error: Exception, explain: Explain) -> Fault:
    if isinstance(error, Fault):
        return error
    if isinstance(error, OperatorError):
        # Such a text has its fix after the last colon.
        finding, _, fix = str(error).rpartition(": ")
        return Fault(finding, fix) if finding else Fault(fix, "")
    text = str(error).strip()
    first = text.splitlines()[0] if text else "no more is known"
    return explain(error) or Fault(f"{type(error).__name__}: {first}", "an error that was not foreseen: see its text")


def _line(text: str) -> str:
    shown = "".join(char if char.isprintable() else " " for char in scrub(text))
    return " ".join(shown.split())[:500]
