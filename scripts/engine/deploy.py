"""One call of the engine: first everything that it needs is checked, then it works."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from scripts.engine import calls, prerequisites
from scripts.engine.calls import Verb


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
    if verb is Verb.DESTROY and settings.protect:
        print(_what_stays(stack), file=sys.stderr)
    return calls.run(calls.command_line(verb, stack, protect=settings.protect, yes=yes, more=more))


def _what_stays(stack: str) -> str:
    return (
        f"Stack {stack} protects what holds data (protect is true): the catalog, the schema, the tables, the volumes "
        "and the secret scope stay, and so does a workspace that the stack created.\n"
        f"To give them up as well: `pulumi state unprotect --all --stack {stack}`, then `make destroy STACK={stack}` "
        "again.\nThat removes them from the stack, but does not delete them: delete them where they are."
    )
