"""Smoke tests of a deployment, or of a local run: what is broken, and how it is fixed.

Exit code 0: all passed; 1: something failed; 2: they can't be made. They change nothing but one synthetic message,
which stays as a marked row, and clear up what they made, also when interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from infra.outputs import read_outputs
from pipeline.errors import OperatorError
from pipeline.redaction import scrub
from pipeline.settings import read_run_settings
from scripts.checks.interruption import Interruption
from scripts.checks.suite import Check, Explain, Result, chosen, results
from scripts.checks.verdicts import as_json, passed, print_results, write_junit

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)


@app.command(help=__doc__)
def main(
    stack: Annotated[str, typer.Option(help="The environment, as dev or prod.")] = "",
    outputs: Annotated[
        Path | None, typer.Option(help="What `pulumi stack output --json` printed.  [the engine is asked]")
    ] = None,
    local: Annotated[bool, typer.Option("--local", help="A local run, by the settings of `pipeline run`.")] = False,
    only: Annotated[list[str] | None, typer.Option(help="Only this check; may be given again.")] = None,
    deadline: Annotated[
        float | None,
        typer.Option(help="Seconds for the message to reach silver.  [local 60, else 120; triggered 1200]", min=1),
    ] = None,
    startup: Annotated[
        float, typer.Option(help="Seconds to wait for a run that is only just starting.", min=0)
    ] = 600.0,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    junit: Annotated[Path | None, typer.Option(help="Write a JUnit report to this file too.")] = None,
) -> None:
    names = chosen(only or ())
    where = "the local run" if local else stack
    interruption = Interruption()
    with interruption.watching():
        checks, explain = _checks(stack, outputs, local, deadline, startup, interruption)
        made = _make([check for check in checks if check.name in names], interruption, explain)
    if json:
        print(as_json(made, where))
    else:
        print_results(made, where)
    if junit is not None:
        write_junit(made, where, junit)
    if not passed(made):
        raise typer.Exit(1)


def _checks(
    stack: str,
    outputs: Path | None,
    local: bool,
    deadline: float | None,
    startup: float,
    interruption: Interruption,
) -> tuple[list[Check], Explain]:
    """The checks, and how errors of what they ask are put into words. Raises OperatorError."""
    if local == bool(stack):
        raise OperatorError("--stack or --local is needed: say which environment, or that the run is on this machine")
    if local:
        from scripts.checks.local import local_checks

        return local_checks(read_run_settings(), interruption, deadline), lambda error: None
    from scripts.checks.workspace import Patience, workspace_checks
    from scripts.checks.workspace_view import explain, sign_in

    told = read_outputs(stack, outputs)
    return workspace_checks(sign_in(told.host), told, interruption, Patience(deadline, startup)), explain


def _make(checks: Sequence[Check], interruption: Interruption, explain: Explain) -> list[Result]:
    """Make the checks; at a terminal it shows which one is under way."""
    made: list[Result] = []
    for result in results(checks, interruption, explain):
        made.append(result)
        if sys.stderr.isatty():
            print(f"{result.name}: {result.verdict}", file=sys.stderr)
    return made


def run() -> None:
    """What must be fixed before anything can be checked is one line and exit code 2."""
    try:
        app()
    except OperatorError as error:
        print(f"smoke: {scrub(str(error))}", file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    run()
