"""Smoke tests of a deployment or of a local run: what is broken, and how to fix it.

They change nothing, except that one synthetic message stays as a marked row. They remove what else they created, also
when interrupted. Exit code 0: all checks passed; 1: a check failed; 2: the checks can't run. `make` turns each failure
into 2.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from infra.outputs import read_outputs
from pipeline.command import run_command
from pipeline.settings import read_run_settings
from pipeline.terminal import say, say_json
from scripts.checks.interruption import Interruption
from scripts.checks.suite import NAMES, Check, Explain, Result, chosen, results
from scripts.checks.verdicts import as_json, passed, print_results, write_junit
from scripts.target.choice import require_one
from scripts.target.options import Local, OutputsFile, Stack

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)


@app.command(help=__doc__)
def main(
    stack: Stack = "",
    outputs: OutputsFile = None,
    local: Local = False,
    only: Annotated[
        list[str] | None,
        typer.Option(help=f"Run only this check; may be repeated. One of {', '.join(NAMES)}.", metavar="<check>"),
    ] = None,
    deadline: Annotated[
        float | None,
        typer.Option(
            help="Seconds for the message to reach silver.",
            show_default="local 60, deployed 120, triggered 1200",
            min=1,
        ),
    ] = None,
    startup: Annotated[float, typer.Option(help="Seconds to wait for a run that is starting.", min=0)] = 600.0,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    junit: Annotated[Path | None, typer.Option(help="Also write a JUnit report to this file.")] = None,
) -> None:
    names = chosen(only or ())
    where = "the local run" if local else stack
    interruption = Interruption()
    with interruption.watching():
        checks, explain = _checks(stack, outputs, local, deadline, startup, interruption)
        found = _run_checks([check for check in checks if check.name in names], interruption, explain)
    if json:
        say_json(as_json(found, where))
    else:
        print_results(found, where)
    if junit is not None:
        write_junit(found, where, junit)
    if not passed(found):
        raise typer.Exit(1)


def _checks(
    stack: str,
    outputs_file: Path | None,
    local: bool,
    deadline: float | None,
    startup: float,
    interruption: Interruption,
) -> tuple[list[Check], Explain]:
    """The checks, and what puts errors of the services they ask into words. Raises OperatorError."""
    require_one(stack, local)
    if local:
        from scripts.checks.local import local_checks

        return local_checks(read_run_settings(), interruption, deadline), lambda error: None
    from scripts.checks.workspace import Patience, workspace_checks
    from scripts.target.deployed import signed_in
    from scripts.target.explanation import explain

    outputs = read_outputs(stack, outputs_file)
    return workspace_checks(signed_in(outputs), outputs, interruption, Patience(deadline, startup)), explain


def _run_checks(checks: Sequence[Check], interruption: Interruption, explain: Explain) -> list[Result]:
    """Run the checks, and show the progress on a terminal."""
    found: list[Result] = []
    for result in results(checks, interruption, explain):
        found.append(result)
        if sys.stderr.isatty():
            say(f"{result.name}: {result.verdict}", error=True)
    return found


def run() -> None:
    run_command("smoke", app)


if __name__ == "__main__":
    run()
