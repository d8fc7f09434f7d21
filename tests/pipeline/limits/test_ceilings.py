"""Days, months, prices, and what a met ceiling is called."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from pipeline.limits.ceilings import PREFIX, Ceiling, Ceilings, Prices, day_of, end_of, month_of, reason
from pipeline.limits.charge import Tokens

NIGHT = datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)


def test_days_and_months_are_of_utc() -> None:
    in_tokyo = NIGHT.astimezone(timezone(timedelta(hours=9)))
    assert day_of(in_tokyo) == datetime(2026, 12, 31, tzinfo=UTC)
    assert month_of(in_tokyo) == datetime(2026, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize("ceiling", Ceiling)
def test_a_ceiling_ends_with_its_day_or_month(ceiling: Ceiling) -> None:
    now = datetime(2026, 11, 26, 8, tzinfo=UTC)
    end = datetime(2026, 12, 1, tzinfo=UTC) if ceiling is Ceiling.PRICE else datetime(2026, 11, 27, tzinfo=UTC)
    assert end_of(ceiling, now) == end
    assert end_of(ceiling, NIGHT) == datetime(2027, 1, 1, tzinfo=UTC)


def test_a_reason_names_the_setting_and_the_end_and_begins_as_reports_know_it() -> None:
    assert PREFIX == "ceiling: "
    assert reason(Ceiling.USER, NIGHT) == "ceiling: user_tokens_a_day is met until 2027-01-01T00:00Z"


def test_prices_are_exact() -> None:
    prices = Prices(0.15, 0.6)
    assert sum(prices.of(Tokens(prompt=1, completion=1)) for _ in range(1_000_000)) == 750_000_000_000
    assert prices.dollars(Tokens(prompt=2_000_000, completion=1_000_000)) == 0.9
    assert [Prices(0.1, 0.2).known, Prices(0.1, 0).known, Prices().known] == [True, False, False]


def test_only_the_ceilings_that_are_set_count() -> None:
    assert Ceilings().set == ()
    ceilings = Ceilings(chat_tokens_a_day=5, price_a_month=2.5, prices=Prices(1.0, 2.0))
    assert ceilings.set == (Ceiling.CHAT, Ceiling.PRICE)
    assert ceilings.limit(Ceiling.CHAT) == 5
    cost = Tokens(prompt=1_000_000, completion=750_000)
    assert ceilings.measure(Ceiling.CHAT, cost) == cost.total
    assert ceilings.measure(Ceiling.PRICE, cost) == ceilings.limit(Ceiling.PRICE)
