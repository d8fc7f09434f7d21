"""Sums of a day and a month, and whether one more call fits."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipeline.limits.accounts import Accounts, Payer, Room
from pipeline.limits.ceilings import Ceiling, Ceilings, Prices
from pipeline.limits.charge import Tokens

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
ADA, BOB = Payer(1, 10), Payer(2, 10)


def tokens(total: int) -> Tokens:
    return Tokens(prompt=total)


def accounts(**ceilings: Any) -> Accounts:
    return Accounts(Ceilings(**ceilings), NOON)


def test_a_call_fits_up_to_the_ceiling_and_not_a_token_beyond() -> None:
    of = accounts(user_tokens_a_day=100)
    of.spend(ADA, tokens(60))
    assert of.room(ADA, tokens(40)) is Room.NOW
    assert of.room(ADA, tokens(41)) is Ceiling.USER
    assert of.room(BOB, tokens(100)) is Room.NOW


@pytest.mark.parametrize(
    ("ceiling", "other_user", "other_chat"),
    [
        (Ceiling.USER, Room.NOW, Ceiling.USER),
        (Ceiling.CHAT, Ceiling.CHAT, Room.NOW),
        (Ceiling.ALL, Ceiling.ALL, Ceiling.ALL),
    ],
)
def test_each_ceiling_counts_what_is_its_own(ceiling: Ceiling, other_user: object, other_chat: object) -> None:
    of = accounts(**{ceiling.value: 100})
    of.spend(ADA, tokens(80))
    assert of.room(ADA, tokens(30)) is ceiling
    assert of.room(BOB, tokens(30)) is other_user
    assert of.room(Payer(ADA.user, 11), tokens(30)) is other_chat


def test_where_only_what_is_reserved_is_in_the_way_it_is_a_question_of_time() -> None:
    of = accounts(tokens_a_day=100)
    of.reserve("a", ADA, tokens(80))
    assert of.room(BOB, tokens(30)) is Room.LATER
    of.release("a")
    of.spend(ADA, tokens(5))
    assert of.room(BOB, tokens(30)) is Room.NOW


def test_a_ceiling_that_is_met_counts_before_one_that_is_a_question_of_time() -> None:
    of = accounts(user_tokens_a_day=100, tokens_a_day=1000)
    of.reserve("a", ADA, tokens(50))
    of.spend(Payer(3, 3), tokens(990))
    assert of.room(ADA, tokens(60)) is Ceiling.ALL


def test_a_reservation_that_is_made_twice_counts_once() -> None:
    of = accounts(tokens_a_day=100)
    of.reserve("a", ADA, tokens(60))
    of.reserve("a", ADA, tokens(70))
    assert (of.room(BOB, tokens(30)), of.room(BOB, tokens(31))) == (Room.NOW, Room.LATER)
    of.release("a")
    of.release("a")
    assert of.room(BOB, tokens(100)) is Room.NOW


def test_the_price_of_the_month_counts_prompt_and_answer_at_their_own_prices() -> None:
    of = Accounts(Ceilings(price_a_month=3.0, prices=Prices(1.0, 2.0)), NOON)
    of.spend(ADA, Tokens(prompt=500_000, completion=1_000_000))
    assert of.room(BOB, Tokens(prompt=500_000)) is Room.NOW
    assert of.room(BOB, Tokens(completion=250_001)) is Ceiling.PRICE


def test_somebody_unknown_has_no_ceiling_of_a_user() -> None:
    of = accounts(user_tokens_a_day=100, chat_tokens_a_day=200)
    of.spend(Payer(None, 10), tokens(150))
    assert of.room(Payer(None, 10), tokens(50)) is Room.NOW
    assert of.room(Payer(None, 10), tokens(51)) is Ceiling.CHAT


def test_a_new_day_begins_with_nothing_spent_but_what_is_reserved_still_counts() -> None:
    of = Accounts(Ceilings(tokens_a_day=100, price_a_month=1.0, prices=Prices(1.0, 1.0)), NOON - timedelta(days=1))
    of.spend(ADA, tokens(100))
    of.reserve("a", ADA, tokens(60))
    assert of.begin_day(NOON)
    assert (of.totals.today, of.totals.month.total) == (0, 100)
    assert of.room(BOB, tokens(41)) is Room.LATER
    assert of.begin_day(NOON + timedelta(days=1))
    assert of.totals.month.total == 0, "a new month"


def test_a_clock_that_is_put_back_gives_nothing_back() -> None:
    of = accounts(tokens_a_day=100)
    of.spend(ADA, tokens(100))
    assert not of.begin_day(NOON - timedelta(days=1))
    assert not of.begin_day(NOON)
    assert of.room(ADA, tokens(1)) is Ceiling.ALL


def test_what_was_spent_before_this_day_counts_in_its_month_only() -> None:
    of = accounts(tokens_a_day=100)
    of.spend(ADA, tokens(7), NOON - timedelta(days=1))
    of.spend(ADA, tokens(9), NOON - timedelta(days=40))
    assert (of.totals.today, of.totals.month.total) == (0, 7)
