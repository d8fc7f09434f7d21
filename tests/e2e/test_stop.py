"""How a run ends: in time, with its work kept, and with the right exit code."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from tests.support.world import World, wait_until

pytestmark = pytest.mark.e2e


def test_sigterm_ends_a_run_in_time_while_the_model_hangs_and_the_next_run_answers(world: World) -> None:
    world.rule(contains="hang", hang=True, times=5)
    job = world.serving(world.run())
    for number in range(5):
        world.say(f"hang {number}", chat_id=number + 1)
    world.say("quick", chat_id=50)
    wait_until(lambda: len(world.sent()) == 1 and len(world.model.calls) >= 6, 30, lambda: job.log)
    assert job.terminate() < 15
    assert job.wait() == 0
    world.run_once()
    assert sorted(row["user_message"] for row in world.table("silver")) == [*(f"hang {n}" for n in range(5)), "quick"]
    assert len(world.sent()) == 6


def test_a_deadline_leaves_the_rest_to_the_next_run(world: World) -> None:
    world.rule(contains="slow", latency=60.0, times=1)
    world.say("slow", chat_id=1)
    world.say("quick", chat_id=2)
    job = world.run("--once", "--deadline", "25")
    assert job.wait(60) == 1
    assert [sent["text"] for sent in world.sent()] == ["echo: quick"]
    world.run_once()
    assert sorted(row["user_message"] for row in world.table("silver")) == ["quick", "slow"]
    assert len(world.sent()) == 2


def _processes(group: int) -> list[int]:
    """The processes of a group that run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _parent, of_group = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(of_group) == group and state != "Z":
            found.append(int(stat.parent.name))
    return found


def _jvm(group: int) -> int | None:
    """Spark's JVM, and not one that was only asked for its version."""
    for pid in _processes(group):
        try:
            if b"org.apache.spark.deploy.SparkSubmit" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
        except OSError:
            continue
    return None


def _lines_of_text(log: str) -> list[str]:
    """The lines of a log that are no events."""
    return [line for line in log.splitlines() if not line.startswith("{")]


def test_sigterm_to_every_process_of_a_run_ends_it_quietly_and_in_order(world: World) -> None:
    job = world.serving(world.run())
    world.say("hello")
    wait_until(lambda: len(world.sent()) == 1, 30, lambda: job.log)
    job.signal_group(signal.SIGTERM)
    assert job.wait(15) == 0
    assert _lines_of_text(job.log) == []
    assert json.loads(job.log.splitlines()[-1])["event"] == "stopped"
    wait_until(lambda: not _processes(job.pid), 10)


@pytest.mark.parametrize("moment", ["the interpreter runs", "the JVM starts", "Spark is there"])
def test_sigterm_to_every_process_during_a_start_is_quiet_too(world: World, moment: str) -> None:
    job = world.run("--once")
    if moment == "the interpreter runs":
        wait_until((world.storage / "lease.json").exists, 60, lambda: job.log)
    elif moment == "the JVM starts":
        wait_until(lambda: _jvm(job.pid) is not None, 60, lambda: job.log)
    else:
        wait_until((world.storage / "bronze").exists, 60, lambda: job.log)
    job.signal_group(signal.SIGTERM)
    assert job.wait(15) == 1
    assert _lines_of_text(job.log) == ["pipeline: the run was stopped: the next run continues with what is left"]
    # A JVM that was still starting ends once it finds that nobody reads it.
    wait_until(lambda: not _processes(job.pid), 20)


@pytest.mark.parametrize("moment", ["before its port is known", "while it creates the tables"])
def test_a_jvm_that_is_killed_during_a_start_fails_the_run_in_one_line(world: World, moment: str) -> None:
    job = world.run("--once")
    wait_until(lambda: _jvm(job.pid) is not None, 60, lambda: job.log)
    if moment == "while it creates the tables":
        wait_until((world.storage / "bronze").exists, 60, lambda: job.log)
    jvm = _jvm(job.pid)
    assert jvm is not None
    os.kill(jvm, signal.SIGKILL)
    assert job.wait(30) == 1
    [line] = _lines_of_text(job.log)
    assert line.startswith("pipeline: Spark's JVM is gone: see logs/spark.log in the storage; a new run continues")


def test_a_killed_run_leaves_no_process_and_its_temporary_files_only_in_the_storage(
    world: World, tmp_path: Path
) -> None:
    system = tmp_path / "system's own"
    system.mkdir()
    performance_data = set(Path("/tmp").glob("hsperfdata_*/*"))
    job = world.serving(world.run(TMPDIR=str(system)))
    job.kill()
    wait_until(lambda: not _processes(job.pid), 20)
    assert list(system.iterdir()) == []
    assert set(Path("/tmp").glob("hsperfdata_*/*")) <= performance_data
    left = world.storage / "scratch" / "spark-of-a-killed-jvm"
    left.mkdir()
    world.run_once(TMPDIR=str(system))
    assert not left.exists()
    assert list(system.iterdir()) == []
