"""What silver says was spent, on real Spark and Delta."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.limits.accounts import Payer
from pipeline.limits.charge import Tokens
from pipeline.limits.ledger import Spent, Told
from pipeline.messages.identity import Identity
from pipeline.run.spending import InSilver, read_silver
from pipeline.stream.delta import DeltaTable
from pipeline.tables import SILVER
from tests.support.delta_rows import append

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
DAY, MONTH = datetime(2026, 11, 26, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
MET = "ceiling: user_tokens_a_day is met until 2026-11-27T00:00Z"


def _row(
    number: int, user: int | None, chat: int, charge: tuple[int, int] | None = None, **more: Any
) -> dict[str, Any]:
    prompt, completion = charge or (None, None)
    return {
        "bot_id": 42, "update_id": number, "channel_id": chat, "message_id": number, "author_id": user,
        "received_at": NOW - timedelta(seconds=9), "answered_at": NOW, "delivery_status": "sent",
        "charged_prompt_tokens": prompt, "charged_completion_tokens": completion, **more,
    }  # fmt: skip


def _read(spark: SparkSession, place: Path, *counted: Identity, whole_month: bool = True) -> InSilver:
    silver = DeltaTable(SILVER, str(place), spark).read()
    return read_silver(silver, NOW, frozenset(counted), whole_month=whole_month, notices=True)


def _spent(found: InSilver) -> list[Spent]:
    def order(spent: Spent) -> tuple[int, int, int]:
        user, chat = spent.payer or Payer(None, 0)
        return user or 0, chat, spent.tokens.total

    return sorted(found.spent, key=order)


def test_spending_is_summed_by_user_and_chat_of_this_day_and_as_one_of_the_rest_of_the_month(
    spark: SparkSession, tmp_path: Path
) -> None:
    silver = tmp_path / "silver"
    append(
        SILVER, silver,
        _row(1, 1, 10, (100, 10)), _row(2, 1, 10, (200, 20)), _row(3, 1, 11, (1, 1)), _row(4, 2, 10, (5, 5)),
        _row(5, 2, 10, (1000, 0), answered_at=DAY - timedelta(microseconds=1)),
        _row(6, 3, 12, (2000, 0), answered_at=MONTH),
        _row(7, 3, 12, (9999, 0), answered_at=MONTH - timedelta(microseconds=1)),
        # An earlier release: the model's count; but what was stored and is delivered again was counted before.
        _row(8, None, 13, prompt_tokens=30, completion_tokens=3),
        _row(9, None, 13, prompt_tokens=30, completion_tokens=3, received_at=NOW + timedelta(seconds=1)),
        _row(10, 4, 14),
    )  # fmt: skip
    assert _spent(_read(spark, silver)) == [
        Spent(None, Tokens(prompt=3000), MONTH),
        Spent(Payer(None, 13), Tokens(prompt=30, completion=3), DAY),
        Spent(Payer(1, 10), Tokens(prompt=300, completion=30), DAY),
        Spent(Payer(1, 11), Tokens(prompt=1, completion=1), DAY),
        Spent(Payer(2, 10), Tokens(prompt=5, completion=5), DAY),
        Spent(Payer(4, 14), Tokens(), DAY),
    ]
    assert all(spent.payer for spent in _read(spark, silver, whole_month=False).spent)


def test_replies_that_are_counted_already_are_left_out_by_their_whole_identity(
    spark: SparkSession, tmp_path: Path
) -> None:
    silver = tmp_path / "silver"
    append(
        SILVER, silver,
        _row(1, 1, 10, (100, 0)), _row(1, 1, 10, (7, 0), origin="replay:a"), _row(1, 1, 11, (50, 0)),
        _row(2, 2, 10, (3, 0), origin="replay:b"),
    )  # fmt: skip
    found = _read(spark, silver, Identity(42, 1, 10, 1), Identity(42, 2, 10, 2, "replay:b"), Identity(42, 9, 9, 9))
    assert _spent(found) == [Spent(Payer(1, 10), Tokens(prompt=7), DAY), Spent(Payer(1, 11), Tokens(prompt=50), DAY)]


def test_those_are_found_who_were_told_that_a_ceiling_is_met(spark: SparkSession, tmp_path: Path) -> None:
    silver = tmp_path / "silver"
    append(
        SILVER, silver,
        _row(1, 1, 10, error=MET), _row(2, 1, 10, error=MET), _row(3, 1, 10, error=MET, delivery_status="withheld"),
        _row(4, 2, 10, error=f"{MET}; 403 blocked", delivery_status="dead"),
        _row(5, 3, 10, error=MET, delivery_status="withheld"), _row(6, 4, 10, error="500"), _row(7, 5, 10),
    )  # fmt: skip
    told = sorted(_read(spark, silver).told, key=lambda notice: notice.payer)
    assert told == [Told(MET, Payer(1, 10)), Told(f"{MET}; 403 blocked", Payer(2, 10))]


def test_rows_with_absurd_counts_are_added_up_all_the_same(spark: SparkSession, tmp_path: Path) -> None:
    silver, most = tmp_path / "silver", 2**63 - 1
    append(SILVER, silver, _row(1, 1, 10, (most, 1)), _row(2, 1, 10, (most, 1)))
    assert _spent(_read(spark, silver)) == [Spent(Payer(1, 10), Tokens(prompt=2 * most, completion=2), DAY)]
