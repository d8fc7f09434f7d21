"""Asking on executors: everything but Spark itself, which tests/e2e/test_distributed.py runs."""

import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import pandas as pd
import pytest
from pydantic import SecretStr
from pyspark.sql import SparkSession

from pipeline.messages.question import Question
from pipeline.model.client import ModelSettings
from pipeline.model.on_executors import DistributedAnswering, _model
from pipeline.model.outcome import Outcome, Verdict
from pipeline.model.request import Listener, Request
from pipeline.platform.credentials import Credential, CredentialError, ModelAccess
from pipeline.platform.run_secrets import RunCredentials, RunSecrets
from pipeline.storage.lease import LeaseHeld
from tests.support.fakes import failed, said
from tests.support.replies import asked
from tests.support.waiting import eventually

ACCESS = ModelAccess("http://127.0.0.1", SecretStr("old"))
RENEWED = ModelAccess("http://127.0.0.1", SecretStr("new"))


class Row(NamedTuple):
    key: str
    outcome: str


def _text(request: str) -> str:
    return Request.model_validate_json(request).question


class FakeSpark:
    """One executor. Runs the function of `mapInPandas` in this process; its broadcasts hold their value."""

    def __init__(self) -> None:
        self.sparkContext = SimpleNamespace(master="local[1]", defaultParallelism=1, broadcast=self._broadcast)
        self.secrets: list[object] = []
        """What was broadcast and not destroyed."""
        self.jobs: list[list[str]] = []
        """The texts of each job that began."""
        self.fails_with: Exception | None = None
        self.goes_on = threading.Event()
        """Cleared to hold the jobs that have begun."""
        self.goes_on.set()
        self.loses: str | None = None
        """The text whose row Spark does not return."""

    def _broadcast(self, value: object) -> Any:
        self.secrets.append(value)
        return SimpleNamespace(value=value, destroy=lambda: self.secrets.remove(value))

    def createDataFrame(self, rows: list[tuple[str, str]], schema: str) -> Any:  # noqa: N802
        def map_in_pandas(ask: Callable[[Iterator[pd.DataFrame]], Iterator[pd.DataFrame]], schema: str) -> Any:
            return SimpleNamespace(collect=lambda: self._collect(rows, ask))

        return SimpleNamespace(coalesce=lambda parts: SimpleNamespace(mapInPandas=map_in_pandas))

    def _collect(self, rows: list[tuple[str, str]], ask: Callable[..., Iterator[pd.DataFrame]]) -> list[Row]:
        self.jobs.append([_text(request) for _, request in rows])
        assert self.goes_on.wait(10)
        if self.fails_with is not None:
            raise self.fails_with
        frame = pd.DataFrame(rows, columns=["key", "request"])
        result = pd.concat(ask(iter([frame[:1], frame[1:]])))
        lost = next((key for key, request in rows if _text(request) == self.loses), None)
        return [Row(*row) for row in result.itertuples(index=False) if row[0] != lost]


class Run:
    """A DistributedAnswering over fakes, and the outcomes that it passed on."""

    def __init__(
        self,
        spark: FakeSpark,
        resolve: Callable[[], ModelAccess] = lambda: ACCESS,
        concurrency: int = 4,
        confirm: Callable[[], None] = lambda: None,
    ) -> None:
        self.outcomes: dict[str, Outcome] = {}
        credentials = RunCredentials("http://127.0.0.1", Credential(lambda: SecretStr("42:token")), Credential(resolve))
        self.answering = DistributedAnswering(
            cast("SparkSession", spark), ModelSettings("m"), credentials, concurrency, confirm
        )

    def submit(self, *texts: str) -> None:
        self.answering.submit([asked(text, seq=i) for i, text in enumerate(texts, 1)], self._done)
        eventually(lambda: len(self.outcomes) == len(texts))
        self.answering.stop()

    def _done(self, question: Question, outcome: Outcome) -> None:
        assert question.text not in self.outcomes, "one outcome for each question"
        self.outcomes[question.text] = outcome


@pytest.fixture
def spark() -> FakeSpark:
    return FakeSpark()


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[ModelSettings]]:
    """Executors have a model that says `re: <text>` and refuses the old key for `refused`; the ones that were built."""
    built: list[ModelSettings] = []

    class FakeModel:
        def __init__(self, settings: ModelSettings) -> None:
            built.append(settings)

        def ask(self, access: ModelAccess, request: Request, listener: Listener | None = None) -> Outcome:
            text = request.question
            if text == "refused" and access == ACCESS:
                return failed(Verdict.UNAUTHORISED)
            return said(f"re: {text}")

    monkeypatch.setattr("pipeline.model.on_executors.Model", FakeModel)
    _model.cache_clear()
    yield built
    _model.cache_clear()


def test_every_question_of_every_chunk_gets_its_own_outcome(spark: FakeSpark, built: list[ModelSettings]) -> None:
    run = Run(spark, concurrency=1)
    texts = [str(number) for number in range(6)]
    run.submit(*texts)
    assert {text: outcome.text for text, outcome in run.outcomes.items()} == {text: f"re: {text}" for text in texts}
    assert spark.jobs == [["0", "1", "2", "3"], ["4", "5"]]
    assert built == [ModelSettings("m")], "a worker keeps its connections from chunk to chunk"


@pytest.mark.usefixtures("built")
def test_as_many_jobs_run_at_once_as_the_executors_have_places_and_the_others_can_be_taken_back(
    spark: FakeSpark,
) -> None:
    spark.goes_on.clear()
    spark.sparkContext.defaultParallelism = 3
    run = Run(spark, concurrency=2)
    run.answering.submit([asked(str(seq), seq=seq) for seq in range(1, 20)], run._done)
    eventually(lambda: len(spark.jobs) == 2)
    assert sorted(spark.jobs) == [["1", "2", "3", "4"], ["5", "6", "7", "8"]]
    left = [question.text for question in run.answering.withdraw()]
    assert left == [str(seq) for seq in range(9, 20)]
    spark.goes_on.set()
    eventually(lambda: len(run.outcomes) == 8)
    run.answering.stop()
    assert len(spark.jobs) == 2


@pytest.mark.usefixtures("built")
def test_an_executor_that_comes_later_gets_the_chunks_that_wait(spark: FakeSpark) -> None:
    spark.goes_on.clear()
    run = Run(spark, concurrency=1)
    run.answering.submit([asked(str(seq), seq=seq) for seq in range(1, 9)], run._done)
    eventually(lambda: len(spark.jobs) == 1)
    spark.sparkContext.defaultParallelism = 3
    spark.goes_on.set()
    eventually(lambda: len(run.outcomes) == 8)
    run.answering.stop()
    assert all(outcome.verdict is Verdict.ANSWERED for outcome in run.outcomes.values())


@pytest.mark.usefixtures("built")
def test_a_refused_credential_is_renewed_and_only_the_refused_are_asked_again(spark: FakeSpark) -> None:
    given = iter([ACCESS, RENEWED])
    run = Run(spark, lambda: next(given))
    run.submit("hi", "refused")
    assert [outcome.text for outcome in run.outcomes.values()] == ["re: hi", "re: refused"]
    assert spark.jobs == [["hi", "refused"], ["refused"]]


@pytest.mark.usefixtures("built")
def test_a_credential_that_stays_refused_is_tried_once(spark: FakeSpark) -> None:
    run = Run(spark)
    run.submit("hi", "refused")
    assert [outcome.verdict for outcome in run.outcomes.values()] == ["answered", "unauthorised"]
    assert len(spark.jobs) == 1


def test_a_credential_that_cannot_be_resolved_is_an_outage(spark: FakeSpark) -> None:
    def unresolved() -> ModelAccess:
        raise CredentialError("OPENAI_API_KEY is not set")

    run = Run(spark, unresolved)
    run.submit("hi")
    assert run.outcomes == {"hi": Outcome(verdict=Verdict.UNAUTHORISED, reason="OPENAI_API_KEY is not set")}


def test_a_job_that_fails_gives_each_of_its_questions_an_outcome_without_its_text(spark: FakeSpark) -> None:
    spark.fails_with = RuntimeError("with a secret")
    run = Run(spark)
    run.submit("1", "2")
    reason = "the cluster's job failed: RuntimeError"
    assert run.outcomes == {text: Outcome(verdict=Verdict.FAILING, reason=reason) for text in ("1", "2")}


@pytest.mark.usefixtures("built")
def test_a_row_that_spark_does_not_return_fails_and_the_others_are_answered(spark: FakeSpark) -> None:
    spark.loses = "2"
    run = Run(spark)
    run.submit("1", "2")
    assert [outcome.verdict for outcome in run.outcomes.values()] == ["answered", "failing"]


def test_a_run_that_has_lost_its_storage_asks_nothing(spark: FakeSpark) -> None:
    def lost() -> None:
        raise LeaseHeld("another pipeline runs on this storage")

    run = Run(spark, confirm=lost)
    run.submit("hi")
    reason = "not asked: another pipeline runs on this storage"
    assert run.outcomes == {"hi": Outcome(verdict=Verdict.UNREACHABLE, reason=reason)}
    assert spark.jobs == []


def test_a_spark_that_is_gone_fails_the_questions_and_keeps_none(spark: FakeSpark) -> None:
    del spark.sparkContext.defaultParallelism
    spark.fails_with = ConnectionRefusedError()
    run = Run(spark)
    run.submit("1", "2")
    assert [outcome.verdict for outcome in run.outcomes.values()] == ["failing", "failing"]


def test_without_a_thread_for_a_job_its_questions_fail(spark: FakeSpark, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_thread(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", no_thread)
    run = Run(spark, concurrency=1)
    run.submit(*(str(number) for number in range(6)))
    assert {outcome.verdict for outcome in run.outcomes.values()} == {Verdict.FAILING}
    assert spark.jobs == []


@pytest.mark.usefixtures("built")
def test_a_job_reads_all_secrets_from_one_broadcast_which_ends_with_the_run(spark: FakeSpark) -> None:
    run = Run(spark)
    run.answering.submit([asked("hi")], run._done)
    eventually(lambda: len(run.outcomes) == 1)
    assert spark.secrets == [RunSecrets("http://127.0.0.1", SecretStr("42:token"), ACCESS)]
    run.answering.stop()
    assert spark.secrets == []


def test_after_a_stop_no_further_job_begins(spark: FakeSpark) -> None:
    run = Run(spark)
    run.answering.stop()
    run.answering.submit([asked("late")], run._done)
    assert (spark.jobs, run.outcomes) == ([], {})
