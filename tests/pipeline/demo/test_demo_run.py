"""What the demo says of a run that has ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.demo.demo_run import DemoRun
from pipeline.demo.failure import DemoError


def test_a_run_that_ended_gives_the_last_line_of_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\necho '{...}'\necho 'pipeline: the storage belongs to bot 7'\n")
    program.chmod(0o700)
    monkeypatch.setattr("sys.executable", str(program))
    with DemoRun({"PATH": "/usr/bin"}, tmp_path / "lake") as started:
        assert started.wait(30) == 0
        with pytest.raises(DemoError, match=r"^the run ended: the storage belongs to bot 7$"):
            started.require_running()


def test_a_run_that_cannot_begin_is_said_with_its_reason(tmp_path: Path) -> None:
    environment = {"PATH": "/usr/bin", "PYTHONPATH": str(Path(__file__).parents[3])}
    with (
        pytest.raises(DemoError, match=r"^the run ended: TELEGRAM_BOT_TOKEN is not set"),
        DemoRun(environment, tmp_path / "lake") as started,
    ):
        started.wait_until_serving()
