"""When a service that fails may be tried."""

from pipeline.replies.gates.outage import LONGEST_WAIT, GateState, Outage


def test_a_service_that_answers_admits_every_call() -> None:
    outage = Outage()
    assert [outage.admits(now) for now in (0.0, 0.0, 1.0)] == [True, True, True]


def test_an_outage_is_news_once_and_its_end_too() -> None:
    outage = Outage()
    assert [outage.failed(10.0, "down"), outage.failed(10.1, "still down")] == [True, False]
    assert outage.reason == "still down"
    assert outage.admits(10.5)
    assert [outage.answered(10.5), outage.answered(10.6)] == [True, False]
    assert outage.reason is None
    assert outage.failed(11.0, "down")


def test_one_trial_at_a_time_after_the_wait() -> None:
    outage = Outage()
    outage.failed(10.0, "down")
    assert [outage.admits(now) for now in (10.0, 10.49, 10.5, 10.5, 99.0)] == [False, False, True, False, False]
    outage.failed(11.0, "down")
    assert [outage.admits(now) for now in (11.9, 12.0)] == [False, True]


def test_the_wait_doubles_up_to_a_bound_and_begins_again_after_an_answer() -> None:
    outage, now, waits = Outage(), 0.0, []
    for _ in range(9):
        outage.failed(now, "down")
        waits.append(outage.next_trial - now)
        now = outage.next_trial
        assert outage.admits(now)
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, LONGEST_WAIT, LONGEST_WAIT, LONGEST_WAIT]
    outage.answered(now)
    outage.failed(now, "down")
    assert outage.next_trial - now == 0.5


def test_the_wait_that_the_service_asks_for_counts() -> None:
    outage = Outage()
    outage.failed(10.0, "busy", 7.0)
    assert outage.next_trial == 17.0


def test_calls_that_were_under_way_do_not_lengthen_the_wait() -> None:
    outage = Outage()
    for i in range(20):
        outage.failed(10.0 + i / 100, "down")
    assert outage.next_trial == 10.5


def test_an_answer_to_a_call_from_before_the_outage_does_not_end_it() -> None:
    outage = Outage()
    outage.failed(10.0, "down")
    assert not outage.answered(9.0)
    assert outage.reason == "down"


def test_the_states_have_names() -> None:
    outage, states = Outage(), list[GateState]()
    states.append(outage.state)
    outage.failed(10.0, "down")
    states.append(outage.state)
    outage.admits(10.5)
    states.append(outage.state)
    outage.failed(11.0, "down")
    states.append(outage.state)
    outage.admits(12.0)
    outage.answered(12.0)
    states.append(outage.state)
    assert states == ["open", "closed", "trial", "closed", "open"]


def test_a_call_from_before_the_outage_that_fails_later_does_not_end_a_trial() -> None:
    outage = Outage()
    outage.failed(10.0, "down")
    outage.admits(10.5)
    assert not outage.failed(11.0, "no answer in time", began=9.0)
    assert (outage.state, outage.reason) == (GateState.TRIAL, "down")
