"""An event loop: events and timers are handled one at a time, on the one thread that owns the state behind them."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import queue
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import structlog

from pipeline.peers.workers import Workers

log = structlog.get_logger(__name__)

Action = Callable[[], None]
Result = TypeVar("Result")

LONGEST_TIMER = 86_400.0
"""Seconds after which every timer has fired, whatever time it was set for."""
_LONGEST_TURN = 60.0
"""Seconds that one turn waits at most: Python can't wait for a number of seconds that is too large."""

_THREAD_PAUSE = 1.0
"""Seconds until a job is tried again for which no thread could be started."""


class EventLoop:
    """Events in the order in which they were posted, and timers when they are due.

    Threads: the owner is the thread that calls `run`, `turn` or `handle_event` first. `post`, `now` and `owned` are for
    any thread; everything else is for the owner. Until there is an owner, any single thread may call everything.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        start_thread: Callable[[str, Action], None] | None = None,
    ) -> None:
        """`clock`: seconds of a steady clock. `start_thread` is used for jobs as `Workers.start` is."""
        self._clock = clock
        self._start_thread = start_thread or Workers().start
        self._events: queue.SimpleQueue[Action] = queue.SimpleQueue()
        self._timers: list[tuple[float, int, Action]] = []
        self._numbers = itertools.count()
        """Timers of the same time fire in the order in which they were set."""
        self._owner: int | None = None

    @property
    def owned(self) -> bool:
        """Whether the calling thread is the owner, or may become it."""
        return self._owner in (None, threading.get_ident())

    def now(self) -> float:
        return self._clock()

    def post(self, event: Action) -> None:
        """Have the owner handle an event, after those that were posted before."""
        self._events.put(event)

    def at(self, when: float, action: Action) -> None:
        """Have an action done at a time of the clock, or as soon as possible after it; within a day in any case."""
        assert self.owned
        latest = self._clock() + LONGEST_TIMER
        # Written so that NaN, which is before and after nothing and would disorder the heap, is replaced too.
        when = when if when <= latest else latest
        heapq.heappush(self._timers, (when, next(self._numbers), action))

    def in_background(self, name: str, job: Callable[[], Result], then: Callable[[Result], None]) -> None:
        """Run a job that may block on a thread of its own; `then` gets its result as an event.

        The job must not raise: then nobody would learn of its end.
        """
        assert self.owned

        def run() -> None:
            result = job()
            self.post(lambda: then(result))

        try:
            self._start_thread(name, run)
        except RuntimeError:  # the machine has no thread left now; without its result, a chat would wait for ever
            log.error("no thread can be started; it is tried again", job=name)
            self.at(self.now() + _THREAD_PAUSE, lambda: self.in_background(name, job, then))

    def run(self, until: Callable[[], bool]) -> None:
        """Handle events and timers until `until` is true. Whoever makes it true posts an event, which ends the wait."""
        while not until():
            self.turn()

    def turn(self, longest_wait: float | None = None) -> bool:
        """Handle the next event and a timer that is due, after a wait for either. Returns whether there was any.

        Waits for a minute at most, and never raises.
        """
        wait = _LONGEST_TURN if longest_wait is None else longest_wait
        if self._timers:
            wait = min(self._timers[0][0] - self._clock(), wait)
        handled = self.handle_event(wait)
        if self._timers and self._timers[0][0] <= self._clock():
            self.guard(heapq.heappop(self._timers)[2])
            handled = True
        return handled

    def handle_event(self, timeout: float | None) -> bool:
        """Handle the next event, but no timer; wait up to `timeout` seconds for it. Returns whether there was one.

        None is the longest wait, a minute.
        """
        assert self.owned
        self._owner = threading.get_ident()
        wait = _LONGEST_TURN if timeout is None or not timeout <= _LONGEST_TURN else max(0.0, timeout)
        try:
            event = self._events.get(block=wait > 0, timeout=wait)
        except queue.Empty:
            return False
        self.guard(event)
        return True

    def guard(self, action: Action) -> None:
        """Do an action; an error is logged and ends nothing else: one message's error must not stop the others."""
        assert self.owned
        try:
            action()
        except Exception as error:
            # A closed standard error must not end the loop either.
            with contextlib.suppress(Exception):
                # Without the error's own text, which may hold a secret.
                log.error("an event failed", error=type(error).__name__, at=place_of(error))


def place_of(error: BaseException) -> str:
    """Function and line that raised an error."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_name}:{trace.tb_lineno}" if trace else "?"
