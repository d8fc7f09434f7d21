"""Show what an answer was based on: the request that the model was given, made again from the tables and checked.

`pipeline explain` does the same for a local run. Exit code 0: the same request; 1: not the same, or a service failed;
2: you must fix something.
"""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.command import run_command
from pipeline.view.explanation import explained, named, print_explanation
from scripts.target.choice import view_of
from scripts.target.explanation import explain
from scripts.target.options import Local, OutputsFile, Stack

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


# The id of a group begins with a minus sign, as an option does.
@app.command(help=__doc__, context_settings={"ignore_unknown_options": True})
def main(
    message: Annotated[str, typer.Argument(help="The question.", metavar="CHAT/MESSAGE")],
    stack: Stack = "",
    outputs: OutputsFile = None,
    local: Local = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    chat, number = named(message)
    explanation = explained(view_of(stack, outputs, local), chat, number)
    print_explanation(explanation, as_json=as_json)
    if not explanation.reproduced:
        raise typer.Exit(1)


def _explained(error: Exception) -> str | None:
    explanation = explain(error)
    return str(explanation) if explanation else None


def run() -> None:
    run_command("explain", app, _explained)


if __name__ == "__main__":
    run()
