"""How the JVM is launched, and how a run can tell that it is gone."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest
from py4j.protocol import Py4JError, Py4JNetworkError

from pipeline.errors import OperatorError, RunFailed
from pipeline.platform import jvm


@pytest.fixture
def java(tmp_path: Path) -> Path:
    """A Java that says what it was started with, and which signals it ignores."""
    program = tmp_path / "real java" / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\nfor a do echo "$a"; done\ngrep SigIgn /proc/self/status\n')
    program.chmod(0o755)
    return program.parents[1]


def _started(home: Path, *options: str) -> tuple[list[str], int]:
    done = subprocess.run([str(home / "bin" / "java"), *options], capture_output=True, text=True, check=True)
    *given, ignored = done.stdout.splitlines()
    return given, int(ignored.split()[1], 16)


def test_the_jvm_ignores_the_signals_that_end_a_run_and_keeps_its_files_in_the_scratch_folder(
    java: Path, tmp_path: Path
) -> None:
    scratch = jvm.cleared(tmp_path / "my lake" / "scratch")
    given, ignored = _started(jvm.launcher(java, scratch), "-a", "b c")
    assert given == ["-XX:-UsePerfData", f"-Djava.io.tmpdir={scratch}", "-a", "b c"]
    assert all(ignored & (1 << (number - 1)) for number in (1, 2, 15))


def test_an_executor_ends_by_the_signals_of_spark(java: Path, tmp_path: Path) -> None:
    home = jvm.launcher(java, jvm.cleared(tmp_path / "scratch"))
    _, ignored = _started(home, "org.apache.spark.executor.CoarseGrainedExecutorBackend")
    assert not ignored & (1 << 14)


def test_a_folder_that_may_run_no_programs_gets_java_itself(
    java: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert jvm.launcher(java, tmp_path / "scratch") == java


def test_what_a_killed_run_left_in_the_scratch_folder_is_removed(tmp_path: Path) -> None:
    left = tmp_path / "scratch" / "spark-1" / "file"
    left.parent.mkdir(parents=True)
    left.touch()
    assert list(jvm.cleared(tmp_path / "scratch").iterdir()) == []


def test_a_folder_of_that_name_with_files_of_somebody_else_is_not_emptied(tmp_path: Path) -> None:
    theirs = tmp_path / "scratch" / "spark-4.0.1-bin" / "data.csv"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("1")
    with pytest.raises(OperatorError, match=r"scratch has files that are not Spark's, .*: move them, or give another"):
        jvm.cleared(tmp_path / "scratch")
    assert theirs.read_text() == "1"


def test_a_scratch_folder_in_which_a_run_has_ended_in_order_is_emptied(java: Path, tmp_path: Path) -> None:
    scratch = jvm.cleared(tmp_path / "scratch")
    jvm.launcher(java, scratch)
    (scratch / "libsnappy.so").touch()
    assert list(jvm.cleared(scratch).iterdir()) == []


def test_what_starts_spark_has_its_temporary_files_in_the_scratch_folder_and_nothing_else_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", "/before")
    monkeypatch.delenv("TMPDIR", raising=False)
    folder = tempfile.gettempdir()
    with jvm.launch_environment(tmp_path / "java", tmp_path):
        assert (os.environ["JAVA_HOME"], os.environ["TMPDIR"]) == (str(tmp_path / "java"), str(tmp_path))
        assert tempfile.gettempdir() == str(tmp_path)
    assert (os.environ["JAVA_HOME"], "TMPDIR" in os.environ, tempfile.gettempdir()) == ("/before", False, folder)


@pytest.mark.parametrize("error", [Py4JNetworkError("no answer"), ConnectionRefusedError()])
def test_without_an_answer_the_jvm_is_gone(error: Exception) -> None:
    with pytest.raises(RunFailed, match=r"^Spark's JVM is gone"), jvm.jvm_needed():
        raise error


@pytest.mark.parametrize("ended", [True, False])
def test_a_call_that_was_under_way_fails_because_its_jvm_has_ended_or_for_another_reason(
    monkeypatch: pytest.MonkeyPatch, ended: bool
) -> None:
    monkeypatch.setattr(jvm, "_process_has_ended", lambda: ended)
    with pytest.raises(RunFailed if ended else Py4JError), jvm.jvm_needed():
        raise Py4JError("An error occurred while calling o1.sql")


def test_another_error_stays_what_it_is() -> None:
    with pytest.raises(ValueError, match="x"), jvm.jvm_needed():
        raise ValueError("x")


@pytest.mark.parametrize(
    ("script", "killed"), [("kill -9 $$", True), ("kill -15 $$", True), ("exit 137", True), ("exit 1", False)]
)
def test_a_jvm_that_did_not_start_was_killed_or_had_a_fault(script: str, killed: bool) -> None:
    def launch() -> None:
        proc = subprocess.Popen(["/bin/sh", "-c", script])
        proc.wait()
        raise RuntimeError("JAVA_GATEWAY_EXITED")

    with pytest.raises(RuntimeError) as caught:
        launch()
    assert jvm.was_killed(caught.value) is killed


def test_a_start_returns_or_raises_what_it_found(tmp_path: Path) -> None:
    assert jvm.started(lambda: "spark", threading.Event()) == "spark"
    with pytest.raises(FileNotFoundError):
        jvm.started((tmp_path / "missing").read_bytes, threading.Event())


def test_a_start_is_not_on_the_main_thread_where_spark_would_take_over_the_interrupt() -> None:
    assert jvm.started(threading.current_thread, threading.Event()) is not threading.main_thread()


def test_a_start_is_abandoned_as_soon_as_the_run_is_asked_to_stop() -> None:
    stop, never = threading.Event(), threading.Event()

    def start() -> None:
        stop.set()
        never.wait()

    with pytest.raises(RunFailed, match="stopped while Spark started"):
        jvm.started(start, stop)
    never.set()
