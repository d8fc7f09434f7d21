"""The short form of the benchmark: what needs one start of each contender is played and checked, without times."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scripts.benches.report import read_report, rows

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]


def test_each_contender_answers_every_message_once_and_all_is_reported(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    scenarios = ("one", "steady-3", "burst", "idle")
    chosen = [word for scenario in scenarios for word in ("--only", scenario)]
    command = [sys.executable, "scripts/bench.py", "--short", "--json", str(file), *chosen]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            shown, progress = process.communicate(timeout=270)
        finally:
            process.terminate()
    assert process.returncode == 0, progress

    report = read_report(file)
    # Whoever does not answer each message exactly once, in its chat's order, gets no result.
    played = {(result.scenario, result.contender): result.messages for result in report.results}
    assert played == {
        ("one", "ours"): 3,
        ("one", "aiogram"): 3,
        ("one", "loop"): 2,
        ("steady-3", "ours"): 3,
        ("steady-3", "aiogram"): 3,
        ("burst-12-6", "ours"): 12,
        ("burst-12-6", "aiogram"): 12,
        ("burst-12-6", "loop"): 12,
        ("idle", "ours"): 0,
        ("idle", "aiogram"): 0,
        ("idle", "loop"): 0,
    }
    assert all(result.jvm_seconds > 0 for result in report.results if result.contender == "ours")
    assert all(result.peak_mib > 10 for result in report.results)
    assert {result.jvm_seconds for result in report.results if result.contender == "aiogram"} == {0.0}
    moments = [step.p50 for step in report.trace]
    assert len(moments) == 7
    assert moments == sorted(moments)
    for row in rows(report):
        assert row.measure in shown
    assert report.machine.cores >= 1
