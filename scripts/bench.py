"""Measure what people notice and what it costs: ours beside an aiogram bot and the sequential loop.

Each is a real process that talks HTTP to a simulated Telegram and a scripted model; every message must be answered
exactly once. Exit code 0: measured; 1: a contender failed, or a formula does not fit; 2: it can't run here.
"""

from __future__ import annotations

import signal
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from pipeline.command import run_command
from pipeline.terminal import say, terminal
from scripts.benches.capacity import comparisons, fits
from scripts.benches.machine import this_machine
from scripts.benches.process_tree import require_processes
from scripts.benches.report import BenchReport, as_table, page_with, read_report
from scripts.benches.scenarios import SHORT, Sizes, plan, played, scenarios

_PAGE = Path(__file__).resolve().parents[1] / "docs" / "performance.md"

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)


@app.command(help=__doc__)
def main(
    only: Annotated[
        list[str] | None, typer.Option(help="Play only the scenarios that begin so; may be repeated.")
    ] = None,
    short: Annotated[
        bool, typer.Option("--short", help="Small sizes and shared processes: no times to rely on.")
    ] = False,
    json: Annotated[Path, typer.Option(help="Write the report to this file.")] = Path("build/bench.json"),
    add: Annotated[
        bool, typer.Option("--add", help="Keep what the report has of other scenarios, if it is of this machine.")
    ] = False,
    show: Annotated[Path | None, typer.Option(help="Measure nothing: show this report.")] = None,
    check: Annotated[
        Path | None, typer.Option(help="Measure nothing: compare the capacity model with this report.")
    ] = None,
    page: Annotated[
        Path | None, typer.Option(help="Measure nothing: write this report's tables into docs/performance.md.")
    ] = None,
) -> None:
    if check is not None:
        _check(read_report(check))
    elif page is not None:
        _PAGE.write_text(page_with(_PAGE.read_text(), read_report(page)))
    else:
        report = read_report(show) if show is not None else _measured(only or [], short, json, add)
        terminal().print(as_table(report))


def _measured(only: list[str], short: bool, json: Path, add: bool) -> BenchReport:
    require_processes()
    sizes = SHORT if short else Sizes()
    known = scenarios(sizes)
    chosen = [each for each in known if not only or each.name.startswith(tuple(only))]
    if not chosen:
        raise typer.BadParameter(f"no scenario begins so: choose from {', '.join(each.name for each in known)}")
    report = BenchReport(machine=this_machine(), sizes=sizes, results=[])
    if add:
        report = read_report(json).without(report, {scenario.name for scenario in chosen})
    for turns in plan(chosen, shared=short):
        with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder:
            for result, trace in played(turns, sizes, Path(folder)):
                report.results.append(result)
                report.trace = trace or report.trace
                values = ", ".join(f"{name} {value:.3f}" for name, value in result.values.items())
                say(f"{result.scenario}, {result.contender}: {values}", error=True)
                # What was measured is kept, even if a later turn fails.
                json.parent.mkdir(parents=True, exist_ok=True)
                json.write_text(report.model_dump_json(indent=2))
    return report


def _check(report: BenchReport) -> None:
    found = comparisons(report.results, report.sizes)
    for comparison in found:
        say(comparison.line)
    if not fits(found):
        raise typer.Exit(1)


def run() -> None:
    # Not the default, by which what it has started would go on alone.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    run_command("bench", app)


if __name__ == "__main__":
    run()
