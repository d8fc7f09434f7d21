"""Replay chosen messages: ask the model again, or deliver the stored answer again. Without --yes nothing is done.

A replay goes the way of a message, from the landing on, and gives one more row of silver. Called twice before the first
took effect, it acts once. Exit code 0: done, or shown; 1: the services failed; 2: it can't be done as asked.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipeline.errors import OperatorError
from pipeline.redaction import scrub
from pipeline.storage.landing import injected_file
from pipeline.view.data import Lake
from scripts.replays.plan import MODES, Item, Mode, origin_name, planned, selection

_AT_ONCE = 100
"""Lines of one landing file, as many as a poll brings."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(help=__doc__)
def main(
    mode: Annotated[str, typer.Option(help="answer: ask the model again. deliver: send the stored answer again.")],
    stack: Annotated[str, typer.Option(help="The environment, as dev or prod.")] = "",
    outputs: Annotated[
        Path | None, typer.Option(help="What `pulumi stack output --json` printed.  [the engine is asked]")
    ] = None,
    local: Annotated[bool, typer.Option("--local", help="A local run, by the settings of `pipeline run`.")] = False,
    id: Annotated[list[str] | None, typer.Option(help="CHAT/MESSAGE; may be given again.")] = None,
    status: Annotated[list[str] | None, typer.Option(help="unknown, dead or fallback; may be given again.")] = None,
    since: Annotated[str | None, typer.Option(help="Messages received from then on; UTC unless it has a zone.")] = None,
    until: Annotated[str | None, typer.Option(help="Messages received before then, likewise.")] = None,
    limit: Annotated[int, typer.Option(help="Most messages to replay at once.", min=1, max=10_000)] = 50,
    yes: Annotated[bool, typer.Option("--yes", help="Replay them. Without it they are only shown.")] = False,
) -> None:
    how = next((known for known in MODES if known == mode), None)
    if how is None:
        raise OperatorError(f"--mode is {mode!r}: give {' or '.join(MODES)}")
    wanted = selection(id or (), status or (), since, until)
    if local == bool(stack):
        raise OperatorError("--stack or --local is needed: say which environment, or that the run is on this machine")
    lake = _lake(stack, outputs, local)
    rows = lake.newest(wanted, limit + 1)
    found = {(row.channel_id, row.message_id) for row in rows}
    missing = next((named for named in wanted.messages if named not in found), None)
    if missing is not None and len(rows) <= limit:
        raise OperatorError(f"--id {missing[0]}/{missing[1]} is not in silver: only what was answered can be replayed")
    if len(rows) > limit:
        raise OperatorError(f"more than {limit} messages are chosen: narrow the choice, or raise --limit")
    names = [origin_name(row, either) for row in rows for either in MODES]
    keys = [row.key for row in rows]
    under_way, named = lake.in_bronze(names), bool(wanted.messages)
    items = planned(rows, lake.updates(keys), under_way, how, lake.bot_id(), named=named)
    _show(items, how, yes)
    if yes:
        _land(lake, items)


def _lake(stack: str, outputs: Path | None, local: bool) -> Lake:
    if local:
        from pipeline.settings import read_run_settings
        from pipeline.view.local import LocalLake

        return LocalLake(read_run_settings().places)
    from infra.outputs import read_outputs
    from scripts.checks.workspace_view import WorkspaceLake, sign_in

    told = read_outputs(stack, outputs)
    return WorkspaceLake(sign_in(told.host), told)


def _land(lake: Lake, items: Sequence[Item]) -> None:
    lines = [(item.replay, dict(item.update)) for item in items if item.replay and item.update]
    for start in range(0, len(lines), _AT_ONCE):
        # A new time for each file: their names and the order of their lines come from it.
        lake.land(*injected_file(lines[start : start + _AT_ONCE], lake.bot_id(), datetime.now(UTC)))


def _show(items: Sequence[Item], mode: Mode, yes: bool) -> None:
    console = Console(highlight=False)
    if not items:
        console.print("no message fits: nothing to replay")
        return
    grid = Table("chat/message", "received (UTC)", "question", "answer", "delivery", "replay")
    for item in items:
        row = item.row
        question = " ".join((row.user_message or "").split())
        grid.add_row(
            f"{row.channel_id}/{row.message_id}",
            f"{row.first_received_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
            escape(question if len(question) <= 40 else f"{question[:39]}…"),
            row.answer_status,
            row.delivery_status,
            f"[yellow]left out: {escape(item.why_not)}" if item.why_not else mode,
        )
    console.print(grid)
    count = sum(not item.why_not for item in items)
    if not yes:
        console.print(f"{count} to replay; nothing was done: add --yes to do it")
    elif count:
        console.print(f"{count} landed for replay; each gives one more row of silver when the pipeline has taken it")


def run() -> None:
    """What the operator must fix is one line and exit code 2, what the services fail at one line and exit code 1."""
    try:
        app()
    except OperatorError as error:
        print(f"replay: {scrub(str(error))}", file=sys.stderr)
        raise SystemExit(2) from None
    except Exception as error:
        fault = _explained(error)
        print(f"replay: {scrub(fault)}", file=sys.stderr)
        raise SystemExit(1) from None


def _explained(error: Exception) -> str:
    from scripts.checks.workspace_view import explain

    fault = explain(error)
    return f"{fault.finding}: {fault.fix}" if fault else f"{type(error).__name__}: an error that was not foreseen"


if __name__ == "__main__":
    run()
