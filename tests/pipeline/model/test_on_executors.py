"""Asking on executors: everything but Spark itself, which tests/e2e/test_distributed.py runs."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import pandas as pd
import pytest
from pydantic import SecretStr
from pyspark.sql import SparkSession

from pipeline.messages.question import Question
from pipeline.model.client import ModelSettings
from pipeline.model.on_executors import DistributedAnswering
from pipeline.model.outcome import Outcome, Verdict
from pipeline.platform.credentials import Credential, CredentialError, ModelAccess
from tests.support.fakes import failed, said
from tests.support.replies import question
from tests.support.waiting import eventually

ACCESS = ModelAccess("http://127.0.0.1", SecretStr("old"))
RENEWED = ModelAccess("http://127.0.0.1", SecretStr("new"))


class Row(NamedTuple):
    key: str
    outcome: str


class FakeSpark:
    """Runs the function of `mapInPandas` in this process; its broadcasts hold their value."""

    def __init__(self) -> None:
        self.sparkContext = SimpleNamespace(defaultParallelism=2, broadcast=self._broadcast)
        self.jobs: list[list[str]] = []
        """The texts of each job that began."""
        self.fails_with: Exception | None = None
        self.loses: str | None = None
        """The text whose row Spark does not return."""

    def _broadcast(self, value: object) -> Any:
        return SimpleNamespace(value=value, destroy=lambda: None)

    def createDataFrame(self, rows: list[tuple[str, str]], schema: str) -> Any:  # noqa: N802
        def map_in_pandas(ask: Callable[[Iterator[pd.DataFrame]], Iterator[pd.DataFrame]], schema: str) -> Any:
            return SimpleNamespace(collect=lambda: self._collect(rows, ask))

        return SimpleNamespace(coalesce=lambda parts: SimpleNamespace(mapInPandas=map_in_pandas))

    def _collect(self, rows: list[tuple[str, str]], ask: Callable[..., Iterator[pd.DataFrame]]) -> list[Row]:
        self.jobs.append([text for _, text in rows])
        if self.fails_with is not None:
            raise self.fails_with
        frame = pd.DataFrame(rows, columns=["key", "text"])
        result = pd.concat(ask(iter([frame[:1], frame[1:]])))
        lost = next((key for key, text in rows if text == self.loses), None)
        return [Row(*row) for row in result.itertuples(index=False) if row[0] != lost]


class Run:
    """A DistributedAnswering over fakes, and the outcomes that it passed on."""

    def __init__(self, spark: FakeSpark, resolve: Callable[[], ModelAccess] = lambda: ACCESS, **more: Any) -> None:
        self.outcomes: dict[str, Outcome] = {}
        self.answering = DistributedAnswering(
            cast("SparkSession", spark), ModelSettings("m"), Credential(resolve), 4, **more
        )

    def submit(self, *texts: str) -> None:
        self.answering.submit([question(text, seq=i) for i, text in enumerate(texts, 1)], self._done)
        eventually(lambda: len(self.outcomes) == len(texts))
        self.answering.stop()

    def _done(self, question: Question, outcome: Outcome) -> None:
        assert question.text not in self.outcomes, "one outcome for each question"
        self.outcomes[question.text] = outcome


@pytest.fixture
def spark() -> FakeSpark:
    return FakeSpark()


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> list[ModelSettings]:
    """Executors have a model that says `re: <text>` and refuses the old key for `refused`; the closed ones."""
    closed: list[ModelSettings] = []

    class FakeModel:
        def __init__(self, settings: ModelSettings) -> None:
            self._settings = settings

        def ask(self, access: ModelAccess, text: str) -> Outcome:
            if text == "refused" and access == ACCESS:
                return failed(Verdict.UNAUTHORISED)
            return said(f"re: {text}")

        def close(self) -> None:
            closed.append(self._settings)

    monkeypatch.setattr("pipeline.model.on_executors.Model", FakeModel)
    return closed


def test_every_question_of_every_chunk_gets_its_own_outcome(spark: FakeSpark, closed: list[ModelSettings]) -> None:
    run = Run(spark, rows_per_chunk=2)
    texts = [str(number) for number in range(5)]
    run.submit(*texts)
    assert {text: outcome.text for text, outcome in run.outcomes.items()} == {text: f"re: {text}" for text in texts}
    assert sorted(spark.jobs) == [["0", "1"], ["2", "3"], ["4"]]
    assert closed == [ModelSettings("m")] * 3


@pytest.mark.usefixtures("closed")
def test_a_refused_credential_is_renewed_and_only_the_refused_are_asked_again(spark: FakeSpark) -> None:
    given = iter([ACCESS, RENEWED])
    run = Run(spark, lambda: next(given))
    run.submit("hi", "refused")
    assert [outcome.text for outcome in run.outcomes.values()] == ["re: hi", "re: refused"]
    assert spark.jobs == [["hi", "refused"], ["refused"]]


@pytest.mark.usefixtures("closed")
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


@pytest.mark.usefixtures("closed")
def test_a_row_that_spark_does_not_return_fails_and_the_others_are_answered(spark: FakeSpark) -> None:
    spark.loses = "2"
    run = Run(spark)
    run.submit("1", "2")
    assert [outcome.verdict for outcome in run.outcomes.values()] == ["answered", "failing"]


def test_spark_has_all_chunks_so_that_nothing_can_be_taken_back(spark: FakeSpark) -> None:
    assert Run(spark).answering.withdraw() == []


def test_after_a_stop_no_further_job_begins(spark: FakeSpark) -> None:
    run = Run(spark)
    run.answering.stop()
    with pytest.raises(RuntimeError):
        run.answering.submit([question("late")], run._done)
    assert spark.jobs == []
