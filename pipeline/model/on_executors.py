"""Asking the model on the executors of a cluster, by `mapInPandas` with broadcast credentials."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from pipeline.messages.question import Question
from pipeline.model.answering import REFUSALS, Done, ask_once
from pipeline.model.client import Model, ModelSettings
from pipeline.model.outcome import Outcome, Verdict
from pipeline.platform.credentials import BroadcastAccess, Credential, CredentialError, ModelAccess

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import SparkSession


class DistributedAnswering:
    """`mapInPandas` over the executors: several chunk jobs at once, whose outcomes are passed on as each one ends.

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
        """Nothing: Spark has all chunks."""
        return []

    def stop(self) -> None:
        """Begin no further job. A later `submit` raises RuntimeError."""
        self._stopped = True
        self._jobs.shutdown(wait=False, cancel_futures=True)

    def _run(self, chunk: list[Question], done: Done) -> None:
        outcomes: dict[str, Outcome] = {}
        fault = Outcome(verdict=Verdict.FAILING, reason="the cluster brought no outcome")
        if not self._stopped:
            try:
                outcomes = self._ask_with_current_access(chunk)
            except CredentialError as error:
                fault = Outcome(verdict=Verdict.UNAUTHORISED, reason=str(error))
            except Exception as error:  # whatever it is, the job's questions must not be lost
                fault = Outcome(verdict=Verdict.FAILING, reason=f"the cluster's job failed: {type(error).__name__}")
        for question in chunk:
            done(question, outcomes.get(question.key, fault))

    def _ask_with_current_access(self, chunk: list[Question]) -> dict[str, Outcome]:
        access = self._access.current()
        outcomes = self._collect(chunk)
        refused = [q for q in chunk if q.key in outcomes and outcomes[q.key].verdict in REFUSALS]
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
