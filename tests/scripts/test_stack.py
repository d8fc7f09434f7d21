"""`scripts/stack.py` as a process, and the targets of make that call it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.engine.calls import Verb
from tests.support.fake_engine import STACK_URN, FakeEngine, diagnostic

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def script(engine: FakeEngine) -> list[str]:
    """The script as make calls it: over this repository's own stack files."""
    return [sys.executable, str(ROOT / "scripts" / "stack.py")]


@pytest.mark.e2e
def test_the_exit_code_tells_a_failed_engine_from_a_missing_prerequisite(engine: FakeEngine, script: list[str]) -> None:
    def ended(*arguments: str) -> tuple[int, list[str]]:
        done = subprocess.run([*script, *arguments], capture_output=True, text=True, check=False)
        return done.returncode, done.stderr.splitlines()

    assert ended("up", "dev", "--yes", "--", "--diff") == (0, [])
    assert engine.calls[-1] == ["up", "--stack", "dev", "--policy-pack", "infra/policy", "--yes", "--diff"]
    engine.answer(up={"code": 5, "err": "error: policy violation\n"})
    assert ended("up", "dev") == (1, ["error: policy violation"])
    refused = diagnostic("host is not set: set it\n", STACK_URN)
    engine.answer(up={"code": 255, "err": "error: update failed\n", "events": [refused]})
    assert ended("up", "dev") == (1, ["error: update failed", "stack: host is not set: set it"])
    code, lines = ended("up", "")
    assert code == 2
    assert lines == ["stack: STACK is not set: say `make up STACK=…` with one of dev, prod, staging"]


@pytest.mark.e2e
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_engine_ends_in_order(engine: FakeEngine, script: list[str], sent: signal.Signals) -> None:
    engine.answer(up={"waits": True})
    with subprocess.Popen([*script, "up", "dev"], stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "engine: at work\n"
        # A terminal tells the whole group; a scheduler tells the process alone.
        if sent is signal.SIGINT:
            os.killpg(process.pid, sent)
        else:
            process.send_signal(sent)
        assert process.stdout.read() == "engine: stopping in order\n"
        assert process.wait(10) == 1


def test_make_has_the_targets_and_passes_its_variables_on() -> None:
    def commands(*arguments: str) -> str:
        # Without the environment's own setup, which is another target's.
        command = ["make", "-n", "-o", ".venv/.ready", *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for verb in Verb:
        assert any(f"make {verb} " in line and "STACK=dev" in line for line in listed.splitlines())
        assert f'scripts/stack.py {verb} "dev"' in commands(verb, "STACK=dev")
    assert "--yes -- --diff" in commands("up", "STACK=dev", "YES=1", "ARGS=--diff")
