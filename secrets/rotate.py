"""Rotate a secret of a deployment: `rotate.py telegram-token --stack prod`. The documentation has a page about it."""

from __future__ import annotations

import signal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rotation import calls
from rotation.audit import default_file
from rotation.deployment import Deployment
from rotation.steps import RotationFailed

from infra.outputs import read_outputs
from pipeline.command import run_command, unforeseen
from pipeline.errors import OperatorError
from pipeline.platform.scope import LLM_API_KEY, TELEGRAM_TOKEN
from pipeline.redaction import scrub
from pipeline.terminal import say

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


class What(StrEnum):
    TELEGRAM_TOKEN = TELEGRAM_TOKEN
    LLM_API_KEY = LLM_API_KEY
    STATUS = "status"


@app.command()
def rotate(
    what: Annotated[
        What, typer.Argument(help="The secret to rotate, or `status` to show all of them.", show_default=False)
    ],
    stack: Annotated[str, typer.Option(help="The environment, as dev, staging or prod.", show_default=False)],
    outputs: Annotated[
        Path | None, typer.Option(help="File of `pulumi stack output --json`.  \\[the engine is asked]")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done; change nothing.")] = False,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Undo an unfinished rotation, or go back to the previous version.")
    ] = False,
    audit: Annotated[
        Path | None, typer.Option(help="File to which the audit log is appended.  \\[in the user's state folder]")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="With status: print JSON.")] = False,
) -> None:
    """Rotate a secret without stopping the job, or show the state of all secrets.

    The new value comes from a hidden prompt, from standard input, or from the version that is pending in AWS; never
    from the command line. It is proved before the job can read it. To continue a call that was interrupted, run the
    same command again.

    Exit code 0: done; 1: refused or failed, and nothing is lost; 2: something must be set right first.
    """
    if what is What.STATUS and (dry_run or rollback):
        raise OperatorError("status changes nothing: leave --dry-run and --rollback out")
    if json_ and what is not What.STATUS:
        raise OperatorError("--json goes with status: leave it out")
    try:
        deployment = Deployment(read_outputs(stack, outputs))
        if what is What.STATUS:
            calls.status(deployment, json_)
            return
        deployment.require(what)
        if dry_run:
            calls.dry_run(deployment, what, rollback)
        else:
            calls.rotate(deployment, what, rollback, audit or default_file())
    except RotationFailed as error:
        say(f"rotate: {scrub(str(error))}", error=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        say(f"rotate: interrupted; {calls.CONTINUE_OR_UNDO}", error=True)
        raise typer.Exit(1) from None


def _interrupt(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def main() -> None:
    """Run the script. An error is one line, never a traceback: an error's text may contain a secret."""
    signal.signal(signal.SIGTERM, _interrupt)
    run_command(
        "rotate", lambda: app(prog_name="rotate.py"), lambda error: f"{unforeseen(error)}; {calls.CONTINUE_OR_UNDO}"
    )


if __name__ == "__main__":
    main()
