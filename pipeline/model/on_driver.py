"""Asking the model on the driver, in threads: each outcome is passed on as soon as it comes."""

from __future__ import annotations

import statistics
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from pipeline.errors import OperatorError
from pipeline.messages.question import Question
from pipeline.model.answering import REFUSALS, Done, ask_once
from pipeline.model.client import Model
from pipeline.model.outcome import Outcome, Verdict
from pipeline.platform.credentials import Credential, CredentialError, ModelAccess


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
        self._recent: deque[float] = deque(maxlen=200)

    def begin(self, call: int) -> None:
        self._started[call] = self._clock()

    def end(self, call: int) -> None:
        self._recent.append(self._clock() - self._started.pop(call))

    @property
    def patience(self) -> float:
        """Seconds after which a call is a straggler."""
        return max(1.0, 4 * statistics.median(self._recent)) if len(self._recent) >= 10 else 5.0

    @property
    def free(self) -> int:
        """How many calls may begin now."""
        before = self._clock() - self.patience
        slow = min(sum(1 for started in self._started.values() if started < before), self._places)
        return self._places - (len(self._started) - slow)


class DriverAnswering:
    """A thread on the driver for each call, and one that begins them. Thread-safe.

    The questions that wait, the calls under way and the flag of the stop are used under the lock of `_changed` only.
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
        self._waiting: deque[tuple[Question, Done]] = deque()
        self._changed = threading.Condition()
        self._stopped = False
        self._calls = 0
        threading.Thread(target=self._begin_calls, name="answering", daemon=True).start()

    def submit(self, questions: Sequence[Question], done: Done) -> None:
        with self._changed:
            self._waiting.extend((question, done) for question in questions)
            self._changed.notify()

    def withdraw(self) -> list[Question]:
        with self._changed:
            waiting = [question for question, _ in self._waiting]
            self._waiting.clear()
        return waiting

    def stop(self) -> None:
        """Begin no further call; those under way are abandoned."""
        with self._changed:
            self._stopped = True
            self._waiting.clear()
            self._changed.notify()

    def _begin_calls(self) -> None:
        while True:
            with self._changed:
                while not self._stopped and not (self._waiting and self._stragglers.free > 0):
                    # A call may become a straggler, and so give its place back, without any notification.
                    self._changed.wait(0.1 if self._waiting else None)
                if self._stopped:
                    return
                question, done = self._waiting.popleft()
                self._calls += 1
                self._stragglers.begin(self._calls)
                call = self._calls
            try:
                # A daemon thread of its own: a call that is abandoned at a stop must not hold the process.
                threading.Thread(target=self._ask, args=(call, question, done), name="ask", daemon=True).start()
            except RuntimeError:  # the machine has no thread left: this thread must not end, others wait for it
                with self._changed:
                    self._stragglers.end(call)
                done(question, Outcome(verdict=Verdict.FAILING, reason="no thread could be started to ask the model"))

    def _ask(self, call: int, question: Question, done: Done) -> None:
        try:
            outcome = self._ask_with_current_access(question.text)
        finally:
            with self._changed:
                self._stragglers.end(call)
                self._changed.notify()
        done(question, outcome)

    def _ask_with_current_access(self, text: str) -> Outcome:
        try:
            self._confirm()
        except (OperatorError, OSError) as error:
            return Outcome(verdict=Verdict.UNREACHABLE, reason=f"not asked: {error}")
        try:
            access = self._access.current()
            outcome = ask_once(self._model, access, text)
            if outcome.verdict in REFUSALS and self._access.refresh(access):
                outcome = ask_once(self._model, self._access.current(), text)
        except CredentialError as error:
            return Outcome(verdict=Verdict.UNAUTHORISED, reason=str(error))
        except Exception as error:  # the question's chat waits for an outcome
            return Outcome(verdict=Verdict.FAILING, reason=f"asking failed: {type(error).__name__}")
        return outcome
