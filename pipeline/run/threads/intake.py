"""The intake on a thread of its own, restarted when it fails."""

from __future__ import annotations

import threading
from typing import Protocol

import structlog

from pipeline.errors import OperatorError
from pipeline.run.threads.background import Background, StartInBackground, start_thread
from pipeline.run.threads.backoff import backoff
from pipeline.telegram.intake import Poll

log = structlog.get_logger(__name__)

_FIRST_WAIT = 2.0
_LONGEST_WAIT = 60.0


class Poller(Protocol):
    """What the thread needs of `Intake`."""

    def run(self, stop: threading.Event) -> None: ...

    def attempt(self, stop: threading.Event, wait: float | None = None) -> Poll | None: ...


class IntakeThread:
    """Runs the intake in the background and restarts it, later each time it fails.

    Threads: the supervisor's thread calls `start` and `check`. The intake's thread calls the intake and writes `done`
    and `_error`; the supervisor's thread reads `_error` only after the intake's thread has ended. Any thread may read
    `done`.
    """

    def __init__(
        self,
        intake: Poller,
        stop: threading.Event,
        *,
        until_empty: bool,
        start_in_background: StartInBackground = start_thread,
    ) -> None:
        """`until_empty`: poll without waiting, and end once Telegram holds nothing more. `stop` ends it always."""
        self._intake = intake
        self._stop = stop
        self._until_empty = until_empty
        self._start_in_background = start_in_background
        self._thread: Background | None = None
        self._error: BaseException | None = None
        self._failures = 0
        self._restart_at: float | None = None
        self.done = False
        """Whether Telegram held nothing more. Stays False unless `until_empty`."""

    def start(self) -> None:
        self._error = None
        self._thread = self._start_in_background("intake", self._poll)

    def check(self, now: float) -> None:
        """Restart the intake if it has failed and its wait is over at `now`.

        Raises the OperatorError that ended the intake: a restart won't fix that.
        """
        assert self._thread is not None
        if self._thread.is_alive() or self.done or self._stop.is_set():
            return
        if isinstance(self._error, OperatorError):
            raise self._error
        if self._restart_at is None:
            self._failures += 1
            self._restart_at = now + backoff(self._failures, _FIRST_WAIT, _LONGEST_WAIT)
            log.error("intake failed; it will be restarted", error=type(self._error).__name__, failures=self._failures)
        elif now >= self._restart_at:
            self._restart_at = None
            self.start()

    def _poll(self) -> None:
        try:
            if not self._until_empty:
                self._intake.run(self._stop)
                return
            while not self._stop.is_set():
                poll = self._intake.attempt(self._stop, wait=0.0)
                if poll is not None and poll.confirmed:
                    self.done = True
                    return
        except BaseException as error:
            self._error = error
