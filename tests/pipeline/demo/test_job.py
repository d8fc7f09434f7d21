"""The demo's job always ends with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.demo import job as jobs
from pipeline.demo.failure import DemoError
from pipeline.demo.job import Job, job

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


def _process(program: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def test_a_job_that_does_not_stop_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_STOP_WITHIN", 0.1)
    started = Job(_process(STUBBORN), tmp_path)
    started.stop()
    assert not started.running


def test_a_second_ctrl_c_leaves_no_process_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = Job(_process(STUBBORN), tmp_path)

    def interrupted(_: float) -> int | None:
        raise KeyboardInterrupt

    monkeypatch.setattr(started, "wait", interrupted)
    started.stop()
    assert not started.running


def test_a_job_that_ended_gives_the_last_line_of_its_log(tmp_path: Path) -> None:
    (tmp_path / "pipeline.log").write_text("{...}\npipeline: the storage belongs to bot 7\n")
    started = Job(_process("print('done')"), tmp_path)
    started.wait(30)
    with pytest.raises(DemoError, match=r"^the job ended: the storage belongs to bot 7$"):
        started.require_running()


def test_a_job_that_cannot_begin_is_said_with_its_reason(tmp_path: Path) -> None:
    environment = {"PATH": "/usr/bin", "PYTHONPATH": str(Path(__file__).parents[3])}
    with (
        pytest.raises(DemoError, match=r"^the job ended: TELEGRAM_BOT_TOKEN is not set"),
        job(environment, tmp_path / "lake") as started,
    ):
        started.wait_until_serving()
