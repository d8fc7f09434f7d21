"""The model's gate, over a clock that the test moves."""

from collections.abc import Iterable

import pytest

from pipeline.model.outcome import Next, Outcome, Verdict
from pipeline.replies.gates.model import ModelGate
from pipeline.replies.gates.outage import LONGEST_WAIT, GateState
from pipeline.replies.reply import Part
from pipeline.replies.work import Work
from tests.support.fakes import ManualLoop, failed, said
from tests.support.replies import accepted, answer

OPEN, CLOSED, TRIAL = GateState
UNREACHABLE = failed(Verdict.UNREACHABLE, "down")
FAILING = failed(Verdict.FAILING, "500 crashed")


class Run:
    """A gate whose chats ask again as soon as they are resumed, as the dispatcher's do."""

    def __init__(self, alive: bool | Exception = False) -> None:
        self.loop = ManualLoop()
        self.alive = alive
        self.checks = 0
        self.reports: list[str | None] = []
        self.queued: list[int] = []
        """Chats whose questions were submitted and not yet asked."""
        self.resumed: list[int] = []
        self.asked: list[int] = []
        """Chats that were resumed and admitted."""
        self.given_up: list[tuple[str, str]] = []
        self.gate = ModelGate(
            self.loop,
            most_attempts=2,
            alive=self._alive,
            report=self.reports.append,
            withdraw=self._withdraw,
            resume=self._resume,
            give_up=lambda work, outcome: self.given_up.append((work.key, outcome.reason)),
        )

    def _alive(self) -> bool:
        self.checks += 1
        if isinstance(self.alive, Exception):
            raise self.alive
        return self.alive

    def _withdraw(self) -> Iterable[int]:
        queued, self.queued = self.queued, []
        return queued

    def _resume(self, chat: int) -> None:
        self.resumed.append(chat)
        if self.gate.admits(chat):
            self.asked.append(chat)

    def fail(self, work: Work, outcome: Outcome = UNREACHABLE) -> Next:
        """An attempt fails, and its chat does what the gate says."""
        step = self.gate.judge(work, outcome)
        if step is Next.WAIT:
            self.gate.park(work.chat_id)
        return step


def work(chat: int = 1) -> Work:
    return Work(accepted(f"question {chat}", chat_id=chat, seq=chat))


@pytest.fixture
def run() -> Run:
    return Run()


# Opening and closing


def test_an_open_gate_admits_everybody(run: Run) -> None:
    assert [run.gate.admits(chat) for chat in (1, 2, 1)] == [True, True, True]
    assert (run.gate.state, run.gate.parked) == (OPEN, ())


@pytest.mark.parametrize("verdict", ["busy", "unreachable", "unauthorised", "failing", "forbidden", "unknown_model"])
def test_a_failing_model_closes_the_gate_which_is_reported_once(run: Run, verdict: str) -> None:
    assert run.fail(work(1), failed(Verdict(verdict), "why")) is Next.WAIT
    assert (run.gate.state, run.reports) == (CLOSED, ["why"])
    assert run.fail(work(2), failed(Verdict(verdict), "why, again")) is Next.WAIT
    assert run.reports == ["why"]
    assert not run.gate.admits(3)
    assert run.gate.parked == (1, 2, 3)


@pytest.mark.parametrize("verdict", [Verdict.REJECTED, Verdict.UNREADABLE])
def test_a_model_that_responds_is_no_outage_whatever_it_says(run: Run, verdict: Verdict) -> None:
    run.gate.judge(work(), failed(verdict))
    assert (run.gate.state, run.reports) == (OPEN, [])


def test_what_was_not_asked_yet_waits_with_the_others_when_the_gate_closes(run: Run) -> None:
    run.queued = [8, 9]
    run.fail(work(1))
    assert run.gate.parked == (8, 9, 1)
    run.queued = [7]
    run.fail(work(2))
    assert run.queued == [7], "only the beginning of an outage takes questions back"


def test_an_answer_opens_the_gate_and_every_parked_chat_continues(run: Run) -> None:
    for chat in (1, 2, 3):
        run.fail(work(chat))
    run.loop.advance(0.5)
    assert (run.asked, run.gate.state) == ([1], TRIAL)
    assert run.gate.judge(work(1), said("hello")) is Next.DELIVER
    assert (run.gate.state, run.reports) == (OPEN, ["down", None])
    assert (run.asked, run.gate.parked) == ([1, 2, 3], ())


@pytest.mark.parametrize("verdict", [Verdict.REJECTED, Verdict.UNREADABLE])
def test_any_response_to_the_trial_opens_the_gate(run: Run, verdict: Verdict) -> None:
    run.fail(work(1))
    run.loop.advance(0.5)
    run.gate.judge(work(1), failed(verdict))
    assert (run.gate.state, run.reports) == (OPEN, ["down", None])


def test_an_answer_to_a_question_from_before_the_outage_does_not_open_the_gate(run: Run) -> None:
    run.fail(work(1))
    run.loop.advance(0.1)
    assert run.gate.judge(work(2), said("late", seconds=3.0)) is Next.DELIVER
    assert (run.gate.state, run.gate.parked) == (CLOSED, (1,))


# Trials


def test_one_parked_chat_at_a_time_tries_and_nobody_else_is_admitted_meanwhile(run: Run) -> None:
    for chat in (1, 2, 3):
        run.fail(work(chat))
    run.loop.advance(0.49)
    assert run.resumed == []
    run.loop.advance(0.01)
    assert (run.asked, run.gate.parked) == ([1], (2, 3))
    assert not run.gate.admits(4)
    run.loop.advance(LONGEST_WAIT - 1)
    assert run.asked == [1]


def test_after_a_failed_trial_the_wait_is_longer_and_the_next_chat_tries(run: Run) -> None:
    works = {chat: work(chat) for chat in (1, 2, 3)}
    for one in works.values():
        run.fail(one)
    for wait, chat in ((0.5, 1), (1.0, 2), (2.0, 3), (4.0, 1), (8.0, 2)):
        run.loop.advance(wait - 0.01)
        assert run.gate.state is CLOSED
        run.loop.advance(0.01)
        assert (run.asked[-1], run.gate.state) == (chat, TRIAL)
        run.fail(works[chat])
    assert run.asked == [1, 2, 3, 1, 2]


def test_the_wait_that_the_model_asks_for_is_kept(run: Run) -> None:
    run.fail(work(1), failed(Verdict.BUSY, "429", retry_after=7.0))
    run.loop.advance(6.9)
    assert run.resumed == []
    run.loop.advance(0.1)
    assert run.asked == [1]


def test_a_chat_that_is_parked_while_the_gate_is_closed_tries_when_the_wait_is_over(run: Run) -> None:
    run.gate.judge(work(1), UNREACHABLE)
    run.loop.advance(0.2)
    assert not run.gate.admits(2)
    run.loop.advance(0.3)
    assert run.asked == [2]


def test_while_a_trial_does_not_end_parked_chats_look_again_now_and_then(run: Run) -> None:
    for chat in (1, 2, 3):
        run.fail(work(chat))
    run.loop.advance(0.5 + LONGEST_WAIT)
    assert (run.resumed, run.asked, run.gate.parked) == ([1, 2], [1], (3, 2))
    run.loop.advance(LONGEST_WAIT)
    assert (run.resumed, run.asked, run.gate.parked) == ([1, 2, 3], [1], (2, 3))


def test_a_timer_whose_work_an_earlier_one_has_done_does_nothing(run: Run) -> None:
    works = {chat: work(chat) for chat in (1, 2, 3)}
    for one in works.values():
        run.fail(one)
    run.loop.advance(0.5)  # the trial of chat 1; the next look is set for 20 seconds later
    run.loop.advance(0.1)
    run.fail(works[1])
    run.loop.advance(1.0)  # the trial of chat 2; the next look is set for 20 seconds later
    assert run.asked == [1, 2]
    run.loop.advance(LONGEST_WAIT - 0.5)
    assert run.resumed == [1, 2]
    run.loop.advance(0.5)
    assert run.resumed == [1, 2, 3]


def test_a_timer_that_finds_nobody_parked_does_nothing(run: Run) -> None:
    run.fail(work(1))
    run.gate.judge(work(2), said("hello"))
    assert run.resumed == [1]
    run.loop.advance(60)
    assert run.resumed == [1]


# Who is at fault


@pytest.mark.parametrize("verdict", ["busy", "unreachable", "unauthorised", "failing", "forbidden", "unknown_model"])
def test_an_outage_costs_no_message_an_attempt_however_often_it_fails(run: Run, verdict: str) -> None:
    works = [work(1), work(2)]
    for _ in range(10):
        run.loop.advance(30)
        assert [run.fail(one, failed(Verdict(verdict))) for one in works] == [Next.WAIT, Next.WAIT]
    assert [one.attempts for one in works] == [0, 0]


def test_an_unreadable_answer_counts_and_the_last_one_falls_back(run: Run) -> None:
    one = work()
    assert [run.fail(one, failed(Verdict.UNREADABLE)) for _ in range(2)] == [Next.ASK_AGAIN, Next.FALL_BACK]


def test_a_rejected_message_falls_back_at_once(run: Run) -> None:
    assert run.fail(work(), failed(Verdict.REJECTED)) is Next.FALL_BACK


def test_a_failure_counts_if_the_model_answered_another_message_since_it_was_asked(run: Run) -> None:
    one = work(1)
    run.gate.judge(work(2), said("hello"))
    assert run.fail(one, FAILING.model_copy(update={"seconds": 0.0})) is Next.WAIT, "that answer was before"
    run.loop.advance(2.0)
    run.gate.judge(work(3), said("hello"))
    run.loop.advance(1.0)
    assert run.fail(work(4), FAILING.model_copy(update={"seconds": 1.5})) is Next.ASK_AGAIN


def test_a_later_failure_counts_if_the_model_answered_another_message_since_the_one_before(run: Run) -> None:
    one = work(1)
    assert run.fail(one, FAILING) is Next.WAIT
    run.loop.advance(1.0)
    run.gate.judge(work(2), said("hello"))
    run.loop.advance(1.0)
    assert (run.fail(one, FAILING), one.attempts) == (Next.ASK_AGAIN, 1)
    run.loop.advance(1.0)
    assert (run.fail(one, FAILING), one.attempts) == (Next.WAIT, 1), "nobody was answered since"
    run.loop.advance(1.0)
    run.gate.judge(work(3), said("hello"))
    run.loop.advance(1.0)
    assert (run.fail(one, FAILING), one.attempts) == (Next.FALL_BACK, 2)


def test_the_pause_before_another_attempt_doubles_up_to_a_bound(run: Run) -> None:
    one, pauses = work(), []
    for one.attempts in range(1, 7):
        pauses.append(run.gate.pause(one))
    assert pauses == [0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


# Unconfirmed failures


def fail_twice(run: Run, one: Work) -> None:
    """A message fails, the model turns out to be alive, and it fails again; the second check is under way."""
    run.fail(one, FAILING)
    run.loop.run_job("alive")
    run.loop.advance(1.0)
    run.fail(one, FAILING)


def test_a_message_that_fails_alone_is_given_up_once_the_model_is_seen_to_be_alive(run: Run) -> None:
    run.alive = True
    one = work(1)
    run.fail(one, FAILING)
    run.loop.run_job("alive")
    assert (run.given_up, one.attempts, run.gate.state) == ([], 1, OPEN)
    assert (run.asked, run.reports) == ([1], ["500 crashed", None])
    run.loop.advance(1.0)
    run.fail(one, FAILING)
    run.loop.run_job("alive")
    assert (run.given_up, one.attempts) == ([("42:1:1:101", "500 crashed")], 2)
    assert (run.gate.state, run.gate.parked) == (OPEN, ())


@pytest.mark.parametrize("alive", [False, RuntimeError("with a secret")])
def test_nobody_is_at_fault_while_the_model_is_not_seen_to_be_alive(alive: bool | Exception) -> None:
    run, one = Run(alive), work(1)
    for count in range(1, 6):
        run.fail(one, FAILING)
        run.loop.run_job("alive")
        assert run.checks == count
        run.loop.advance(30)
    assert (run.given_up, one.attempts, run.reports) == ([], 0, ["500 crashed"])


def test_one_check_at_a_time_serves_all_unconfirmed_failures(run: Run) -> None:
    run.alive = True
    works = [work(chat) for chat in (1, 2, 3)]
    for one in works:
        run.fail(one, FAILING)
    assert run.loop.job_names == ["alive"]
    run.loop.run_job("alive")
    assert [one.attempts for one in works] == [1, 1, 1]
    run.fail(works[0], FAILING)
    assert run.loop.job_names == ["alive"]


def test_an_unreachable_model_is_not_asked_whether_it_is_alive(run: Run) -> None:
    run.fail(work(1), UNREACHABLE)
    assert run.loop.job_names == []


def test_a_failure_is_held_against_a_message_once(run: Run) -> None:
    run.alive = True
    one, other = work(1), work(2)
    run.fail(one, FAILING)
    run.loop.run_job("alive")
    run.fail(other, FAILING)
    run.loop.run_job("alive")
    assert (one.attempts, other.attempts) == (1, 1)


def test_a_message_that_was_answered_meanwhile_is_not_given_up(run: Run) -> None:
    run.alive = True
    one = work(1)
    fail_twice(run, one)
    one.answered(answer(), (Part(text="hello"),))
    run.loop.run_job("alive")
    assert (run.given_up, one.attempts) == ([], 1)


def test_a_message_that_is_being_asked_for_again_is_not_given_up_and_its_outcome_decides(run: Run) -> None:
    run.alive = True
    one = work(1)
    fail_twice(run, one)
    run.loop.advance(0.5)
    assert (run.asked, run.gate.state) == ([1, 1], TRIAL)
    run.loop.run_job("alive")
    assert (run.given_up, one.attempts) == ([], 2)
    run.loop.advance(0.1)
    assert run.gate.judge(one, failed(Verdict.UNREADABLE)) is Next.FALL_BACK


def test_a_check_that_finds_the_model_alive_opens_the_gate_for_all(run: Run) -> None:
    run.alive = True
    run.fail(work(1), FAILING)
    assert not run.gate.admits(2)
    run.loop.run_job("alive")
    assert (run.gate.state, run.asked, run.reports) == (OPEN, [1, 2], ["500 crashed", None])


# Answers that are stopped


def stopped(text: str = "") -> Outcome:
    return Outcome(verdict=Verdict.STOPPED, text=text, reason="stopped", seconds=0.5)


def test_a_stopped_answer_says_that_the_model_answers_if_it_has_words(run: Run) -> None:
    first = work(1)
    run.fail(first)
    assert run.gate.state is CLOSED
    run.loop.advance(0.5)
    assert run.asked == [1]
    assert run.gate.judge(first, stopped("so far")) is Next.DELIVER
    assert run.gate.state is OPEN


def test_one_without_a_word_ends_a_trial_and_opens_nothing(run: Run) -> None:
    first, second = work(1), work(2)
    run.fail(first)
    run.fail(second)
    run.loop.advance(0.5)
    assert (run.asked, run.gate.state) == ([1], TRIAL)
    assert run.gate.judge(first, stopped()) is Next.DELIVER
    assert run.gate.state is CLOSED
    run.loop.advance(LONGEST_WAIT)
    assert run.asked == [1, 2], "another one tries"


def test_one_without_a_word_closes_nothing(run: Run) -> None:
    assert run.gate.judge(work(1), stopped()) is Next.DELIVER
    assert (run.gate.state, run.reports) == (OPEN, [])
