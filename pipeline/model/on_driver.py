"""Asking the model on the driver, in threads: each outcome is passed on as soon as it comes."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import takewhile

from pipeline.errors import OperatorError
from pipeline.messages.question import Question
from pipeline.model.answering import REFUSALS, Done, ask_once
from pipeline.model.client import Model
from pipeline.model.outcome import Outcome, Verdict
from pipeline.model.request import Asked
from pipeline.peers.workers import Workers
from pipeline.platform.credentials import Credential, CredentialError, ModelAccess

_MOST_RECENT = 200
_FEWEST_RECENT = 10
"""Calls by whose length a straggler is told."""
_LOOK_EVERY = 0.1
"""Seconds between two looks for stragglers while questions wait."""


class Stragglers:
    """Which of the calls under way count against the concurrency.

    A straggler is a call that takes several times as long as the recent ones. It no longer holds its place, so that a
    few slow answers don't slow down the others. At most as many stragglers as there are places give theirs back.
    For one thread at a time.
    """

    def __init__(self, places: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._places = places
        self._clock = clock
        self._started: dict[int, float] = {}
        """When each call that is under way began, the earliest first."""
        self._recent: deque[float] = deque()
        """How long the last calls took, and the same in order of length."""
        self._sorted: list[float] = []

    def begin(self, call: int) -> None:
        self._started[call] = self._clock()

    def end(self, call: int) -> None:
        seconds = self._clock() - self._started.pop(call)
        if len(self._recent) == _MOST_RECENT:
            del self._sorted[bisect_left(self._sorted, self._recent.popleft())]
        self._recent.append(seconds)
        insort(self._sorted, seconds)

    @property
    def patience(self) -> float:
        """Seconds after which a call is a straggler: four times the median of the recent ones, at least one."""
        count = len(self._sorted)
        if count < _FEWEST_RECENT:
            return 5.0
        return max(1.0, 2 * (self._sorted[(count - 1) // 2] + self._sorted[count // 2]))

    @property
    def free(self) -> int:
        """How many calls may begin now."""
        before = self._clock() - self.patience
        slow = sum(1 for _ in takewhile(lambda started: started < before, self._started.values()))
        return self._places - (len(self._started) - min(slow, self._places))


@dataclass(frozen=True)
class _Call:
    number: int
    asked: Asked
    done: Done


class DriverAnswering:
    """A thread on the driver for each call at once. Thread-safe.

    A thread whose call has ended goes on with the next question. The thread "answering" begins the calls for which a
    straggler has given its place back, since nothing else happens then. The questions that wait, the calls under way
    and the flag of the stop are used under the lock of `_changed` only.
    """

    def __init__(
        self,
        model: Model,
        access: Credential[ModelAccess],
        concurrency: int,
        confirm: Callable[[], None] = lambda: None,
    ) -> None:
        """`concurrency`: calls at once, stragglers not counted.

        `confirm` is called by any thread before a call, which costs money. It raises what `Lease.confirm` raises.
        """
        self._confirm = confirm
        self._model = model
        self._access = access
        self._stragglers = Stragglers(concurrency)
        self._waiting: deque[tuple[Asked, Done]] = deque()
        self._changed = threading.Condition()
        self._stopped = False
        self._calls = 0
        self._workers = Workers()
        threading.Thread(target=self._begin_beside_stragglers, name="answering", daemon=True).start()

    def submit(self, asked: Sequence[Asked], done: Done) -> None:
        with self._changed:
            self._waiting.extend((each, done) for each in asked)
            calls = self._next_calls()
            if self._waiting:
                self._changed.notify()
        self._begin(calls)

    def withdraw(self) -> list[Question]:
        with self._changed:
            waiting = [asked.question for asked, _ in self._waiting]
            self._waiting.clear()
        return waiting

    def stop(self) -> None:
        """Begin no further call; those under way are abandoned. What has not been asked may still be withdrawn."""
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def _next_calls(self) -> list[_Call]:
        """The calls that begin now, for the holder of the lock."""
        calls = []
        while self._waiting and not self._stopped and self._stragglers.free > 0:
            self._calls += 1
            self._stragglers.begin(self._calls)
            calls.append(_Call(self._calls, *self._waiting.popleft()))
        return calls

    def _begin_beside_stragglers(self) -> None:
        while True:
            with self._changed:
                if self._stopped:
                    return
                calls = self._next_calls()
                if not calls:
                    self._changed.wait(_LOOK_EVERY if self._waiting else None)
            self._begin(calls)

    def _begin(self, calls: Sequence[_Call]) -> None:
        for call in calls:
            try:
                # On a daemon thread: a call that is abandoned at a stop must not hold the process.
                self._workers.start("ask", partial(self._ask, call))
            except RuntimeError:  # the machine has no thread left; others wait for the caller
                with self._changed:
                    self._stragglers.end(call.number)
                reason = "no thread could be started to ask the model"
                call.done(call.asked.question, Outcome(verdict=Verdict.FAILING, reason=reason))

    def _ask(self, call: _Call) -> None:
        """Ask for one answer, and then for as long as questions wait for the next."""
        while True:
            try:
                outcome = self._ask_with_current_access(call.asked)
            finally:
                with self._changed:
                    self._stragglers.end(call.number)
            call.done(call.asked.question, outcome)
            with self._changed:
                calls = self._next_calls()
            if not calls:
                return
            self._begin(calls[1:])
            call = calls[0]

    def _ask_with_current_access(self, asked: Asked) -> Outcome:
        try:
            self._confirm()
        except (OperatorError, OSError) as error:
            return Outcome(verdict=Verdict.UNREACHABLE, reason=f"not asked: {error}")
        try:
            access = self._access.current()
            outcome = ask_once(self._model, access, asked.request, asked.listener)
            if outcome.verdict in REFUSALS and self._access.refresh(access):
                outcome = ask_once(self._model, self._access.current(), asked.request, asked.listener)
        except CredentialError as error:
            return Outcome(verdict=Verdict.UNAUTHORISED, reason=str(error))
        except Exception as error:  # the question's chat waits for an outcome
            return Outcome(verdict=Verdict.FAILING, reason=f"asking failed: {type(error).__name__}")
        return outcome
