from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest

from pipeline.terminal import terminal
from scripts.benches.machine import BenchMachine, this_machine
from scripts.benches.measures import TurnResult
from scripts.benches.report import (
    BenchReport,
    UnlikeReports,
    UnreadableReport,
    as_markdown,
    as_table,
    page_with,
    read_report,
    rows,
    shown,
    trace_as_markdown,
)
from scripts.benches.scenarios import SHORT, Sizes
from scripts.benches.trace import TraceStep

ROOT = Path(__file__).resolve().parents[3]


def _result(scenario: str, contender: str, limit: float | None = None, **values: float) -> TurnResult:
    return TurnResult(
        scenario=scenario,
        contender=contender,
        messages=500,
        values={name.replace("_", " "): value for name, value in values.items()},
        limit=limit,
        python_seconds=2.0,
        jvm_seconds=1.0 if contender == "ours" else 0.0,
        service_seconds=0.5,
        peak_mib=100.0,
    )


REPORT = BenchReport(
    machine=BenchMachine(
        processor="a chip", cores=2, memory_gib=24, system="Linux 6", date="2026-11-25", versions={"pyspark": "4.2.0"}
    ),
    sizes=Sizes(),
    results=[
        _result("one", "ours", 0.0, p50=0.15, p95=0.3),
        _result("one", "aiogram", 0.0, p50=0.01, p95=0.02),
        _result("one", "loop", 0.0, p50=1.5, p95=3.0),
        _result("burst-1000-1000", "ours", 1.5, last_reply=3.0),
        _result("burst-1000-1000", "aiogram", 1.5, last_reply=2.5),
        _result("executors-1", "ours", 125.0, last_reply=130.0),
        _result("executors-2", "ours", 62.5, last_reply=65.0),
    ],
    trace=[TraceStep(name="polled", meaning="the intake has it", p50=0.002, p95=0.004, step_p50=0.002)],
)


def test_each_measure_is_a_row_with_every_contender_and_the_ratios_of_one_run() -> None:
    cells = {(row.scenario, row.measure): row.cells for row in rows(REPORT)}
    one = ("one message at a time", "p50, s beyond the model")
    assert cells[one] == ("0.00", "0.15", "0.010", "1.50", "15.0", "10.0")
    assert cells[one[0], "p95, s beyond the model"] == ("", "0.30", "0.020", "3.00", "15.0", "10.0")
    assert cells["500 at once in 1,000 chats", "last reply, s"] == ("1.50", "3.00", "2.50", "", "1.20", "")
    assert cells["two executors", "times as fast as one"] == ("2.00", "2.00", "", "", "", "")


def test_cpu_is_told_for_a_thousand_messages_by_whose_it_is() -> None:
    cells = {row.measure: row.cells for row in rows(REPORT) if row.scenario == "500 at once in 1,000 chats"}
    assert cells["Python, CPU s for 1,000"][1:3] == ("4.00", "4.00")
    assert cells["JVM, CPU s for 1,000"][1:3] == ("2.00", "")
    assert cells["services, CPU s for 1,000"][1:3] == ("1.00", "1.00")


def test_scenarios_have_their_place_whenever_they_were_played() -> None:
    backwards = REPORT.model_copy(update={"results": REPORT.results[::-1]})
    shown_order = [list(dict.fromkeys(row.scenario for row in rows(report))) for report in (REPORT, backwards)]
    assert shown_order[0] == shown_order[1]


def test_a_narrow_terminal_shows_machine_scenarios_and_measures_on_lines_of_their_own() -> None:
    output = StringIO()
    terminal(file=output, width=80).print(as_table(REPORT))
    for text in (
        "one message at a time",
        "p95, s beyond the model",
        "JVM, CPU s for 1,000",
        "2.50",
        "15.0",
        "10.0",
        "a chip",
    ):
        assert text in output.getvalue()


def test_the_page_gets_both_tables_between_its_marks_and_keeps_the_rest() -> None:
    page = "a\n<!-- begin: bench -->\nold\n<!-- end: bench -->\nb\n<!-- begin: trace -->\n<!-- end: trace -->\nc\n"
    written = page_with(page, REPORT)
    assert "old" not in written
    assert "| one message at a time | p50, s beyond the model | 0.00 | 0.15 | 0.010 | 1.50 | 15.0 | 10.0 |" in written
    assert "|  | p95, s beyond the model |" in written
    assert "| polled | the intake has it | 2 | 4 | 2 |" in written
    assert [line for line in written.splitlines() if len(line) == 1] == ["a", "b", "c"]
    assert page_with(written, REPORT) == written
    with pytest.raises(ValueError, match="lacks the marks"):
        page_with("a page", REPORT)


def test_a_report_is_read_back_as_it_was_and_anything_else_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    file.write_text(REPORT.model_dump_json())
    assert read_report(file) == REPORT
    file.write_text("{}")
    for unreadable in (file, tmp_path / "none.json"):
        with pytest.raises(UnreadableReport, match="make one with `make bench`"):
            read_report(unreadable)


def test_a_report_is_continued_without_what_is_played_again_and_only_on_its_own_machine() -> None:
    kept = REPORT.without(REPORT, {"one", "burst-1000-1000"})
    assert [result.scenario for result in kept.results] == ["executors-1", "executors-2"]
    assert kept.trace == REPORT.trace
    elsewhere = REPORT.model_copy(update={"machine": REPORT.machine.model_copy(update={"cores": 64})})
    for other in (elsewhere, REPORT.model_copy(update={"sizes": SHORT})):
        with pytest.raises(UnlikeReports, match="measure all of it again"):
            REPORT.without(other, set())


def test_the_page_of_the_repository_has_the_marks() -> None:
    assert page_with((ROOT / "docs" / "performance.md").read_text(), REPORT)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.00"), (0.0123, "0.012"), (0.5, "0.50"), (9.994, "9.99"), (12.34, "12.3"), (1234.5, "1,234")],
)
def test_a_number_has_as_many_digits_as_say_something(value: float, text: str) -> None:
    assert shown(value) == text


def test_the_machine_and_the_versions_are_those_that_run_it() -> None:
    machine = this_machine()
    assert machine.cores >= 1
    assert machine.memory_gib > 0.1
    assert {"Python", "pyspark", "aiogram", "telegram-lakehouse"} <= machine.versions.keys()


def test_both_tables_are_markdown_with_as_many_cells_in_each_row() -> None:
    for table in (as_markdown(REPORT).partition("\n\n")[2], trace_as_markdown(REPORT.trace)):
        assert len({line.count("|") for line in table.splitlines()}) == 1
