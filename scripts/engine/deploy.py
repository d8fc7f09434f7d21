"""One call of the engine: first everything that it needs is checked, then it works."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from scripts.engine import calls, prerequisites
from scripts.engine.calls import Verb
from scripts.engine.kept import what_stays, what_was_kept


def deploy(verb: Verb, stack: str, *, yes: bool = False, more: Sequence[str] = ()) -> bool:
    """Let the engine work on a stack. True if it succeeded. Raises OperatorError if it lacks something.

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
        print(what_stays(stack, settings), file=sys.stderr)
    done = calls.run(calls.command_line(verb, stack, protect=settings.protect, yes=yes, more=more))
    if keeps and done:
        print(what_was_kept(stack, settings), file=sys.stderr)
    return done
