"""What the attempts at an answer count as."""

import pytest

from pipeline.limits.charge import Charge, Tokens, cost_of
from pipeline.model.outcome import Outcome, Verdict
from tests.support.fakes import failed, said
from tests.support.replies import NOON

MOST = Tokens(prompt=100, completion=50)


def test_an_attempt_that_has_ended_costs_what_the_model_says() -> None:
    assert cost_of(said("hello"), MOST) == Tokens(prompt=3, completion=2)


@pytest.mark.parametrize("verdict", [Verdict.FAILING, Verdict.UNREADABLE, Verdict.ANSWERED, Verdict.REJECTED])
def test_an_attempt_that_says_no_cost_counts_as_all_that_was_reserved(verdict: Verdict) -> None:
    assert cost_of(Outcome(verdict=verdict), MOST) == MOST
    assert cost_of(Outcome(verdict=verdict, prompt_tokens=3), MOST) == MOST


@pytest.mark.parametrize("verdict", [Verdict.UNREACHABLE, Verdict.BUSY, Verdict.UNAUTHORISED, Verdict.FORBIDDEN])
def test_an_attempt_that_reached_no_model_is_free_of_charge(verdict: Verdict) -> None:
    assert cost_of(failed(verdict), MOST) == Tokens()


def test_without_a_reservation_only_what_the_model_says_counts() -> None:
    assert cost_of(failed(Verdict.FAILING), None) == Tokens()


def test_the_attempts_add_up() -> None:
    first = Charge().with_reservation(MOST, NOON).charged(Tokens(prompt=3, completion=2))
    assert (first.settled, first.reserved, first.reserved_at) == (Tokens(prompt=3, completion=2), None, None)
    both = first.with_reservation(MOST, NOON).charged(Tokens(prompt=4, completion=1))
    assert both.settled == Tokens(prompt=7, completion=3)
    assert both.settled.total == 10


def test_an_attempt_of_which_nobody_knows_counts_as_all_that_was_reserved() -> None:
    assert Charge().with_reservation(MOST, NOON).lost() == Charge(settled=MOST)
    assert Charge().lost() == Charge()


def test_an_attempt_that_was_taken_back_counts_as_nothing() -> None:
    assert Charge().with_reservation(MOST, NOON).released() == Charge()
