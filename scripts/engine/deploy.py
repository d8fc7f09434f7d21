"""One call of the engine: first everything that it needs is checked, then it works."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from pipeline.terminal import say
from scripts.engine import calls, prerequisites
from scripts.engine.calls import Verb
from scripts.engine.failure import cause
from scripts.engine.kept import what_stays, what_was_kept


def deploy(verb: Verb, stack: str, *, yes: bool = False, more: Sequence[str] = ()) -> bool:
    """Let the engine work on a stack. True if it succeeded. Raises OperatorError if it lacks something.

    After the output of an engine that failed comes one line on standard error: the cause.
    `yes`: the engine does not ask before it changes something. `more`: further arguments for it.
    """
    file = prerequisites.settings_file(verb, stack)
    prerequisites.check_engine()
    prerequisites.check_passphrase(prerequisites.backend(), file)
    prerequisites.select(verb, stack)
    settings = prerequisites.stack_settings(stack)
    prerequisites.check_access(settings)
    keeps = verb is Verb.DESTROY and settings.protect
    if keeps:
        say(what_stays(stack, settings), error=True)
    command = calls.command_line(verb, stack, protect=settings.protect, yes=yes, more=more)
    with tempfile.TemporaryDirectory(prefix="telegram-lakehouse-up-") as folder:
        events = Path(folder) / "events.jsonl"
        if not calls.run(command, events):
            if line := _why(events):
                say(f"stack: {line}", error=True)
            return False
    if keeps:
        say(what_was_kept(stack, settings), error=True)
    return True


def _why(events: Path) -> str:
    """The cause of a failure, from the file of the engine's events; empty if the engine wrote none."""
    try:
        return cause(events.read_text(encoding="utf-8", errors="replace").splitlines())
    except OSError:
        return ""
