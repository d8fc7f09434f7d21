"""How a command ends: its exit code, and one line on standard error if it fails."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path

from pipeline.errors import OperatorError, RunFailed
from pipeline.messages.text import printable
from pipeline.redaction import scrub
from pipeline.terminal import say

Explain = Callable[[Exception], str | None]
"""Puts an error into one line; None: the error was not foreseen."""


def run_command(name: str, command: Callable[[], object], explain: Explain = lambda error: None) -> None:
    """Call a command. An error becomes one line that begins with `name`, never a traceback: that may hold a secret.

    Raises SystemExit: code 2 if somebody must fix something first (OperatorError), 1 for any other error.
    """
    try:
        command()
    except Exception as error:
        say(f"{name}: {ending(error, explain)}", error=True)
        raise SystemExit(2 if isinstance(error, OperatorError) else 1) from None


def ending(error: Exception, explain: Explain = lambda error: None) -> str:
    """The line that a command ends with because of an error. It holds no secret and steers no terminal."""
    known = isinstance(error, (OperatorError, RunFailed))
    return printable(scrub(str(error) if known else explain(error) or unforeseen(error)))


def unforeseen(error: Exception) -> str:
    """An error that nobody expected: its type and its place in the code. Its text may hold a secret."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}: an error that was not foreseen"
