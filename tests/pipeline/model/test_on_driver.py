"""Asking on the driver, in threads."""

import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from pydantic import SecretStr

from pipeline.errors import OperatorError
from pipeline.messages.question import Question
from pipeline.model.client import Model
from pipeline.model.on_driver import DriverAnswering, Stragglers
from pipeline.model.outcome import Outcome, Verdict
from pipeline.model.request import Listener, Request
from pipeline.platform.credentials import Credential, CredentialError, ModelAccess
from tests.support.fakes import failed, said
from tests.support.replies import asked
from tests.support.waiting import eventually

ACCESS = ModelAccess("http://127.0.0.1", SecretStr("old"))
RENEWED = ModelAccess("http://127.0.0.1", SecretStr("new"))


class FakeModel:
    """Says `re: <text>`; texts in `held` wait until they are released."""

    def __init__(self) -> None:
        self.held: dict[str, threading.Event] = {}
        self.refused: ModelAccess | None = None
        self.raises: Exception | None = None
        self.asked: list[str] = []
        self.running = self.most_running = 0
        self._lock = threading.Lock()

    def hold(self, *texts: str) -> None:
        self.held |= {text: threading.Event() for text in texts}

    def ask(self, access: ModelAccess, request: Request, listener: Listener | None = None) -> Outcome:
        text = request.question
        with self._lock:
            self.asked.append(text)
            self.running += 1
            self.most_running = max(self.most_running, self.running)
        try:
            if text in self.held:
                assert self.held[text].wait(10)
            if self.raises is not None:
                raise self.raises
            if access == self.refused:
                return failed(Verdict.UNAUTHORISED)
            return said(f"re: {text}")
        finally:
            with self._lock:
                self.running -= 1


class Run:
    """A DriverAnswering over a fake model, and the outcomes that it passed on."""

    def __init__(self, places: int = 2, resolve: Callable[[], ModelAccess] = lambda: ACCESS) -> None:
        self.model = FakeModel()
        self.outcomes: dict[str, list[Outcome]] = {}
        self.answering = DriverAnswering(cast("Model", self.model), Credential(resolve), places)

    def submit(self, *texts: str) -> None:
        self.answering.submit([asked(text, seq=i) for i, text in enumerate(texts, 1)], self._done)

    def _done(self, question: Question, outcome: Outcome) -> None:
        self.outcomes.setdefault(question.text, []).append(outcome)

    def outcome(self, text: str) -> Outcome:
        eventually(lambda: text in self.outcomes)
        (outcome,) = self.outcomes[text]
        return outcome


@pytest.fixture
def start() -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def start(*arguments: Any) -> Run:
        runs.append(Run(*arguments))
        return runs[-1]

    yield start
    for run in runs:
        run.answering.stop()
        for held in run.model.held.values():
            held.set()


Start = Callable[..., Run]


def test_every_question_gets_one_outcome(start: Start) -> None:
    run = start(8)
    texts = [f"question {i}" for i in range(40)]
    run.submit(*texts)
    eventually(lambda: len(run.outcomes) == 40)
    assert {text: [outcome.text for outcome in run.outcomes[text]] for text in texts} == {
        text: [f"re: {text}"] for text in texts
    }
    assert run.model.most_running <= 8


def test_a_fast_answer_is_handed_on_while_a_slow_one_is_awaited(start: Start) -> None:
    run = start(2)
    run.model.hold("slow")
    run.submit("slow", "fast", "faster")
    assert run.outcome("faster").text == "re: faster"
    assert "slow" not in run.outcomes
    run.model.held["slow"].set()
    assert run.outcome("slow").text == "re: slow"


def test_no_more_calls_run_at_once_than_there_are_places(start: Start) -> None:
    run = start(3)
    texts = [str(i) for i in range(9)]
    run.model.hold(*texts)
    run.submit(*texts)
    eventually(lambda: run.model.running == 3)
    assert run.model.asked == ["0", "1", "2"]
    for held in run.model.held.values():
        held.set()
    eventually(lambda: len(run.outcomes) == 9)
    assert run.model.most_running == 3


def test_a_renewed_credential_is_tried_at_once(start: Start) -> None:
    given = iter([ACCESS, RENEWED])
    run = start(1, lambda: next(given))
    run.model.refused = ACCESS
    run.submit("hi")
    assert run.outcome("hi").verdict is Verdict.ANSWERED
    assert run.model.asked == ["hi", "hi"]


def test_a_credential_that_stays_refused_is_tried_once(start: Start) -> None:
    run = start()
    run.model.refused = ACCESS
    run.submit("hi")
    assert run.outcome("hi").verdict is Verdict.UNAUTHORISED
    assert run.model.asked == ["hi"]


def test_a_credential_that_cannot_be_resolved_is_an_outage_and_not_the_messages_fault(start: Start) -> None:
    def unresolved() -> ModelAccess:
        raise CredentialError("OPENAI_API_KEY is not set")

    run = start(1, unresolved)
    run.submit("hi")
    assert run.outcome("hi") == Outcome(verdict=Verdict.UNAUTHORISED, reason="OPENAI_API_KEY is not set")
    assert run.model.asked == []


def test_any_error_while_asking_is_an_outcome_without_its_text(start: Start) -> None:
    run = start(1)
    run.model.raises = RuntimeError("with a secret in it")
    run.submit("hi", "again")
    assert run.outcome("hi") == Outcome(verdict=Verdict.FAILING, reason="asking failed: RuntimeError")
    assert run.outcome("again").verdict is Verdict.FAILING


def test_an_access_that_breaks_is_an_outcome_without_its_text(start: Start) -> None:
    def breaks() -> ModelAccess:
        raise KeyError("with a secret")

    run = start(1, breaks)
    run.submit("hi")
    assert run.outcome("hi") == failed(Verdict.FAILING, "asking failed: KeyError")


def test_a_machine_without_threads_ends_no_answering(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    run = start(1)
    begin = threading.Thread.start

    def start_thread(thread: threading.Thread) -> None:
        if thread.name == "ask" and "hi" not in run.outcomes:
            raise RuntimeError("can't start new thread")
        begin(thread)

    monkeypatch.setattr(threading.Thread, "start", start_thread)
    run.submit("hi", "next")
    assert run.outcome("hi") == failed(Verdict.FAILING, "no thread could be started to ask the model")
    assert run.outcome("next").text == "re: next"


def test_after_a_stop_no_further_call_begins(start: Start) -> None:
    run = start(1)
    run.model.hold("under way")
    run.submit("under way", "waiting")
    eventually(lambda: run.model.running == 1)
    run.answering.stop()
    run.submit("late")
    run.model.held["under way"].set()
    assert run.outcome("under way").text == "re: under way"
    eventually(lambda: run.model.running == 0)
    assert run.model.asked == ["under way"]


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def calls(stragglers: Stragglers, clock: Clock, count: int, seconds: float) -> None:
    for call in range(-count, 0):
        stragglers.begin(call)
        clock.seconds += seconds
        stragglers.end(call)


def test_a_call_holds_its_place_until_it_takes_four_times_as_long_as_others() -> None:
    clock = Clock()
    stragglers = Stragglers(2, clock)
    calls(stragglers, clock, 10, 0.5)
    stragglers.begin(1)
    stragglers.begin(2)
    assert (stragglers.patience, stragglers.free) == (2.0, 0)
    clock.seconds += 2.0
    assert stragglers.free == 0
    clock.seconds += 0.1
    assert stragglers.free == 2


def test_before_ten_calls_have_ended_the_patience_is_five_seconds_and_never_below_one() -> None:
    clock = Clock()
    stragglers = Stragglers(2, clock)
    calls(stragglers, clock, 9, 0.01)
    assert stragglers.patience == 5.0
    calls(stragglers, clock, 1, 0.01)
    assert stragglers.patience == 1.0


def test_at_most_as_many_stragglers_are_let_go_as_there_are_places() -> None:
    clock = Clock()
    stragglers = Stragglers(2, clock)
    for call in range(4):
        stragglers.begin(call)
        clock.seconds += 10
    assert stragglers.free == 0
    stragglers.end(0)
    assert stragglers.free == 1


@pytest.mark.parametrize("error", [OperatorError("taken over"), OSError(5, "Input/output error")])
def test_a_run_that_may_have_lost_its_storage_asks_nothing(error: Exception) -> None:
    def taken() -> None:
        raise error

    model = FakeModel()
    outcomes: list[Outcome] = []
    answering = DriverAnswering(cast("Model", model), Credential(lambda: ACCESS), 2, confirm=taken)
    answering.submit([asked()], lambda _, outcome: outcomes.append(outcome))
    eventually(lambda: len(outcomes) == 1)
    assert (outcomes[0].verdict, outcomes[0].reason) == (Verdict.UNREACHABLE, f"not asked: {error}")
    assert model.asked == []
    answering.stop()
