"""Asking the model on the executors of a cluster, by `mapInPandas` with broadcast credentials."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from pipeline.errors import OperatorError
from pipeline.messages.question import Question
from pipeline.model.answering import REFUSALS, Done, ask_once
from pipeline.model.client import Model, ModelSettings
from pipeline.model.distribution import Layout, chunk_size, layout
from pipeline.model.outcome import Outcome, Verdict
from pipeline.model.request import Asked, Request
from pipeline.platform.credentials import CredentialError, ModelAccess
from pipeline.platform.executors import executors_of
from pipeline.platform.run_secrets import BroadcastSecrets, RunCredentials

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import SparkSession


class DistributedAnswering:
    """`mapInPandas` over the executors: several chunk jobs at once, whose outcomes are passed on as each one ends.

    Each worker reads the model's address and bearer from a broadcast. A refused credential is a row's outcome, not a
    task's failure, and a task that Spark runs again only asks again: nothing is sent or stored on an executor.

    Thread-safe. Each job has a thread of its own. What waits, the number of jobs and the flag of the stop are used
    under the lock only.
    """

    def __init__(
        self,
        spark: SparkSession,
        settings: ModelSettings,
        credentials: RunCredentials,
        concurrency: int,
        confirm: Callable[[], None] = lambda: None,
    ) -> None:
        """`concurrency`: model calls at once on each executor.

        `confirm` is called by any thread before a job. It raises what `Lease.confirm` raises.
        """
        self._spark = spark
        self._settings = settings
        self._credentials = credentials
        self._concurrency = concurrency
        self._confirm = confirm
        self._broadcasts = BroadcastSecrets(spark.sparkContext, credentials)
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Asked, Done]] = deque()
        self._jobs = 0
        self._stopped = False

    def submit(self, asked: Sequence[Asked], done: Done) -> None:
        with self._lock:
            self._waiting.extend((each, done) for each in asked)
            self._begin_jobs()

    def withdraw(self) -> list[Question]:
        with self._lock:
            waiting = [asked.question for asked, _ in self._waiting]
            self._waiting.clear()
        return waiting

    def stop(self) -> None:
        """Begin no further job; those under way are abandoned. The secrets leave a cluster that outlives the run."""
        with self._lock:
            self._stopped = True
            self._waiting.clear()
        with contextlib.suppress(Exception):  # a JVM that is gone has no broadcast left
            self._broadcasts.close()

    def _begin_jobs(self) -> None:
        """Give each free place the next chunk. The executors are counted each time, since they come and go."""
        while self._waiting and not self._stopped:
            plan = self._layout()
            if self._jobs >= plan.jobs:
                return
            size = min(chunk_size(len(self._waiting), plan), len(self._waiting))
            chunk = [self._waiting.popleft() for _ in range(size)]
            try:
                # A daemon thread: a job that is abandoned at a stop must not hold the process.
                threading.Thread(target=self._run, args=(chunk, plan.threads), name="chunk", daemon=True).start()
                self._jobs += 1
            except RuntimeError:  # the machine has no thread left
                fault = Outcome(verdict=Verdict.FAILING, reason="no thread could be started to ask the model")
                for asked, done in chunk:
                    done(asked.question, fault)

    def _layout(self) -> Layout:
        try:
            return layout(executors_of(self._spark), self._concurrency)
        except Exception:  # Spark is gone, and so is the next job: its questions get an outcome that says so
            return Layout(1, self._concurrency)

    def _run(self, chunk: list[tuple[Asked, Done]], threads: int) -> None:
        outcomes: dict[str, Outcome] = {}
        fault = Outcome(verdict=Verdict.FAILING, reason="the cluster brought no outcome")
        try:
            self._confirm()
        except (OperatorError, OSError) as error:
            fault = Outcome(verdict=Verdict.UNREACHABLE, reason=f"not asked: {error}")
        else:
            try:
                outcomes = self._ask_with_current_access([asked for asked, _ in chunk], threads)
            except CredentialError as error:
                fault = Outcome(verdict=Verdict.UNAUTHORISED, reason=str(error))
            except Exception as error:  # whatever it is, the job's questions must not be lost
                fault = Outcome(verdict=Verdict.FAILING, reason=f"the cluster's job failed: {type(error).__name__}")
        with self._lock:
            self._jobs -= 1
            self._begin_jobs()
        for asked, done in chunk:
            done(asked.question, outcomes.get(asked.question.key, fault))

    def _ask_with_current_access(self, chunk: list[Asked], threads: int) -> dict[str, Outcome]:
        access, outcomes = self._collect(chunk, threads)
        refused = [each for each in chunk if _verdict(outcomes, each.question) in REFUSALS]
        if refused and self._credentials.model.refresh(access):
            outcomes |= self._collect(refused, threads)[1]
        return outcomes

    def _collect(self, chunk: list[Asked], threads: int) -> tuple[ModelAccess, dict[str, Outcome]]:
        """The access that a job asked with, and what came of it."""
        settings = self._settings
        with self._broadcasts.held() as (secrets, broadcast):

            def ask(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
                yield from _ask_on_executor(batches, broadcast.value.model, settings, threads)

            frame = self._spark.createDataFrame(
                [(asked.question.key, asked.request.model_dump_json()) for asked in chunk], "key string, request string"
            ).coalesce(1)
            rows = frame.mapInPandas(ask, "key string, outcome string").collect()
        return secrets.model, {row.key: Outcome.model_validate_json(row.outcome) for row in rows}


def _verdict(outcomes: Mapping[str, Outcome], question: Question) -> Verdict | None:
    outcome = outcomes.get(question.key)
    return outcome.verdict if outcome is not None else None


def _ask_on_executor(
    batches: Iterator[pd.DataFrame], access: ModelAccess, settings: ModelSettings, threads: int
) -> Iterator[pd.DataFrame]:
    import pandas as pd

    model = _model(settings)
    with ThreadPoolExecutor(max_workers=threads) as pool:
        for batch in batches:
            outcomes = pool.map(
                lambda request: ask_once(model, access, Request.model_validate_json(request)).model_dump_json(),
                batch["request"],
            )
            yield pd.DataFrame({"key": batch["key"], "outcome": list(outcomes)})


@functools.lru_cache(maxsize=1)
def _model(settings: ModelSettings) -> Model:
    """The client of this worker process, for all of its chunks: its connections and what it knows of the server stay.

    A worker runs one task at a time, and ends when it has had none for a minute.
    """
    return Model(settings)
