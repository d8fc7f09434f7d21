"""Every query of the dashboard and the alerts on real Spark, over rows in Delta, its result asserted."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from infra.reports import layout, queries
from infra.reports.queries import TokenPrices
from pipeline.tables import ANSWERS, BRONZE, FEEDBACK, SILVER
from tests.support.reports import CATALOG, Row, asked, made_table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

PRICES = TokenPrices(input_price=0.5, output_price=1.5, price_a_month=20)
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _answers(spark: SparkSession, silver: str, feedback: str, name: str) -> str:
    """The view of answers under a three-level name."""
    select = ANSWERS.select({"silver": silver, "feedback": feedback})
    spark.sql(f"CREATE VIEW {CATALOG}.{name} AS {select}")
    return f"{CATALOG}.{name}"


def _instant(value: datetime) -> datetime:
    """Spark returns times without a zone, in the machine's own."""
    return value.astimezone(UTC)


def _reply(
    number: int,
    received: datetime,
    *,
    answered: float | None = 1.0,
    delivered: float | None = None,
    tokens: tuple[int, int] | None = None,
    **more: Any,
) -> Row:
    """A row of silver: answered and delivered so many seconds after it was received."""
    return {
        "bot_id": 42,
        "update_id": number,
        "message_id": number,
        "channel_id": 7,
        "answer_status": "answered",
        "delivery_status": "sent",
        "prompt_tokens": tokens and tokens[0],
        "completion_tokens": tokens and tokens[1],
        "received_at": received,
        "answered_at": None if answered is None else received + timedelta(seconds=answered),
        "delivered_at": None if delivered is None else received + timedelta(seconds=delivered),
        "processed_at": received + timedelta(seconds=60),
        **more,
    }


FIRST, SECOND, THIRD = (TODAY - timedelta(days=days) for days in (4, 3, 2))
MORNING = timedelta(hours=10)
REPLIES = [
    _reply(1, FIRST, answered=2, delivered=3, tokens=(100, 50)),
    _reply(2, FIRST + MORNING, answered=4, delivered=6, tokens=(200, 100)),
    _reply(3, FIRST + MORNING, answered=30, delivered=31, answer_status="fallback", error="no JSON"),
    _reply(4, FIRST + MORNING, tokens=(10, 5), delivery_status="unknown", error="no response"),
    _reply(5, FIRST + MORNING, answered=0.1, delivered=0.2, answer_status="fixed"),
    _reply(6, FIRST + MORNING, answered=99, delivered=99, tokens=(999, 999), origin="probe:p1"),
    _reply(7, FIRST + MORNING, delivery_status="withheld", origin="probe:p2"),
    # The last moment of its day, and of UTC's.
    _reply(
        8,
        SECOND - timedelta(microseconds=1) + timedelta(days=1),
        answered=None,
        tokens=(30, 20),
        delivery_status="dead",
        error="blocked",
        author_id=99,
    ),
    # The stored answer of 4, delivered again; and a new answer to it, which is unknown again.
    _reply(4, SECOND + MORNING, answered=-86400, delivered=1, tokens=(10, 5), origin="replay:r1"),
    _reply(
        4, SECOND + MORNING, answered=5, tokens=(70, 40), delivery_status="unknown", error="again", origin="replay:r2"
    ),
    # A day on which nobody wrote.
    _reply(1, THIRD + MORNING, delivered=1, origin="replay:r3"),
    # Somebody met a ceiling, as was intended.
    _reply(
        11,
        FIRST + MORNING,
        answered=0.1,
        delivered=0.2,
        answer_status="fallback",
        error="ceiling: user_tokens_a_day is met until 2026-11-27T00:00Z",
    ),
    # The first moment that is looked at, and the one before it.
    _reply(9, TODAY - timedelta(days=29), answered=1, delivered=2),
    _reply(10, TODAY - timedelta(days=29, microseconds=1), answered=1, delivered=2),
]


@pytest.fixture(scope="module")
def silver(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> str:
    return made_table(spark, tmp_path_factory.mktemp("tables"), SILVER, "silver", REPLIES)


@pytest.fixture(scope="module")
def empty(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> str:
    return made_table(spark, tmp_path_factory.mktemp("tables"), SILVER, "nothing", [])


@pytest.fixture(scope="module")
def answers(spark: SparkSession, silver: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The view over these rows, and over no presses."""
    feedback = made_table(spark, tmp_path_factory.mktemp("tables"), FEEDBACK, "no_presses", [])
    return _answers(spark, silver, feedback, "answers")


DAILY: list[Row] = [
    {
        "day": (TODAY - timedelta(days=29)).date(),
        "messages": 1,
        "replays": 0,
        "fallback_rate": 0.0,
        "unknown_rate": 0.0,
        "failure_rate": 0.0,
        "answer_seconds_p50": 2.0,
        "answer_seconds_p95": 2.0,
        "answer_seconds_p99": 2.0,
        "model_seconds_p50": 1.0,
        "model_seconds_p95": 1.0,
        "prompt_tokens": None,
        "completion_tokens": None,
        "cost": None,
    },
    {
        "day": FIRST.date(),
        "messages": 6,
        "replays": 0,
        "fallback_rate": pytest.approx(1 / 6),
        "unknown_rate": pytest.approx(1 / 6),
        "failure_rate": 0.0,
        "answer_seconds_p50": 6.0,
        "answer_seconds_p95": 31.0,
        "answer_seconds_p99": 31.0,
        "model_seconds_p50": 2.0,
        "model_seconds_p95": 30.0,
        "prompt_tokens": 310,
        "completion_tokens": 155,
        "cost": pytest.approx((310 * 0.5 + 155 * 1.5) / 1e6),
    },
    {
        "day": SECOND.date(),
        "messages": 1,
        "replays": 2,
        "fallback_rate": 0.0,
        "unknown_rate": 0.0,
        "failure_rate": 1.0,
        "answer_seconds_p50": None,
        "answer_seconds_p95": None,
        "answer_seconds_p99": None,
        "model_seconds_p50": None,
        "model_seconds_p95": None,
        "prompt_tokens": 100,
        "completion_tokens": 60,
        "cost": pytest.approx((100 * 0.5 + 60 * 1.5) / 1e6),
    },
    {
        "day": THIRD.date(),
        "messages": 0,
        "replays": 1,
        "fallback_rate": None,
        "unknown_rate": None,
        "failure_rate": None,
        "answer_seconds_p50": None,
        "answer_seconds_p95": None,
        "answer_seconds_p99": None,
        "model_seconds_p50": None,
        "model_seconds_p95": None,
        "prompt_tokens": None,
        "completion_tokens": None,
        "cost": None,
    },
]
TOTALS: Row = {
    "messages": 8,
    "replays": 3,
    "fallback_rate": pytest.approx(1 / 8),
    "unknown_rate": pytest.approx(1 / 8),
    "failure_rate": pytest.approx(1 / 8),
    "answer_seconds_p50": 3.0,
    "answer_seconds_p95": 31.0,
    "answer_seconds_p99": 31.0,
    "model_seconds_p50": 2.0,
    "model_seconds_p95": 30.0,
    "prompt_tokens": 410,
    "completion_tokens": 215,
    "cost": pytest.approx((410 * 0.5 + 215 * 1.5) / 1e6),
}


def test_each_day_has_its_messages_rates_latencies_tokens_and_cost_without_smoke_tests(
    spark: SparkSession, silver: str
) -> None:
    assert asked(spark, queries.daily(silver, PRICES)) == DAILY


def test_the_totals_cover_all_days(spark: SparkSession, silver: str) -> None:
    assert asked(spark, queries.totals(silver, PRICES)) == [TOTALS]


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Los_Angeles"])
def test_days_are_those_of_utc_in_whatever_zone_the_session_is(spark: SparkSession, silver: str, zone: str) -> None:
    spark.conf.set("spark.sql.session.timeZone", zone)
    try:
        assert asked(spark, queries.daily(silver, PRICES)) == DAILY
    finally:
        spark.conf.set("spark.sql.session.timeZone", "UTC")


@pytest.mark.parametrize("prices", [TokenPrices(), TokenPrices(input_price=0.5), TokenPrices(output_price=1.5)])
def test_without_both_prices_the_cost_is_unknown_and_not_zero(
    spark: SparkSession, silver: str, prices: TokenPrices
) -> None:
    assert asked(spark, queries.totals(silver, prices)) == [TOTALS | {"cost": None}]
    assert {row["cost"] for row in asked(spark, queries.daily(silver, prices))} == {None}


def test_a_price_that_python_writes_with_an_exponent_is_counted(spark: SparkSession, silver: str) -> None:
    [row] = asked(spark, queries.totals(silver, TokenPrices(input_price=1e-05, output_price=2e-05)))
    assert row["cost"] == pytest.approx((410 * 1e-05 + 215 * 2e-05) / 1e6)


def test_an_empty_table_has_no_messages_and_no_rates(spark: SparkSession, empty: str) -> None:
    assert asked(spark, queries.daily(empty, PRICES)) == []
    assert asked(spark, queries.totals(empty, PRICES)) == [dict.fromkeys(TOTALS) | {"messages": 0, "replays": 0}]
    assert asked(spark, queries.failures(empty)) == []


def test_failures_are_listed_latest_first_with_what_a_replay_needs(spark: SparkSession, silver: str) -> None:
    rows = asked(spark, queries.failures(silver))
    assert [(_instant(row["received_at"]), *list(row.values())[1:]) for row in rows] == [
        (SECOND + timedelta(days=1, microseconds=-1), 7, 8, 8, 99, "answered", "dead", "blocked"),
        (SECOND + MORNING, 7, 4, 4, None, "answered", "unknown", "again"),
        (FIRST + MORNING, 7, 4, 4, None, "answered", "unknown", "no response"),
        (FIRST + MORNING, 7, 3, 3, None, "fallback", "sent", "no JSON"),
    ]


def test_every_widget_finds_its_columns_in_its_dataset(spark: SparkSession, silver: str, answers: str) -> None:
    dashboard = json.loads(layout.serialized(layout.Sources(silver, answers), PRICES))
    datasets = {dataset["name"]: "".join(dataset["queryLines"]) for dataset in dashboard["datasets"]}
    shown: dict[str, list[tuple[Any, ...]]] = {}
    for item in [item for page in dashboard["pages"] for item in page["layout"]]:
        for query in item["widget"].get("queries", []):
            fields = [f"{field['expression']} AS `{field['name']}`" for field in query["query"]["fields"]]
            rows = spark.sql(datasets[query["query"]["datasetName"]]).selectExpr(*fields).collect()
            shown[item["widget"]["name"]] = [tuple(row) for row in rows]
    assert {name: rows for name, rows in shown.items() if len(rows) == 1} == {
        "messages": [(8,)],
        "answer-seconds-p50": [(3.0,)],
        "answer-seconds-p95": [(31.0,)],
        "fallback-rate": [(pytest.approx(1 / 8),)],
        "unknown-rate": [(pytest.approx(1 / 8),)],
        "failure-rate": [(pytest.approx(1 / 8),)],
        **{name: shown[name] for name in ONE_NUMBER},
    }
    assert shown["messages-a-day"] == [(row["day"], row["messages"], row["replays"]) for row in DAILY]
    assert shown["answer-latency"][1] == (FIRST.date(), 6.0, 31.0, 31.0)
    assert shown["rates"][1] == (FIRST.date(), pytest.approx(1 / 6), pytest.approx(1 / 6), 0.0)
    assert shown["model-latency"][1] == (FIRST.date(), 2.0, 30.0)
    assert shown["tokens"][1] == (FIRST.date(), 310, 155)
    assert shown["cost"][1] == (FIRST.date(), DAILY[1]["cost"])
    assert len(shown["latest-failures"]) == 4


ONE_NUMBER = (
    *("thumbs-up", "thumbs-down", "voted-rate"),
    *("tokens-today", "tokens-this-month", "met-this-month", "price-this-month", "price-share"),
    # Nobody is named in these rows, and all are of one chat.
    "spent-by-chat",
)
"""The widgets of the other pages that show one row."""


def test_the_alert_on_undelivered_replies_counts_the_recent_ones_and_no_smoke_test(
    spark: SparkSession, tmp_path: Path, empty: str
) -> None:
    now = datetime.now(UTC)
    lately, earlier = now - timedelta(minutes=2), now - timedelta(hours=2)
    rows = [
        _reply(1, lately, delivery_status="unknown"),
        _reply(2, lately, delivery_status="dead"),
        _reply(1, lately, delivery_status="unknown", origin="replay:r1"),
        _reply(3, lately, delivered=1),
        _reply(4, lately, delivery_status="dead", origin="probe:p1"),
        _reply(7, lately, delivered=1, answer_status="fallback", error="ceiling: tokens_a_day is met until …"),
        _reply(5, earlier, delivery_status="dead"),
        # Open for a long time, and given up only now.
        _reply(6, earlier, delivery_status="dead", processed_at=lately),
    ]
    silver = made_table(spark, tmp_path, SILVER, "undelivered", rows)
    assert asked(spark, queries.undelivered(silver, 3600)) == [{"replies": 4, "unknown_replies": 2, "dead_replies": 2}]
    assert asked(spark, queries.undelivered(empty, 3600)) == [{"replies": 0, "unknown_replies": 0, "dead_replies": 0}]


def _update(number: int, received: datetime, **more: Any) -> Row:
    """A row of bronze."""
    return {
        "bot_id": 42,
        "update_id": number,
        "message_id": number,
        "chat_id": 7,
        "disposition": "answer",
        "received_at": received,
        **more,
    }


def test_the_alert_on_a_backlog_counts_what_waits_too_long_for_its_row_in_silver(
    spark: SparkSession, tmp_path: Path, empty: str
) -> None:
    now = datetime.now(UTC)
    long_ago, longer_ago, lately = (now - timedelta(minutes=minutes) for minutes in (10, 20, 1))
    updates = [
        _update(1, long_ago),
        _update(2, long_ago),
        _update(3, long_ago, disposition="no_text"),
        _update(4, lately),
        _update(5, long_ago, origin="probe:p1"),
        # Asked once more, of which silver has only the first.
        _update(2, longer_ago, origin="replay:r1"),
        # Telegram's numbers restart: another message of the same number.
        _update(2, long_ago, message_id=22),
        _update(6, now - timedelta(days=31)),
    ]
    bronze = made_table(spark, tmp_path, BRONZE, "waiting", updates)
    silver = made_table(spark, tmp_path, SILVER, "answered", [_reply(2, long_ago)])
    [row] = asked(spark, queries.backlog(bronze, silver, 300))
    assert (row["messages"], _instant(row["oldest"])) == (3, longer_ago)
    assert asked(spark, queries.backlog(bronze, silver, 1800)) == [{"messages": 0, "oldest": None}]


def test_a_name_that_needs_quotes_is_quoted() -> None:
    assert "FROM `a-b`.`c``d`.`silver`\n" in queries.failures("a-b.c`d.silver")
