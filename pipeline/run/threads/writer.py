"""The table writer on a thread of its own: writes rounds when they are due, and tries again what failed.

Whatever else changes the tables runs on this thread too, between rounds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

import structlog

from pipeline.errors import OperatorError, RunFailed
from pipeline.platform.jvm import jvm_needed
from pipeline.run.threads.background import Background, StartInBackground, start_thread
from pipeline.run.threads.backoff import backoff

log = structlog.get_logger(__name__)

_LOOK_EVERY = 0.1
_HOUSEKEEPING_EVERY = 5.0
_QUIET_AFTER = 10.0
"""Seconds without a row after which the moment is quiet."""
_FIRST_WAIT = 1.0
_LONGEST_WAIT = 60.0


class RoundWriter(Protocol):
    """What the thread needs of `TableWriter`."""

    @property
    def due(self) -> bool: ...

    @property
    def idle(self) -> bool: ...

    def write(self) -> None: ...


class Steps(Protocol):
    """Work that is done between rounds, a step at a time. `Leftover` is some."""

    @property
    def done(self) -> bool: ...

    def step(self) -> None: ...


class WriterThread:
    """Runs the table writer in the background.

    Threads: the supervisor's thread calls `start`, `check` and `stop`, and reads `idle`. The writer's thread calls
    everything that it was given, and writes `_error` once, at its end.
    """

    def __init__(
        self,
        writer: RoundWriter,
        leftover: Steps,
        check_tables: Callable[[], None],
        report: Callable[[str, str | None], None],
        *,
        keep_house: Callable[[bool], object] = lambda quiet: None,
        start_in_background: StartInBackground = start_thread,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`check_tables` raises TableError where no row can be appended. `report` is called with "tables" and the
        reason of a failure, and with None once the tables are written again. `keep_house` is called every five seconds
        between rounds, with whether the moment is quiet, and may take seconds.
        """
        self._writer = writer
        self._leftover = leftover
        self._check_tables = check_tables
        self._report = report
        self._keep_house = keep_house
        self._start_in_background = start_in_background
        self._clock = clock
        self._busy_at = self._kept_house_at = clock()
        self._stop = threading.Event()
        self._thread: Background | None = None
        self._failures = 0
        self._error: BaseException | None = None

    def start(self) -> None:
        self._thread = self._start_in_background("tables", self._run)

    @property
    def idle(self) -> bool:
        """Whether all that came so far is in the tables."""
        return self._leftover.done and self._writer.idle

    def check(self) -> None:
        """Raise what ended the thread, and what no other attempt fixes: OperatorError, or RunFailed without a JVM."""
        if self._error is not None:
            raise self._error

    def stop(self, grace: float) -> None:
        """Write what waits, if that takes at most `grace` seconds: the next run else asks the tables what they have."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(grace)

    def _run(self) -> None:
        try:
            while not self._stop.wait(self._pause):
                self._attempt(self._step)
            if not self._failures and not self._writer.idle:
                self._attempt(self._writer.write)
        except BaseException as error:
            self._error = error

    @property
    def _pause(self) -> float:
        return backoff(self._failures, _FIRST_WAIT, _LONGEST_WAIT) if self._failures else _LOOK_EVERY

    def _step(self) -> None:
        if self._writer.due or self._failures:
            self._writer.write()
        elif not self._leftover.done:
            self._leftover.step()
        else:
            self._look_after_the_house()

    def _look_after_the_house(self) -> None:
        now = self._clock()
        if not self._writer.idle:
            self._busy_at = now
        if now - self._kept_house_at >= _HOUSEKEEPING_EVERY:
            self._kept_house_at = now
            self._keep_house(now - self._busy_at >= _QUIET_AFTER)

    def _attempt(self, step: Callable[[], None]) -> None:
        """Make one step. Raises what no other attempt fixes."""
        try:
            with jvm_needed():
                step()
        except (OperatorError, RunFailed):
            raise
        except Exception as error:
            if not self._stop.is_set():
                self._note_failure(error)
        else:
            if self._failures:
                self._failures = 0
                log.info("the tables are written again")
                self._report("tables", None)

    def _note_failure(self, error: Exception) -> None:
        self._failures += 1
        # Not the whole text: Spark's are pages long, and say what it is about in their second line.
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        log.error("the tables can't be written; it is tried again", reason=reason, failures=self._failures)
        self._report("tables", reason)
        try:
            self._check_tables()
        except Exception as failure:  # what can't be read either is tried again too
            if isinstance(failure, OperatorError):
                raise
