"""The streaming query, restarted when it fails."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Protocol

import structlog

from pipeline.errors import OperatorError
from pipeline.platform.jvm import is_gone, jvm_needed
from pipeline.run.threads.background import Background, StartInBackground, start_thread
from pipeline.run.threads.backoff import backoff

log = structlog.get_logger(__name__)

_FIRST_WAIT = 1.0
_LONGEST_WAIT = 60.0
_STEADY_AFTER = 60.0
"""Seconds that a restarted query must run before its failures are forgotten."""
_FINISH_WITHIN = 10.0
_BEGIN_ANEW_AFTER = 2
"""Failures of Spark's own in a row, without a micro-batch between them, after which the checkpoint is given up."""


class SparkQuery(Protocol):
    """What is needed of Spark's `StreamingQuery`."""

    @property
    def isActive(self) -> bool: ...  # noqa: N802

    def exception(self) -> BaseException | None: ...

    def processAllAvailable(self) -> None: ...  # noqa: N802

    def stop(self) -> None: ...


class Stream(Protocol):
    """What is needed of `SilverStream`."""

    busy: threading.Event
    begun: int
    processed: int
    callback_failed: bool

    @property
    def oversized(self) -> bool: ...

    def start(self) -> SparkQuery: ...

    def begin_anew(self, reason: str) -> None: ...


class RestartingQuery:
    """Keeps one query of the stream running: restarts it, later each time it fails.

    A query that Spark itself fails twice before a micro-batch is through has a checkpoint that can't be continued: it
    gets a new one. A micro-batch that fails in our own callback (a full disk, a table) says nothing about that.

    Threads: all methods are for the supervisor's thread. Threads named "catch-up" wait for Spark; they read `_query`
    and set `_caught_up`, and write nothing else.
    """

    def __init__(
        self,
        stream: Stream,
        report: Callable[[str, str | None], None],
        *,
        start_in_background: StartInBackground = start_thread,
    ) -> None:
        """`report` is called with "stream" and the reason of a failure, and with None once the query runs again."""
        self._stream = stream
        self._report = report
        self._start_in_background = start_in_background
        self._query: SparkQuery | None = None
        self._started_at = 0.0
        self._failures = 0
        self._failures_of_spark = 0
        self._processed_at_failure = 0
        self._restart_at = 0.0
        self._catching_up: Background | None = None
        self._caught_up = False

    @property
    def begun(self) -> int:
        """How many micro-batches have begun, over all queries of this run."""
        return self._stream.begun

    @property
    def busy(self) -> bool:
        """Whether a micro-batch is being processed."""
        return self._stream.busy.is_set()

    @property
    def oversized(self) -> bool:
        """Whether the checkpoint is so large that a new query should replace it."""
        return self._stream.oversized

    def start(self, now: float) -> None:
        """Start the first query. One that does not start is tried again by `check`.

        Raises RunFailed when Spark's JVM is gone.
        """
        with jvm_needed():
            self._start_query(now)

    def check(self, now: float) -> None:
        """Restart the query if it has ended and its wait is over at `now`.

        Raises RunFailed when Spark's JVM is gone: no query can be started in it.
        """
        with jvm_needed():
            if self._query is None:
                if now >= self._restart_at:
                    self._start_query(now)
            elif not self._query.isActive:
                self._note_failure(self._query.exception(), now)
            elif self._failures and now - self._started_at > _STEADY_AFTER:
                self._failures = 0
                self._report("stream", None)

    def catch_up(self) -> bool:
        """Whether all that had landed when this was first asked is processed and committed.

        Does not wait: Spark is asked in the background, again if the query failed meanwhile. So ask until it is True.
        """
        waiting = self._catching_up is not None and self._catching_up.is_alive()
        if self._query is not None and not waiting and not self._caught_up:
            self._catching_up = self._start_in_background("catch-up", self._catch_up)
        return self._caught_up

    def finish(self) -> bool:
        """Wait, at most ten seconds, until the last micro-batch is committed; whether it is."""
        self._caught_up = False
        self._start_in_background("catch-up", self._catch_up).join(_FINISH_WITHIN)
        return self._caught_up

    def renew(self) -> None:
        """End the query, between two micro-batches, so that the next `check` starts one with a new checkpoint.

        One that does not end in time is left to end; `check` restarts it then. Raises RunFailed without a JVM.
        """
        if self._query is None:
            return
        with jvm_needed():
            try:
                self._query.stop()
            except Exception as error:
                if is_gone(error):
                    raise
                log.warning("the query does not stop yet", reason=_first_line(error))
                return
        self._query = None

    def stop(self) -> None:
        """End the query. Never raises: a JVM that is gone has no query left."""
        if self._query is not None:
            with contextlib.suppress(Exception):
                self._query.stop()

    def _start_query(self, now: float) -> None:
        try:
            self._query = self._stream.start()
        except Exception as error:
            if isinstance(error, OperatorError) or is_gone(error):
                raise
            self._note_failure(error, now)
            return
        self._started_at = now

    def _note_failure(self, error: BaseException | None, now: float) -> None:
        self._query, self._catching_up = None, None
        self._failures += 1
        self._restart_at = now + backoff(self._failures, _FIRST_WAIT, _LONGEST_WAIT)
        reason = _first_line(error)
        log.error("the stream failed; it will be restarted", reason=reason, failures=self._failures)
        self._report("stream", reason)
        if self._checkpoint_is_given_up():
            try:
                self._stream.begin_anew(f"Spark can't continue the last one ({reason})")
            except OSError as failure:
                log.error("the checkpoint can't be set aside", reason=failure.strerror or str(failure))

    def _checkpoint_is_given_up(self) -> bool:
        processed = self._stream.processed
        if self._stream.callback_failed or processed != self._processed_at_failure:
            self._failures_of_spark = 0
        self._processed_at_failure = processed
        if self._stream.callback_failed:
            return False
        self._failures_of_spark += 1
        if self._failures_of_spark < _BEGIN_ANEW_AFTER:
            return False
        self._failures_of_spark = 0
        return True

    def _catch_up(self) -> None:
        query = self._query
        if query is not None:
            with contextlib.suppress(Exception):  # a query that fails meanwhile is restarted, and then asked again
                query.processAllAvailable()
                self._caught_up = True


def _first_line(error: BaseException | None) -> str:
    text = str(error or "it ended").strip()
    return text.splitlines()[0][:200] if text else type(error).__name__
