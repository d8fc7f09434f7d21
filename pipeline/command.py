"""How a command ends: its exit code, and one line on standard error if it fails."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from pipeline.errors import OperatorError, RunFailed
from pipeline.redaction import scrub


def run_command(
    name: str, command: Callable[[], object], explain: Callable[[Exception], str | None] = lambda error: None
) -> None:
    """Call a command. An error becomes one line that begins with `name`, never a traceback: that may hold a secret.

    Raises SystemExit: code 2 if somebody must fix something first (OperatorError), 1 for any other error. `explain`
    puts an error of a service into one line; None: the error was not foreseen.
    """
    try:
        command()
    except (OperatorError, RunFailed) as error:
        _end(name, str(error), 2 if isinstance(error, OperatorError) else 1)
    except Exception as error:
        _end(name, explain(error) or unforeseen(error), 1)


def unforeseen(error: Exception) -> str:
    """An error that nobody expected: its type and its place in the code. Its text may hold a secret."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}: an error that was not foreseen"


def _end(name: str, line: str, code: int) -> None:
    print(f"{name}: {scrub(line)}", file=sys.stderr)
    raise SystemExit(code) from None
