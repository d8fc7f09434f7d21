"""Replay chosen messages: ask the model again, or deliver the stored answer again. Without --yes nothing is done.

A replay is processed like a message, from the landing on, and gives one more row of silver. A replay called twice
before the first took effect acts once. Exit code 0: done, or shown; 1: a service failed; 2: you must fix something.
"""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.command import run_command
from pipeline.errors import OperatorError
from scripts.replays.choice import planned_from
from scripts.replays.landing import land
from scripts.replays.plan import MODES, STATUSES, selection
from scripts.replays.table import show
from scripts.target.choice import view_of
from scripts.target.explanation import explain
from scripts.target.options import Local, OutputsFile, Stack

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(help=__doc__)
def main(
    mode: Annotated[
        str,
        typer.Option(
            help="answer: ask the model again. deliver: send the stored answer again.", metavar=f"<{'|'.join(MODES)}>"
        ),
    ],
    stack: Stack = "",
    outputs: OutputsFile = None,
    local: Local = False,
    id: Annotated[list[str] | None, typer.Option(help="A message; may be repeated.", metavar="CHAT/MESSAGE")] = None,
    status: Annotated[
        list[str] | None, typer.Option(help="May be repeated.", metavar=f"<{'|'.join(STATUSES)}>")
    ] = None,
    since: Annotated[str | None, typer.Option(help="Messages received from then on; UTC unless it has a zone.")] = None,
    until: Annotated[str | None, typer.Option(help="Messages received before then, likewise.")] = None,
    limit: Annotated[int, typer.Option(help="The most messages to replay at once.", min=1, max=10_000)] = 50,
    yes: Annotated[bool, typer.Option("--yes", help="Replay them. Without it they are only shown.")] = False,
) -> None:
    known_mode = next((known for known in MODES if known == mode), None)
    if known_mode is None:
        raise OperatorError(f"--mode is {mode!r}: give {' or '.join(MODES)}")
    wanted = selection(id or (), status or (), since, until)
    view = view_of(stack, outputs, local)
    items = planned_from(view, wanted, known_mode, limit)
    show(items, known_mode, yes)
    if yes:
        land(view, items)


def _explained(error: Exception) -> str | None:
    explanation = explain(error)
    return str(explanation) if explanation else None


def run() -> None:
    run_command("replay", app, _explained)


if __name__ == "__main__":
    run()
