"""Telegram's gate, over a clock that the test moves."""

import pytest

from pipeline.replies.delivery import Effect, Sending
from pipeline.replies.gates.outage import LONGEST_WAIT, GateState
from pipeline.replies.gates.telegram import MOST_REQUESTS, Admission, TelegramGate
from pipeline.replies.reply import Reply
from tests.support.fakes import ManualLoop
from tests.support.replies import answered

OPEN, CLOSED, TRIAL = GateState
NOW, PLACE, PACE, OUTAGE = Admission


class Run:
    """A gate, and the chats that it resumed."""

    def __init__(self, send_rate: float = 1_000_000.0) -> None:
        self.loop = ManualLoop()
        self.reports: list[str | None] = []
        self.resumed: list[int] = []
        self.down: str | None = None
        """What the probe finds."""
        self.gate = TelegramGate(
            self.loop,
            send_rate=send_rate,
            probe=lambda: self.down,
            report=self.reports.append,
            resume=self.resumed.append,
        )

    def admit(self, *chats: int) -> list[Admission]:
        self.loop.advance(0.001)  # past the pace over all chats
        return [self.gate.admit(reply(chat)) for chat in chats]

    def end(self, chat: int, effect: Effect = Effect.NONE, reason: str = "", wait: float | None = None) -> None:
        self.gate.ended(Sending(reply(chat), effect, reason, wait))


def reply(chat: int, chat_type: str = "private") -> Reply:
    return answered("hello", chat_id=chat, seq=chat, chat_type=chat_type)


@pytest.fixture
def run() -> Run:
    return Run()


# Places


def test_no_more_requests_are_admitted_at_once_than_the_bound_and_no_outcome_more_can_be_unknown(run: Run) -> None:
    assert MOST_REQUESTS == 32
    assert run.admit(*range(100, 134)) == [NOW] * 32 + [PLACE] * 2
    assert run.gate.requests == 32


def test_each_request_that_ends_lets_the_chat_continue_that_waits_longest_for_a_place(run: Run) -> None:
    run.admit(*range(100, 134))
    run.end(100)
    assert run.resumed == [100, 132]
    assert run.gate.requests == 31
    assert run.admit(132) == [NOW]
    run.end(101, Effect.HOLD, "429", 5.0)
    assert run.resumed == [100, 132, 133]


# Pace


def test_a_chat_gets_five_messages_in_five_seconds(run: Run) -> None:
    for _ in range(5):
        assert run.admit(7) == [NOW]
        run.end(7)
    assert run.admit(7) == [PACE]
    resumed = len(run.resumed)
    run.loop.advance(4.99)
    assert len(run.resumed) == resumed
    run.loop.advance(0.01)
    assert len(run.resumed) == resumed + 1
    assert run.admit(7, 8) == [NOW, NOW]
    assert run.gate.requests == 2, "what the pace holds back is no request"


def test_the_rate_over_all_chats_is_kept() -> None:
    run = Run(send_rate=10.0)
    assert run.admit(1, 2) == [NOW, PACE]
    run.loop.advance(0.1)
    assert run.resumed == [2]


def test_a_group_gets_twenty_messages_a_minute(run: Run) -> None:
    admissions = []
    for _ in range(21):
        admissions.append(run.gate.admit(reply(5, "group")))
        run.loop.advance(1.0)
    assert admissions == [NOW] * 20 + [PACE]


# Telegram's answers


def test_a_chat_that_telegram_asks_to_wait_waits_alone(run: Run) -> None:
    run.admit(1)
    run.end(1, Effect.HOLD, "429", 5.0)
    assert (run.resumed, run.gate.state, run.reports) == ([], OPEN, [])
    assert run.admit(1, 2) == [PACE, NOW]
    run.loop.advance(4.9)
    assert run.resumed == []
    run.loop.advance(0.1)
    assert run.resumed == [1, 1]
    assert run.admit(1) == [NOW]


def test_where_telegram_does_not_say_how_long_a_chat_waits_a_second(run: Run) -> None:
    run.admit(1)
    run.end(1, Effect.HOLD, "429")
    run.loop.advance(0.9)
    assert run.resumed == []
    run.loop.advance(0.1)
    assert run.resumed == [1]


def test_a_refused_reply_closes_no_gate(run: Run) -> None:
    run.admit(1)
    run.gate.ended(Sending(reply(1).dead("403 blocked")))
    assert (run.gate.state, run.resumed, run.reports) == (OPEN, [1], [])


def test_a_part_that_could_not_be_recorded_is_tried_again_a_second_later_and_is_no_outage(run: Run) -> None:
    run.admit(1)
    run.end(1, Effect.NOT_RECORDED, "No space left on device")
    assert (run.gate.state, run.gate.requests, run.resumed) == (OPEN, 0, [])
    run.loop.advance(0.9)
    assert run.resumed == []
    run.loop.advance(0.1)
    assert (run.resumed, run.reports) == ([1], [])


# Outages


@pytest.mark.parametrize("effect", [Effect.OUTAGE, Effect.TOKEN_REJECTED])
def test_an_outage_closes_the_gate_for_all_and_is_reported_once(run: Run, effect: Effect) -> None:
    run.admit(1, 2)
    run.end(1, effect, "cut")
    run.end(2, effect, "cut, too")
    assert (run.gate.state, run.reports, run.resumed) == (CLOSED, ["cut"], [1, 2])
    assert run.admit(1, 2, 3) == [OUTAGE, OUTAGE, OUTAGE]
    assert run.gate.requests == 0


def test_after_the_wait_a_harmless_request_tries_and_its_answer_lets_all_continue(run: Run) -> None:
    run.admit(1)
    run.end(1, Effect.OUTAGE, "cut")
    run.admit(1, 2)
    run.resumed.clear()
    run.loop.advance(0.49)
    assert run.loop.job_names == []
    run.loop.advance(0.01)
    assert (run.loop.job_names, run.gate.state) == (["probe"], TRIAL)
    assert run.admit(3) == [OUTAGE], "nothing is sent while it tries"
    run.loop.run_job("probe")
    assert (run.gate.state, run.resumed, run.reports) == (OPEN, [1, 2, 3], ["cut", None])
    run.loop.advance(60)
    assert (run.loop.job_names, run.resumed) == ([], [1, 2, 3]), "nothing is left of the outage"


def test_a_harmless_request_that_fails_is_made_again_after_a_longer_wait(run: Run) -> None:
    run.admit(1)
    run.end(1, Effect.OUTAGE, "cut")
    run.down = "refused"
    for wait in (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, LONGEST_WAIT, LONGEST_WAIT):
        run.loop.advance(wait - 0.01)
        assert run.loop.job_names == []
        run.loop.advance(0.01)
        run.loop.run_job("probe")
        assert run.gate.state is CLOSED
    assert run.reports == ["cut"]
    run.down = None
    run.loop.advance(LONGEST_WAIT)
    run.loop.run_job("probe")
    assert (run.gate.state, run.reports) == (OPEN, ["cut", None])


def test_a_response_to_a_request_from_before_the_outage_does_not_open_the_gate(run: Run) -> None:
    run.admit(1, 2)
    run.end(1, Effect.OUTAGE, "cut")
    run.end(2)
    assert (run.gate.state, run.admit(2)) == (CLOSED, [OUTAGE])


def test_a_request_that_fails_while_the_trial_is_under_way_loses_no_chat(run: Run) -> None:
    run.admit(1, 2)
    run.end(1, Effect.OUTAGE, "cut")
    run.admit(1)
    run.loop.advance(0.5)
    run.end(2, Effect.OUTAGE, "cut")
    run.admit(2)
    run.down = "refused"
    run.loop.run_job("probe")
    assert run.gate.state is CLOSED
    run.down = None
    run.loop.advance(1.0)
    run.loop.run_job("probe")
    assert (run.gate.state, run.resumed) == (OPEN, [1, 2, 1, 2])
