"""Preview, deploy or remove one stack: the engine, after a check of what it needs. Called by `make up STACK=dev`."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.command import run_command
from scripts.engine.calls import Verb
from scripts.engine.deploy import deploy

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    verb: Verb,
    stack: Annotated[str, typer.Argument(help="The name of a stack that has a Pulumi.<stack>.yaml.")] = "",
    more: Annotated[list[str] | None, typer.Argument(help="Further arguments for the engine, after --.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before anything is changed.")] = False,
) -> None:
    """Let the engine preview, deploy or remove a stack, after a check of what it needs.

    Exit code 0: done; 1: the engine failed, and the last line says why; 2: you must fix something first. `make` itself
    turns each failure into 2.
    """
    if not deploy(verb, stack, yes=yes, more=more or []):
        raise typer.Exit(1)


def run() -> None:
    run_command("stack", app)


if __name__ == "__main__":
    run()
