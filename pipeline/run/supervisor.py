"""The supervisor: watches a run and decides, at each tick of a clock, what has to be done next."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from pipeline.run.end import End
from pipeline.run.threads.background import StartInBackground, start_thread
from pipeline.run.watched import (
    WatchedIntake,
    WatchedJournal,
    WatchedLanding,
    WatchedLanes,
    WatchedLease,
    WatchedQuery,
    WatchedRecorder,
    WatchedWriter,
)

log = structlog.get_logger(__name__)

_LOOK_EVERY = 0.1
_SAVE_EVERY = 2.0
_HOUSEKEEPING_EVERY = 600.0


class Supervisor:
    """Watches the parts of one run: restarts what failed, keeps house, and notices the end.

    Threads: all of it is for one thread, the one that runs `watch`. It has no state that another thread reads.
    """

    def __init__(
        self,
        intake: WatchedIntake,
        query: WatchedQuery,
        lanes: WatchedLanes,
        writer: WatchedWriter,
        journal: WatchedJournal,
        landing: WatchedLanding,
        lease: WatchedLease,
        recorder: WatchedRecorder,
        *,
        now: float,
        once: bool,
        on_serving: Callable[[], None] = lambda: None,
        before_record: Callable[[], None] = lambda: None,
        start_in_background: StartInBackground = start_thread,
    ) -> None:
        """`now`: seconds of the clock that `tick` will be given. `once`: the run ends when all is processed.

        `on_serving` is called when the first micro-batch has begun, `before_record` each time before the record is
        saved.
        """
        self._intake = intake
        self._query = query
        self._lanes = lanes
        self._writer = writer
        self._journal = journal
        self._landing = landing
        self._lease = lease
        self._recorder = recorder
        self._once = once
        self._on_serving = on_serving
        self._before_record = before_record
        self._start_in_background = start_in_background
        self._serving = False
        self._saved_at = self._housekept_at = now

    def watch(self, end: End) -> bool:
        """Tick until the end. True where all of a run with `once` is done, or where a run without it was stopped.

        Raises what `tick` raises.
        """
        while not end.reached:
            end.wait(_LOOK_EVERY)
            if self.tick(end.clock()):
                return True
        return not self._once

    def tick(self, now: float) -> bool:
        """Do what is due at `now`. Returns whether a run with `once` is done, which may take ten seconds to find out.

        Raises OperatorError (LeaseHeld when another pipeline took the storage) and RunFailed on what no restart fixes.
        """
        # First: the checks below may restart what would write.
        self._lease.check()
        self._intake.check(now)
        self._query.check(now)
        self._lanes.check()
        self._writer.check()
        self._notice_serving()
        self._save_record(now)
        self._keep_house(now)
        _try(self._journal.compact)
        if not (self._once and self._is_done()):
            return False
        # Such a run ends before housekeeping is due.
        self._landing.keep_house()
        return True

    def _notice_serving(self) -> None:
        if self._serving or not self._query.begun:
            return
        self._serving = True
        self._recorder.set(state="serving")
        _try(self._recorder.save)
        self._on_serving()

    def _save_record(self, now: float) -> None:
        if now - self._saved_at >= _SAVE_EVERY:
            self._saved_at = now
            self._before_record()
            _try(lambda: self._recorder.save(always=True))

    def _keep_house(self, now: float) -> None:
        """Pack or remove finished files, and have an oversized checkpoint replaced between two micro-batches."""
        if now - self._housekept_at < _HOUSEKEEPING_EVERY:
            return
        self._housekept_at = now
        self._start_in_background("housekeeping", self._landing.keep_house)
        if self._query.oversized and not self._query.busy:
            self._query.renew()

    def _is_done(self) -> bool:
        if not (self._intake.done and self._query.catch_up()) or self._lanes.open:
            return False
        # The writer is asked after the lanes: a reply that left the lanes just now waits for it.
        return self._writer.idle and self._query.finish()


def _try(write: Callable[[], None]) -> None:
    """Write what can also be written later. A full disk must not end a run that outlives it."""
    try:
        write()
    except OSError as error:
        log.error("the storage can't be written", reason=error.strerror or str(error))
