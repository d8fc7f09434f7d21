"""The JVM that Spark runs in on this machine: how it is launched, where its files go, and whether it is gone."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from pathlib import Path
from typing import TypeVar

from pipeline.errors import OperatorError, RunFailed

_MARK = "launcher-of-telegram-lakehouse"
"""A file beside the launcher: by it, a scratch folder is known as ours."""
_SPARKS = re.compile(r"spark-[0-9a-f-]+")
"""The folders that Spark makes in it."""

T = TypeVar("T")

_LOOK_EVERY = 0.1


def jvm_gone() -> RunFailed:
    return RunFailed("Spark's JVM is gone: see logs/spark.log in the storage; a new run continues")


@contextlib.contextmanager
def jvm_needed() -> Iterator[None]:
    """Turn an error that is raised because the JVM is gone into RunFailed: nothing can be called in it any more."""
    try:
        yield
    except Exception as error:
        if is_gone(error):
            raise jvm_gone() from None
        raise


def is_gone(error: BaseException) -> bool:
    """Whether an error of Spark means that its JVM is gone."""
    from py4j.protocol import Py4JError, Py4JJavaError, Py4JNetworkError

    if isinstance(error, (Py4JNetworkError, ConnectionError)):
        return True
    # A call that was under way when the JVM ended raises the plain error.
    return isinstance(error, Py4JError) and not isinstance(error, Py4JJavaError) and _process_has_ended()


def _process_has_ended() -> bool:
    context = getattr(sys.modules.get("pyspark"), "SparkContext", None)
    process: subprocess.Popen[bytes] | None = getattr(getattr(context, "_gateway", None), "proc", None)
    if process is None:
        return False
    try:
        process.wait(1.0)  # its sockets close a moment before it has ended
    except subprocess.TimeoutExpired:
        return False
    return True


def was_killed(error: BaseException) -> bool:
    """Whether a JVM that did not start was ended by a signal, and not by a fault of its set-up."""
    # Spark does not say how its process ended, but the frame that raised the error still has it.
    for frame, _ in traceback.walk_tb(error.__traceback__):
        process = frame.f_locals.get("proc")
        if isinstance(process, subprocess.Popen):
            code = process.poll()
            # A shell passes on what a signal did to its child as 128 and the signal's number.
            return code is not None and (code < 0 or code > 128)
    return False


def started(start: Callable[[], T], stop: threading.Event) -> T:
    """What `start` returns or raises, on a thread of its own. Raises RunFailed as soon as `stop` is set.

    The start of a JVM can't be interrupted. One that is abandoned ends when our process does, which closes its input.
    On the main thread, Spark would also put a handler of its own in place of the run's for an interrupt.
    """
    outcome: Future[T] = Future()

    def note_outcome() -> None:
        try:
            outcome.set_result(start())
        except BaseException as error:
            outcome.set_exception(error)

    threading.Thread(target=note_outcome, name="start of Spark", daemon=True).start()
    while not stop.is_set():
        if wait([outcome], _LOOK_EVERY).done:
            return outcome.result()
    raise RunFailed("the run was stopped while Spark started")


def cleared(scratch: Path) -> Path:
    """The scratch folder, without what a killed run has left in it.

    Raises OSError where it can't be made, and OperatorError where it has files that are not a run's: a storage may be
    somebody's home, with a folder of that name in it.
    """
    if scratch.is_dir():
        left = list(scratch.iterdir())
        if left and not any(_SPARKS.fullmatch(path.name) or (path / _MARK).exists() for path in left):
            raise OperatorError(
                f"{scratch} has files that are not Spark's, and each run empties that folder: move them, or give "
                "another PIPELINE_STORAGE"
            )
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
    return scratch.absolute()


def launcher(java_home: Path, scratch: Path) -> Path:
    """A Java home in the scratch folder. Its `java` outlives the signals that end a run, and keeps its files there.

    A service manager sends SIGTERM to every process of a service. The JVM must outlive our own orderly end; it ends
    when its standard input is closed, which happens at the latest with our process. Java leaves a signal ignored that
    is ignored when it starts. Executors are not included: signals are how Spark ends them.
    """
    home = scratch / "java"
    program = home / "bin" / "java"
    real = java_home / "bin" / "java"
    script = (
        "#!/bin/sh\n"
        "case \"$*\" in *CoarseGrainedExecutorBackend*) ;; *) trap '' TERM INT HUP ;; esac\n"
        # The file of performance data is always in /tmp, and stays there after a kill.
        f'exec {shlex.quote(str(real))} -XX:-UsePerfData {shlex.quote(f"-Djava.io.tmpdir={scratch}")} "$@"\n'
    )
    program.parent.mkdir(parents=True, exist_ok=True)
    (home / _MARK).touch()
    program.write_text(script)
    program.chmod(0o700)
    # A file system may be mounted without the right to run programs.
    return home if os.access(program, os.X_OK) else java_home


@contextlib.contextmanager
def launch_environment(java_home: Path, scratch: Path) -> Iterator[None]:
    """What a JVM that starts within the block, and the processes that it starts, inherit."""
    names = {"JAVA_HOME": str(java_home), "TMPDIR": str(scratch)}
    before = {name: os.environ.get(name) for name in names}
    folder_before = tempfile.tempdir
    os.environ.update(names)
    tempfile.tempdir = str(scratch)
    try:
        yield
    finally:
        tempfile.tempdir = folder_before
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
