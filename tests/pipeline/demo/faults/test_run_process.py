"""The run's process: killed, started again, given another token. A small program stands for the run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.demo.faults.run_process import RunProcess
from pipeline.storage.record import Recorder
from tests.support.world import wait_until

TOKEN = "42:" + "a-token-of-the-simulated-bot-------"

_PROGRAM = """#!/bin/sh
echo "started with $5, token in the environment: ${TELEGRAM_BOT_TOKEN:-none}"
cat "$TELEGRAM_BOT_TOKEN_FILE"
[ -e "$5/ends" ] && exit 3
exec sleep 60
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunProcess]:
    program = tmp_path / "program"
    program.write_text(_PROGRAM)
    program.chmod(0o700)
    monkeypatch.setattr("sys.executable", str(program))
    environment = {"PATH": os.environ["PATH"], "TELEGRAM_BOT_TOKEN": "of-the-shell"}
    with RunProcess(environment, tmp_path / "lake", token=TOKEN) as made:
        wait_until(lambda: TOKEN in made.log.read_text(), 10.0)
        yield made


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_token_is_in_a_file_of_its_own_and_in_no_environment(run: RunProcess) -> None:
    assert f"started with {run.log.parent}, token in the environment: none" in run.log.read_text()
    command = Path(f"/proc/{run.pid}/environ").read_text()
    assert TOKEN not in command
    file = Path(
        next(word for word in command.split("\0") if word.startswith("TELEGRAM_BOT_TOKEN_FILE=")).partition("=")[2]
    )
    assert file.stat().st_mode & 0o777 == 0o600
    assert not file.is_relative_to(run.log.parent)
    run.replace_token("42:another")
    assert file.read_text() == "42:another"
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_run_that_was_killed_counts_as_running_until_it_is_started_again(run: RunProcess) -> None:
    killed = run.pid
    run.kill()
    assert not _is_alive(killed)
    assert run.running
    assert run.wait(0.0) is None
    assert not run.is_serving
    run.start()
    assert run.pid != killed
    assert _is_alive(run.pid)


def test_a_run_that_ends_by_itself_is_noticed(run: RunProcess) -> None:
    (run.log.parent / "ends").touch()
    run.kill()
    run.start()
    assert run.wait(20.0) == 3
    assert not run.running


def test_only_what_this_very_process_says_counts(run: RunProcess) -> None:
    recorder = Recorder(run.log.parent)
    recorder.set(state="serving")
    recorder.save()
    assert not run.is_serving
    recorder.set(pid=run.pid)
    recorder.save()
    assert run.is_serving


def test_the_end_of_the_block_leaves_no_process_and_no_token(tmp_path: Path, run: RunProcess) -> None:
    folder = run._secrets
    run.__exit__(None, None, None)
    assert not _is_alive(run.pid)
    assert folder is not None
    assert not folder.exists()
    with pytest.raises(RuntimeError):
        run.start()


def test_the_checkpoint_is_deleted_and_nothing_else(run: RunProcess) -> None:
    (run.log.parent / "checkpoints" / "silver").mkdir(parents=True)
    (run.log.parent / "journal").mkdir()
    run.stop()
    run.delete_checkpoint()
    assert sorted(path.name for path in run.log.parent.iterdir()) == ["journal", "pipeline.log"]
