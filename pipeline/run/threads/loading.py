"""What a run loads from silver beside its start: on a thread of its own, and tried again until it is loaded."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from pipeline.run.threads.background import Background, StartInBackground, start_thread
from pipeline.run.threads.backoff import backoff

log = structlog.get_logger(__name__)

_FIRST_WAIT = 2.0
_LONGEST_WAIT = 60.0


class Loading:
    """One thing that is loaded, on the thread of its name. `start` is for one thread, once."""

    def __init__(
        self,
        name: str,
        load: Callable[[], None],
        loaded: Callable[[], None],
        report: Callable[[str, str | None], None],
        stop: threading.Event,
        *,
        start_in_background: StartInBackground = start_thread,
    ) -> None:
        """`load` may raise anything: then it is called again. `loaded` is called once, after it.

        `report` is called with the name and why it can't be loaded, and with None once it is. `stop` ends the attempts.
        All are called on the thread.
        """
        self._name = name
        self._load = load
        self._loaded = loaded
        self._report = report
        self._stop = stop
        self._start_in_background = start_in_background

    def start(self) -> Background:
        return self._start_in_background(self._name, self._run)

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            try:
                self._load()
            except Exception as error:  # whatever it is, those who wait for it must not wait for ever
                failures += 1
                reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
                if not self._stop.is_set():
                    log.error("silver can't be read; it is tried again", wanted=self._name, reason=reason)
                    self._report(self._name, reason)
                self._stop.wait(backoff(failures, _FIRST_WAIT, _LONGEST_WAIT))
            else:
                if failures:
                    self._report(self._name, None)
                self._loaded()
                return
