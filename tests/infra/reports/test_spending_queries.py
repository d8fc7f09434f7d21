"""The queries of the page of spending on real Spark, over rows in Delta."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from infra.reports import queries
from infra.reports.queries import TokenPrices
from pipeline.tables import SILVER
from tests.support.reports import Row, asked, made_table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

PRICES = TokenPrices(input_price=0.5, output_price=1.5, price_a_month=0.002)
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
YESTERDAY = TODAY - timedelta(days=1)
MONTH = TODAY.replace(day=1)
LONG_AGO = TODAY - timedelta(days=29)


def _spent(number: int, answered: datetime, charged: tuple[int, int] | None, **more: object) -> Row:
    return {
        "bot_id": 42,
        "update_id": number,
        "message_id": number,
        "channel_id": 7,
        "channel_title": None,
        "author_id": 1,
        "answer_status": "answered",
        "delivery_status": "sent",
        "charged_prompt_tokens": charged and charged[0],
        "charged_completion_tokens": charged and charged[1],
        "received_at": answered - timedelta(seconds=1),
        "answered_at": answered,
        "processed_at": answered + timedelta(seconds=2),
        **more,
    }


MET = {"answer_status": "fallback", "error": "ceiling: user_tokens_a_day is met until 2026-11-27T00:00Z"}
ROWS = [
    _spent(1, TODAY, (100, 50)),
    # Asked yesterday and answered today: it counts today, as in the ledger.
    _spent(2, TODAY + timedelta(microseconds=1), (10, 5), received_at=YESTERDAY, channel_id=-5, channel_title="Team"),
    # A smoke test's tokens cost money.
    _spent(3, TODAY, (1000, 500), origin="probe:p1", channel_id=0, author_id=None, delivery_status="withheld"),
    _spent(4, TODAY, None, **MET),
    _spent(5, TODAY, (0, 0), author_id=2, **MET),
    _spent(6, TODAY, None, answer_status="fallback", error="the answer is empty", prompt_tokens=7),
    _spent(7, TODAY, None, answer_status="fixed"),
    # Rows of earlier releases; the second delivers the stored answer of the first again.
    _spent(8, LONG_AGO, None, prompt_tokens=20, completion_tokens=30, author_id=2),
    _spent(8, LONG_AGO, None, prompt_tokens=20, completion_tokens=30, author_id=2, origin="replay:r1",
           received_at=LONG_AGO + timedelta(hours=1)),
    _spent(9, LONG_AGO - timedelta(microseconds=1), (9, 9)),
]  # fmt: skip


@pytest.fixture(scope="module")
def silver(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> str:
    return made_table(spark, tmp_path_factory.mktemp("spent"), SILVER, "spent", ROWS)


def test_each_day_has_what_counts_against_the_ceilings_its_price_and_who_met_one(
    spark: SparkSession, silver: str
) -> None:
    assert asked(spark, queries.spent_a_day(silver, PRICES)) == [
        {
            "day": LONG_AGO.date(),
            "prompt_tokens": 20,
            "completion_tokens": 30,
            "price": pytest.approx((20 * 0.5 + 30 * 1.5) / 1e6),
            "met_ceiling": 0,
        },
        {
            "day": TODAY.date(),
            "prompt_tokens": 1117,
            "completion_tokens": 555,
            "price": pytest.approx((1117 * 0.5 + 555 * 1.5) / 1e6),
            "met_ceiling": 2,
        },
    ]


def test_the_month_has_its_tokens_its_price_and_its_share_of_the_ceiling(spark: SparkSession, silver: str) -> None:
    (row,) = asked(spark, queries.spent_this_month(silver, PRICES))
    prompt, completion = 1117, 555
    for at, (more_prompt, more_completion) in ((LONG_AGO, (20, 30)), (ROWS[-1]["answered_at"], (9, 9))):
        if at >= MONTH:
            prompt, completion = prompt + more_prompt, completion + more_completion
    price = (prompt * 0.5 + completion * 1.5) / 1e6
    assert row == {
        "tokens_today": 1672,
        "tokens_this_month": prompt + completion,
        "met_this_month": 2,
        "price_this_month": pytest.approx(price),
        "price_share": pytest.approx(price / 0.002),
    }


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Los_Angeles"])
def test_days_and_months_are_those_of_utc_in_whatever_zone_the_session_is(
    spark: SparkSession, silver: str, zone: str
) -> None:
    in_utc = [
        asked(spark, sql) for sql in (queries.spent_this_month(silver, PRICES), queries.spent_a_day(silver, PRICES))
    ]
    spark.conf.set("spark.sql.session.timeZone", zone)
    try:
        assert asked(spark, queries.spent_this_month(silver, PRICES)) == in_utc[0]
        assert asked(spark, queries.spent_a_day(silver, PRICES)) == in_utc[1]
    finally:
        spark.conf.set("spark.sql.session.timeZone", "UTC")


@pytest.mark.parametrize("prices", [TokenPrices(), TokenPrices(input_price=0.5), TokenPrices(output_price=1.5)])
def test_without_both_prices_a_price_is_unknown_and_not_zero(
    spark: SparkSession, silver: str, prices: TokenPrices
) -> None:
    (month,) = asked(spark, queries.spent_this_month(silver, prices))
    assert (month["price_this_month"], month["price_share"]) == (None, None)
    for sql in (queries.spent_a_day(silver, prices), queries.spent_by_chat(silver, prices)):
        assert {row["price"] for row in asked(spark, sql)} == {None}


def test_without_a_ceiling_for_the_month_there_is_no_share(spark: SparkSession, silver: str) -> None:
    (month,) = asked(spark, queries.spent_this_month(silver, TokenPrices(0.5, 1.5)))
    assert month["price_share"] is None
    assert month["price_this_month"] > 0


def test_chats_and_users_are_listed_with_the_dearest_first(spark: SparkSession, silver: str) -> None:
    chats = asked(spark, queries.spent_by_chat(silver, PRICES))
    assert [
        (one["channel_id"], one["chat_title"], one["questions"], one["tokens"], one["met_ceiling"]) for one in chats
    ] == [
        (0, None, 1, 1500, 0),
        (7, None, 5, 207, 2),
        (-5, "Team", 1, 15, 0),
    ]
    users = asked(spark, queries.spent_by_user(silver, PRICES))
    assert [(one["author_id"], one["questions"], one["tokens"], one["met_ceiling"]) for one in users] == [
        (1, 4, 172, 1),
        (2, 2, 50, 1),
    ]
    assert users[0]["price"] == pytest.approx((117 * 0.5 + 55 * 1.5) / 1e6)


def test_a_month_without_a_row_has_cost_nothing(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> None:
    empty = made_table(spark, tmp_path_factory.mktemp("spent"), SILVER, "nothing_spent", [])
    assert asked(spark, queries.spent_this_month(empty, PRICES)) == [
        {"tokens_today": 0, "tokens_this_month": 0, "met_this_month": 0, "price_this_month": 0.0, "price_share": 0.0}
    ]
    assert asked(spark, queries.spent_a_day(empty, PRICES)) == []
