"""Asking the model about many questions: on the driver in threads, or over the executors of a cluster.

Both strategies make one attempt at each question and hand every outcome on as it comes. What is then to be done
(deliver, ask again, wait, fall back) is decided in `lanes`.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

from pipeline.credentials import BroadcastAccess, Credential, CredentialError, ModelAccess
from pipeline.model import Model, ModelSettings
from pipeline.outcome import Outcome, Verdict
from pipeline.reply import Question

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import SparkSession

_REFUSALS = frozenset({Verdict.UNAUTHORISED, Verdict.FORBIDDEN})
"""Verdicts after which the credential is resolved anew: some servers answer 403 to one that has expired."""

Done = Callable[[Question, Outcome], None]


class Answering(Protocol):
    """A way to ask the model. `submit` returns at once; `done` is called once for each question, from any thread."""

    def submit(self, questions: Sequence[Question], done: Done) -> None: ...

    def withdraw(self) -> list[Question]:
        """Take back the questions that have not been asked yet; `done` is not called for them."""
        ...


class Stragglers:
    """Which of the calls under way count against the concurrency.

    A call that takes several times as long as calls do here no longer holds its place, so that a few slow answers
    don't slow down the others; at most as many stragglers are let go as there are places. For one thread at a time.
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
    """Threads on the driver: an answer is handed on the moment it is there."""

    def __init__(self, model: Model, access: Credential[ModelAccess], concurrency: int) -> None:
        self._model = model
        self._access = access
        self._stragglers = Stragglers(concurrency)
        self._waiting: deque[tuple[Question, Done]] = deque()
        self._changed = threading.Condition()
        self._stopped = False
        self._calls = 0
        threading.Thread(target=self._admit, name="answering", daemon=True).start()

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
        """Begin no further call; those under way are left to themselves."""
        with self._changed:
            self._stopped = True
            self._waiting.clear()
            self._changed.notify()

    def _admit(self) -> None:
        while True:
            with self._changed:
                while not self._stopped and not (self._waiting and self._stragglers.free > 0):
                    # A call may become a straggler, and so free its place, without anything else happening.
                    self._changed.wait(0.1 if self._waiting else None)
                if self._stopped:
                    return
                question, done = self._waiting.popleft()
                self._calls += 1
                self._stragglers.begin(self._calls)
                call = self._calls
            # A daemon thread of its own: a call that is abandoned at a stop must not hold the process.
            threading.Thread(target=self._ask, args=(call, question, done), name="ask", daemon=True).start()

    def _ask(self, call: int, question: Question, done: Done) -> None:
        try:
            outcome = self._ask_with_present_access(question.text)
        finally:
            with self._changed:
                self._stragglers.end(call)
                self._changed.notify()
        done(question, outcome)

    def _ask_with_present_access(self, text: str) -> Outcome:
        try:
            access = self._access.current()
            outcome = ask_once(self._model, access, text)
            if outcome.verdict in _REFUSALS and self._access.refresh(access):
                outcome = ask_once(self._model, self._access.current(), text)
        except CredentialError as error:
            return Outcome(verdict=Verdict.UNAUTHORISED, reason=str(error))
        return outcome


class DistributedAnswering:
    """`mapInPandas` over the executors: several chunk jobs at once, each handed on as it returns.

    Each worker reads the model's address and bearer from a broadcast. A refused credential is a row's outcome, not a
    task's failure, and a task that Spark runs again only asks again: nothing is sent or stored on an executor.
    """

    def __init__(
        self,
        spark: SparkSession,
        settings: ModelSettings,
        access: Credential[ModelAccess],
        concurrency: int,
        rows_per_chunk: int = 64,
    ) -> None:
        """`concurrency`: model calls at once over all executors."""
        self._spark = spark
        self._settings = settings
        self._access = access
        self._broadcasts = BroadcastAccess(spark.sparkContext, access)
        self._slots = max(1, spark.sparkContext.defaultParallelism)
        self._threads = max(1, concurrency // self._slots)
        self._rows_per_chunk = rows_per_chunk
        self._jobs = ThreadPoolExecutor(max_workers=self._slots + 1, thread_name_prefix="chunk")
        self._stopped = False

    def submit(self, questions: Sequence[Question], done: Done) -> None:
        for start in range(0, len(questions), self._rows_per_chunk):
            self._jobs.submit(self._run, list(questions[start : start + self._rows_per_chunk]), done)

    def withdraw(self) -> list[Question]:
        return []

    def stop(self) -> None:
        """Begin no further job."""
        self._stopped = True
        self._jobs.shutdown(wait=False, cancel_futures=True)

    def _run(self, chunk: list[Question], done: Done) -> None:
        outcomes: dict[str, Outcome] = {}
        fault = Outcome(verdict=Verdict.FAILING, reason="the cluster brought no outcome")
        if not self._stopped:
            try:
                outcomes = self._ask_with_present_access(chunk)
            except CredentialError as error:
                fault = Outcome(verdict=Verdict.UNAUTHORISED, reason=str(error))
            except Exception as error:  # whatever a job dies of, its questions must not be lost
                fault = Outcome(verdict=Verdict.FAILING, reason=f"the cluster's job failed: {type(error).__name__}")
        for question in chunk:
            done(question, outcomes.get(question.key, fault))

    def _ask_with_present_access(self, chunk: list[Question]) -> dict[str, Outcome]:
        access = self._access.current()
        outcomes = self._collect(chunk)
        refused = [q for q in chunk if outcomes[q.key].verdict in _REFUSALS]
        if refused and self._access.refresh(access):
            outcomes |= self._collect(refused)
        return outcomes

    def _collect(self, chunk: list[Question]) -> dict[str, Outcome]:
        with self._broadcasts.held() as broadcast:
            settings, threads = self._settings, self._threads

            def ask(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
                yield from _ask_on_executor(batches, broadcast.value, settings, threads)

            frame = self._spark.createDataFrame(
                [(question.key, question.text) for question in chunk], "key string, text string"
            ).coalesce(1)
            rows = frame.mapInPandas(ask, "key string, outcome string").collect()
        return {row.key: Outcome.model_validate_json(row.outcome) for row in rows}


def _ask_on_executor(
    batches: Iterator[pd.DataFrame], access: ModelAccess, settings: ModelSettings, threads: int
) -> Iterator[pd.DataFrame]:
    import pandas as pd

    model = Model(settings)
    try:
        with ThreadPoolExecutor(max_workers=threads) as pool:
            for batch in batches:
                outcomes = pool.map(lambda text: ask_once(model, access, text).model_dump_json(), batch["text"])
                yield pd.DataFrame({"key": batch["key"], "outcome": list(outcomes)})
    finally:
        model.close()


def ask_once(model: Model, access: ModelAccess, text: str) -> Outcome:
    """One attempt, whatever happens."""
    try:
        return model.ask(access, text)
    except Exception as error:  # one message's trouble must not end the thread that others wait for
        return Outcome(verdict=Verdict.FAILING, reason=f"asking failed: {type(error).__name__}")
