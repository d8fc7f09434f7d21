"""What was spent before a run: the ceilings of its settings, what its journal has, and how the ledger is loaded."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from pipeline.errors import SettingsError
from pipeline.limits.accounts import Payer
from pipeline.limits.ceilings import Ceilings, Prices
from pipeline.limits.charge import Charge, Tokens
from pipeline.limits.ledger import Kept, Ledger, Spent
from pipeline.messages.identity import Identity
from pipeline.messages.origin import Probe
from pipeline.replies.reply import Part, Reply
from pipeline.run.spending import InSilver, ceilings_of, kept_in, load_ledger, spending_of
from pipeline.settings import RunSettings, read_run_settings
from pipeline.storage.record import Spending
from tests.support.replies import NOON, accepted, answer, answered

MOST = Tokens(prompt=60, completion=40)


def settings(**given: object) -> RunSettings:
    return read_run_settings({"model": "m", "max_tokens": 100, **given})


# Settings


def test_ceilings_and_prices_are_what_the_settings_say() -> None:
    assert ceilings_of(settings()) == Ceilings()
    given = {"user_tokens_a_day": 5000, "chat_tokens_a_day": 6000, "tokens_a_day": 7000}
    priced = {"price_a_month": 2.5, "input_price": 0.15, "output_price": 0.6}
    assert ceilings_of(settings(**given, **priced)) == Ceilings(5000, 6000, 7000, 2.5, Prices(0.15, 0.6))


@pytest.mark.parametrize("prices", [{}, {"input_price": 1.0}, {"output_price": 1.0}])
def test_a_price_needs_both_prices(prices: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match=r"^PIPELINE_PRICE_A_MONTH needs both prices: set PIPELINE_INPUT_PRICE and"):
        ceilings_of(settings(price_a_month=5.0, **prices))


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"user_tokens_a_day": 100}, "PIPELINE_USER_TOKENS_A_DAY 100 allows no call, which may cost"),
        ({"chat_tokens_a_day": 100}, "PIPELINE_CHAT_TOKENS_A_DAY 100"),
        ({"tokens_a_day": 5000, "max_tokens": 5000}, "PIPELINE_TOKENS_A_DAY 5000 .* or lower PIPELINE_MAX_TOKENS"),
        ({"price_a_month": 0.0001, "input_price": 1.0, "output_price": 1.0}, "PIPELINE_PRICE_A_MONTH 0.0001"),
    ],
)
def test_a_ceiling_below_a_single_call_is_a_mistake(given: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingsError, match=f"^{named}") as raised:
        ceilings_of(settings(**given))
    assert "\n" not in str(raised.value)


# The journal


def charged(reply: Reply, charge: Charge) -> Kept:
    (kept,) = kept_in([reply.with_charge(charge)])
    return kept


def test_an_open_reply_counts_with_what_it_has_cost_and_may_have_cost() -> None:
    spent = Charge().with_reservation(MOST, NOON).charged(Tokens(prompt=5))
    assert charged(accepted(), spent.with_reservation(MOST, NOON))[1:] == (
        Tokens(prompt=65, completion=40), None, None,
    )  # fmt: skip


def test_a_reply_with_its_answer_counts_when_it_was_answered() -> None:
    kept = charged(answered(), Charge(settled=MOST))
    assert (kept.tokens, kept.at, kept.told) == (MOST, NOON, None)


def test_what_an_earlier_release_answered_counts_as_the_model_counted_it_and_a_stored_answer_as_nothing() -> None:
    reply = Reply.accepted(accepted().question)
    counted = answer(prompt_tokens=7, completion_tokens=3)
    stored = counted.model_copy(update={"answered_at": datetime(2026, 1, 1, tzinfo=UTC)})
    kept = kept_in([reply.with_answer(each, (Part(text="hello"),)) for each in (counted, stored, answer())])
    assert [each.tokens.total for each in kept] == [10, 0, 0]


def test_whom_the_journal_told_that_a_ceiling_is_met_is_known_unless_it_told_nobody() -> None:
    met = answer(reason="ceiling: tokens_a_day is met until 2026-01-03T00:00Z")
    replies = [accepted(), accepted(origin=Probe(id="p"))]
    kept = kept_in([reply.with_answer(met, (Part(text=met.text),)) for reply in replies])
    assert [each.told for each in kept] == [met.reason, None]


# The loading


def test_the_ledger_is_loaded_without_what_the_journal_has() -> None:
    ledger = Ledger(Ceilings(tokens_a_day=10_000))
    ledger.begin([Kept(accepted().question, MOST, None, None)])
    left_out = []

    def read(counted: frozenset[Identity]) -> InSilver:
        left_out.append(counted)
        return InSilver([Spent(Payer(1, 7), Tokens(prompt=5), datetime.now(UTC))], [])

    load_ledger(ledger, read)
    assert left_out == [frozenset({accepted().question.identity})]
    assert ledger.totals is not None
    assert ledger.totals.today == 105


# The record


def test_the_record_says_what_was_spent_once_that_is_known() -> None:
    given = settings(tokens_a_day=10_000, input_price=1.0, output_price=2.0, price_a_month=5.0)
    now = datetime(2026, 11, 26, 12, tzinfo=UTC)
    ledger = Ledger(ceilings_of(given), lambda: now)
    assert spending_of(ledger, given, now) is None
    ledger.load([Spent(Payer(1, 7), Tokens(prompt=1_000_000, completion=250_000), now)], [])
    assert spending_of(ledger, given, now) == Spending(
        day=date(2026, 11, 26), tokens=1_250_000, tokens_a_day=10_000, price=1.5, price_a_month=5.0
    )
    without = spending_of(ledger, settings(), now)
    assert without is not None
    assert without.price is None
