"""What a benchmark found: as a table for people, as JSON, and as the tables of docs/performance.md."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel
from rich.box import SIMPLE_HEAD
from rich.table import Table

from pipeline.errors import OperatorError
from scripts.benches.contenders import AIOGRAM, LOOP, OURS
from scripts.benches.machine import BenchMachine
from scripts.benches.measures import TurnResult
from scripts.benches.scenarios import Sizes, scenarios
from scripts.benches.trace import TraceStep

HEADER = ("limit", "ours", "aiogram", "loop", "ours / aiogram", "loop / ours")

_MEASURE_WIDTH = 28
"""Characters: the longest measure on a line of its own, also on a terminal of 80 columns."""
_BEYOND = "s beyond the model"
_UNITS = {
    "p50": f"p50, {_BEYOND}",
    "p95": f"p95, {_BEYOND}",
    "p99": f"p99, {_BEYOND}",
    "last reply": "last reply, s",
    "last of the others": "last of the others, s",
    "first reply": "start to first reply, s",
    "MiB": "peak memory, MiB",
}


class BenchReport(BaseModel):
    """Everything of one benchmark; this is its JSON."""

    machine: BenchMachine
    sizes: Sizes
    results: list[TurnResult]
    trace: list[TraceStep] = []

    def without(self, other: BenchReport, names: Collection[str]) -> BenchReport:
        """This report but for some scenarios, to go on with. UnlikeReports unless `other` has its machine and sizes."""
        if (self.machine, self.sizes) != (other.machine, other.sizes):
            raise UnlikeReports("the report is of another day, machine, version or size: measure all of it again")
        kept = [result for result in self.results if result.scenario not in names]
        return self.model_copy(update={"results": kept})


@dataclass(frozen=True)
class BenchRow:
    """One measure of a scenario, with the value of each contender that has one, by its name."""

    scenario: str
    measure: str
    limit: float | None
    values: dict[str, float]

    @property
    def cells(self) -> tuple[str, ...]:
        """Below the header."""
        ours, aiogram, loop = (self.values.get(contender.name) for contender in (OURS, AIOGRAM, LOOP))
        ratios = (_ratio(ours, aiogram), _ratio(loop, ours))
        return (_cell(self.limit), _cell(ours), _cell(aiogram), _cell(loop), *ratios)


class UnlikeReports(OperatorError):
    """Two reports whose results can't stand in one table."""


class UnreadableReport(OperatorError):
    """A file is no benchmark's JSON."""


def read_report(file: Path) -> BenchReport:
    """Raises UnreadableReport."""
    try:
        return BenchReport.model_validate_json(file.read_bytes())
    except (OSError, ValueError) as error:
        raise UnreadableReport(f"{file} is no report ({type(error).__name__}): make one with `make bench`") from None


def rows(report: BenchReport) -> list[BenchRow]:
    """The table, in the order of the scenarios, whenever they were played."""
    found = []
    order = [scenario.name for scenario in scenarios(report.sizes)]
    for name in sorted({result.scenario for result in report.results}, key=order.index):
        results = [result for result in report.results if result.scenario == name]
        title = _title(name, results[0].messages, report.sizes)
        for number, measure in enumerate(results[0].values):
            values = {result.contender: result.values[measure] for result in results}
            limit = results[0].limit if number == 0 else None
            found.append(BenchRow(title, _UNITS.get(measure, measure), limit, values))
        if name.startswith(("steady", "burst", "backlog")):
            found += _costs(title, results)
    times = {
        result.scenario: result.values["last reply"] for result in report.results if "executors" in result.scenario
    }
    if {"executors-1", "executors-2"} <= times.keys():
        faster = {OURS.name: times["executors-1"] / times["executors-2"]}
        found.append(BenchRow("two executors", "times as fast as one", 2.0, faster))
    return found


def as_table(report: BenchReport) -> Table:
    """For the terminal."""
    title = f"model of {report.sizes.model_seconds:g} s; loop: the sequential loop over toPandas()"
    grid = Table(title=title, caption=report.machine.line, box=SIMPLE_HEAD, pad_edge=False)
    grid.add_column("measure", min_width=_MEASURE_WIDTH)
    for name in HEADER:
        grid.add_column(name.replace("/ ", "/\n"), justify="right")
    before = ""
    for row in rows(report):
        if row.scenario != before:
            grid.add_section()
            grid.add_row(f"[bold]{row.scenario}")
            before = row.scenario
        grid.add_row(f"  {row.measure}", *row.cells)
    return grid


def as_markdown(report: BenchReport) -> str:
    cells = []
    before = ""
    for row in rows(report):
        cells.append((row.scenario if row.scenario != before else "", row.measure, *row.cells))
        before = row.scenario
    return f"{report.machine.line}.\n\n{markdown_table(('scenario', 'measure', *HEADER), cells)}"


def trace_as_markdown(steps: Iterable[TraceStep]) -> str:
    header = ("moment", "which is", "p50, ms", "p95, ms", "since the moment before, p50, ms")
    cells = [
        (step.name, step.meaning, *(f"{1000 * value:.0f}" for value in (step.p50, step.p95, step.step_p50)))
        for step in steps
    ]
    return markdown_table(header, cells)


def page_with(page: str, report: BenchReport) -> str:
    """docs/performance.md with the tables of this report. ValueError if it lacks their marks."""
    return between(between(page, "bench", as_markdown(report)), "trace", trace_as_markdown(report.trace))


def shown(value: float) -> str:
    """A number with as many digits as say something."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 or value == 0 else f"{value:.3f}"


def _title(scenario: str, messages: int, sizes: Sizes) -> str:
    kind, _, number = scenario.partition("-")
    return {
        "one": "one message at a time",
        "steady": f"{number} messages a second",
        "burst": f"{messages:,} at once in {int(number.partition('-')[2] or 0):,} chats",
        "slow": f"{messages:,} at once, 2 % of the answers take {sizes.slow_seconds:g} s",
        "executors": f"{messages:,} questions of {sizes.executor_model_seconds:g} s, {number} executor(s)",
        "backlog": f"{messages:,} waiting at Telegram, model 0 s",
        "idle": f"idle for {sizes.idle_seconds:g} s",
        "memory": f"one message at a time in {sizes.conversations} chats, memory {number}"
        if number != "start"
        else "the first message after a start",
    }[kind]


def _costs(title: str, results: Sequence[TurnResult]) -> list[BenchRow]:
    """CPU time by whose it is; a JVM only where there is one."""
    used = {
        "Python": {each.contender: each.python_seconds for each in results},
        "JVM": {each.contender: each.jvm_seconds for each in results if each.jvm_seconds},
        "services": {each.contender: each.service_seconds for each in results},
    }
    thousands = {each.contender: each.messages / 1000 for each in results}
    return [
        BenchRow(
            title,
            f"{whose}, CPU s for 1,000",
            None,
            {name: value / thousands[name] for name, value in seconds.items()},
        )
        for whose, seconds in used.items()
    ]


def _cell(value: float | None) -> str:
    return "" if value is None else shown(value)


def _ratio(above: float | None, below: float | None) -> str:
    return "" if above is None or not below or below < 0.001 else shown(above / below)


def markdown_table(header: Sequence[str], cells: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(header)} |", "|" + "---|" * len(header)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in cells)])


def between(page: str, name: str, content: str) -> str:
    """The page with the content between the marks of this name. Raises ValueError where it lacks them."""
    begin, end = f"<!-- begin: {name} -->", f"<!-- end: {name} -->"
    head, found, rest = page.partition(begin)
    _, closed, tail = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"the page lacks the marks {begin} and {end}")
    return f"{head}{begin}\n{content}\n{end}{tail}"
