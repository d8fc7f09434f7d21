"""The job of the demo: `pipeline run` in a process of its own, as in production."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from pipeline.demo.failure import DemoError
from pipeline.storage.modes import make_folder, private_files
from pipeline.storage.record import read_record

_READY_WITHIN = 180.0
_STOP_WITHIN = 20.0
_LOG = "pipeline.log"


class Job:
    """The process, and the folder with its storage and its log."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self.folder = folder
        self._process = process

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def wait(self, timeout: float) -> int | None:
        """The exit code; None if it still runs after `timeout` seconds."""
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def wait_until_serving(self) -> None:
        """Raises DemoError where it ends before, or takes too long."""
        until = time.monotonic() + _READY_WITHIN
        while time.monotonic() < until:
            self.require_running()
            record = read_record(self.folder)
            if record is not None and record.state == "serving" and record.pid == self._process.pid:
                return
            time.sleep(0.05)
        raise DemoError(f"the job is not ready after {_READY_WITHIN:.0f} s: see {self.folder / _LOG}")

    def require_running(self) -> None:
        """Raises DemoError with the last line of its log if it has ended."""
        if not self.running:
            log = (self.folder / _LOG).read_text(errors="replace").strip()
            reason = log.splitlines()[-1] if log else "its log is empty"
            raise DemoError(f"the job ended: {reason.removeprefix('pipeline: ')}")

    def stop(self) -> None:
        """In order, or at once if that takes too long, or if Ctrl-C is pressed again. It never raises that."""
        with contextlib.suppress(KeyboardInterrupt):
            self._process.terminate()
            if self.wait(_STOP_WITHIN) is not None:
                return
        while self.running:
            with contextlib.suppress(KeyboardInterrupt):
                self._process.kill()
                self._process.wait()


@contextlib.contextmanager
def job(environment: dict[str, str], folder: Path) -> Iterator[Job]:
    """A job that is always stopped at the end of the block."""
    make_folder(folder)
    with private_files(folder), (folder / _LOG).open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline", "run", "--storage", str(folder), "--poll-seconds", "5"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # So Ctrl-C reaches the demo alone, which then stops the job.
            start_new_session=True,
        )
    started = Job(process, folder)
    try:
        yield started
    finally:
        started.stop()
