"""Printing the results: a table for people, JSON for machines, JUnit for a CI."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from rich.table import Column, Table

from pipeline.errors import OperatorError
from pipeline.terminal import plain, terminal
from scripts.checks.suite import CheckVerdict, Result

_COLOURS = {CheckVerdict.PASSED: "green", CheckVerdict.FAILED: "red", CheckVerdict.SKIPPED: "yellow"}


def print_results(results: Sequence[Result], where: str) -> None:
    # Folded, not cut: a finding may hold a path or an address, to be copied.
    finding = Column("finding", overflow="fold")
    grid = Table("check", "verdict", "seconds", finding, title=f"smoke tests of {where}", title_justify="left")
    for result in results:
        fix = f"\n→ {plain(result.fix)}" if result.fix else ""
        colour = _COLOURS[result.verdict]
        verdict = f"[{colour}]{result.verdict}[/{colour}]"
        grid.add_row(result.name, verdict, f"{result.seconds:.1f}", plain(result.finding) + fix)
    console = terminal()
    console.print(grid)
    counts = Counter(result.verdict for result in results)
    console.print(", ".join(f"{counts[verdict]} {verdict}" for verdict in CheckVerdict if counts[verdict]))


def as_json(results: Sequence[Result], where: str) -> str:
    checks = [
        {
            "name": result.name,
            "verdict": result.verdict,
            "seconds": round(result.seconds, 3),
            "finding": result.finding,
            "fix": result.fix or None,
        }
        for result in results
    ]
    return json.dumps({"of": where, "passed": passed(results), "checks": checks}, indent=2, ensure_ascii=False)


def passed(results: Sequence[Result]) -> bool:
    """Whether no check failed. Skipped ones do not count."""
    return all(result.verdict is not CheckVerdict.FAILED for result in results)


def write_junit(results: Sequence[Result], where: str, file: Path) -> None:
    """Write a JUnit report. Raises OperatorError if the file can't be written."""
    counts = {
        "tests": str(len(results)),
        "failures": str(sum(result.verdict is CheckVerdict.FAILED for result in results)),
        "skipped": str(sum(result.verdict is CheckVerdict.SKIPPED for result in results)),
        "time": f"{sum(result.seconds for result in results):.3f}",
    }
    suite = ElementTree.Element("testsuite", {"name": f"smoke {where}", **counts})
    for result in results:
        name = {"classname": f"smoke.{where}", "name": result.name, "time": f"{result.seconds:.3f}"}
        case = ElementTree.SubElement(suite, "testcase", name)
        if result.verdict is CheckVerdict.FAILED:
            ElementTree.SubElement(case, "failure", {"message": result.finding}).text = result.fix
        elif result.verdict is CheckVerdict.SKIPPED:
            ElementTree.SubElement(case, "skipped", {"message": result.finding})
        else:
            ElementTree.SubElement(case, "system-out").text = result.finding
    try:
        ElementTree.ElementTree(suite).write(file, encoding="utf-8", xml_declaration=True)
    except OSError as error:
        raise OperatorError(f"--junit {file} can't be written ({error.strerror}): give another path") from None
