"""The demo's `pipeline run`: a process of its own, as in production, which can be killed and started again."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from pipeline.storage.modes import make_folder, private_files
from pipeline.storage.record import read_record

_STOP_WITHIN = 20.0
_OPTIONS = ("--poll-seconds", "5")


class RunProcess:
    """A context manager: the run is started with the block and stopped with it. Any thread may call.

    Its log is pipeline.log in the storage. The token is given to it in a file that only this user can read, so that it
    can be replaced while the run serves.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        storage: Path,
        *,
        token: str | None = None,
        options: Sequence[str] = _OPTIONS,
    ) -> None:
        """`token`: the bot's. Without one the environment has to say it, and `replace_token` can't be used."""
        self.folder = storage
        self._environment = dict(environment)
        self._options = options
        self._secrets: Path | None = None
        self._token = token
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._paused = False
        """Whether it is to be started again: it then counts as running."""
        self._closed = False

    def __enter__(self) -> Self:
        """Raises OSError."""
        if self._token is not None:
            self._secrets = Path(tempfile.mkdtemp(prefix="telegram-lakehouse-secret-"))
            self._environment.pop("TELEGRAM_BOT_TOKEN", None)
            self._environment["TELEGRAM_BOT_TOKEN_FILE"] = str(self._secrets / "token")
            self.replace_token(self._token)
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._closed = True
        self.stop()
        self._paused = False
        if self._secrets is not None:
            shutil.rmtree(self._secrets, ignore_errors=True)

    @property
    def pid(self) -> int:
        """The number of the process; 0 where none was started."""
        return self._process.pid if self._process else 0

    @property
    def log(self) -> Path:
        return self.folder / "pipeline.log"

    @property
    def is_serving(self) -> bool:
        """Whether this very process says that it serves."""
        record = read_record(self.folder)
        return record is not None and record.state == "serving" and record.pid == self.pid and not self._paused

    @property
    def running(self) -> bool:
        """Whether it runs, or is to be started again: not if it has ended by itself."""
        return self._paused or (self._process is not None and self._process.poll() is None)

    def wait(self, timeout: float) -> int | None:
        """The exit code of a run that has ended by itself; None if it has not after `timeout` seconds."""
        until = time.monotonic() + timeout
        while self.running:
            if time.monotonic() >= until:
                return None
            time.sleep(min(0.1, timeout))
        return self._process.returncode if self._process else None

    def start(self) -> None:
        """Start the run. Raises OSError, and RuntimeError after the end of the block."""
        make_folder(self.folder)
        with self._lock, private_files(self.folder), self.log.open("ab") as log:
            if self._closed:
                raise RuntimeError("the run has ended")
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pipeline", "run", "--storage", str(self.folder), *self._options],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # So Ctrl-C reaches the demo alone, which then stops the run.
                start_new_session=True,
            )
            self._paused = False

    def kill(self) -> None:
        """End the process as a power cut would (SIGKILL). It is to be started again."""
        self._paused = True
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """End the process in its own order (SIGTERM), or at once if that takes too long, or at a second Ctrl-C.

        It never raises that. It is to be started again.
        """
        self._paused = True
        if self._process is None:
            return
        with contextlib.suppress(KeyboardInterrupt, subprocess.TimeoutExpired):
            self._process.terminate()
            self._process.wait(_STOP_WITHIN)
        while self._process.poll() is None:
            with contextlib.suppress(KeyboardInterrupt):
                self._process.kill()
                self._process.wait()

    def replace_token(self, token: str) -> None:
        """Give the run another token; it reads the file again once Telegram refuses the old one. Raises OSError."""
        assert self._secrets is not None, "the run has its token from its environment"
        new = self._secrets / "new"
        new.touch(0o600)
        new.write_text(token, encoding="utf-8")
        new.replace(self._secrets / "token")

    def delete_checkpoint(self) -> None:
        """Remove the stream's checkpoint, of a run that was stopped. Raises OSError."""
        checkpoints = Path(self._environment.get("PIPELINE_CHECKPOINTS") or self.folder / "checkpoints")
        shutil.rmtree(checkpoints, ignore_errors=True)
