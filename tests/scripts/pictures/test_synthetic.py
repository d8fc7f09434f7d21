"""The made-up month: rows that the tables take, the same for the same end, none later than that."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.tables import FEEDBACK, SILVER, TABLES
from scripts.pictures.synthetic import ROWS

END = datetime(2026, 11, 26, 15, 30, tzinfo=UTC)
COLUMNS = {table.name: table for table in TABLES}


@pytest.mark.parametrize("name", ROWS)
def test_rows_have_exactly_the_columns_of_their_table(name: str) -> None:
    rows = ROWS[name](END)
    assert len(rows) > 100
    for row in rows:
        COLUMNS[name].ordered(row)


@pytest.mark.parametrize("name", ROWS)
def test_the_same_end_gives_the_same_rows(name: str) -> None:
    assert ROWS[name](END) == ROWS[name](END)


def test_the_month_covers_30_days_and_ends_before_its_end() -> None:
    received = [row["received_at"] for row in ROWS[SILVER.name](END)]
    times = [time for time in received if isinstance(time, datetime)]
    assert len({time.date() for time in times}) == 30
    assert max(times) < END < max(times) + timedelta(hours=12)


def test_it_has_every_outcome_that_a_report_shows() -> None:
    rows = ROWS[SILVER.name](END)
    assert {row["answer_status"] for row in rows} == {"answered", "fallback", "fixed"}
    assert {row["delivery_status"] for row in rows} == {"sent", "unknown", "dead"}
    assert any(str(row["origin"]).startswith("replay:") for row in rows)


def test_each_press_is_under_an_answer_that_was_sent() -> None:
    sent = {
        (row["channel_id"], number)
        for row in ROWS[SILVER.name](END)
        for number in (row["reply_message_ids"] if isinstance(row["reply_message_ids"], list) else ())
    }
    presses = ROWS[FEEDBACK.name](END)
    assert {(row["channel_id"], row["message_id"]) for row in presses} <= sent
    assert {row["vote"] for row in presses} == {"up", "down"}
