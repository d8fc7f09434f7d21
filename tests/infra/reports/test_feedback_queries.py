"""The queries of the page of feedback on real Spark, over rows in Delta and the view that is deployed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from infra.reports import queries
from pipeline.tables import ANSWERS, FEEDBACK, SILVER
from tests.support.reports import CATALOG, Row, asked, made_table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
FIRST, SECOND = (TODAY - timedelta(days=days, hours=-10) for days in (5, 3))


def _answer(number: int, received: datetime, **more: object) -> Row:
    return {
        "bot_id": 42,
        "update_id": number,
        "message_id": number,
        "channel_id": 7,
        "conversation_type": "private",
        "user_message": f"question {number}",
        "llm_response": f"answer {number}",
        "model_name": "scripted",
        "answer_status": "answered",
        "delivery_status": "sent",
        "reply_message_ids": [100 + number],
        "received_at": received,
        "answered_at": received,
        "processed_at": received + timedelta(seconds=5),
        **more,
    }


def _press(seq: int, number: int, vote: str, author: int = 1, **more: object) -> Row:
    return {
        "bot_id": 42,
        "update_id": 1000 + seq,
        "seq": seq,
        "channel_id": 7,
        "message_id": 100 + number,
        "question_update_id": number,
        "question_message_id": number,
        "author_id": author,
        "vote": vote,
        "received_at": TODAY,
        **more,
    }


@pytest.fixture(scope="module")
def answers(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("feedback")
    silver = made_table(
        spark,
        folder,
        SILVER,
        "rated_silver",
        [
            _answer(1, FIRST),
            _answer(2, FIRST),
            _answer(3, FIRST, answer_status="fallback"),
            _answer(4, SECOND),
            _answer(5, SECOND, delivery_status="dead", reply_message_ids=[]),
            _answer(6, SECOND, origin="probe:p1", delivery_status="withheld", reply_message_ids=[]),
            _answer(7, TODAY - timedelta(days=29, microseconds=1)),
        ],
    )
    presses = [
        _press(1, 1, "down"),
        # The same user changes their mind, twice; another one does not.
        _press(2, 1, "up"),
        _press(3, 1, "down"),
        _press(4, 1, "up", author=2),
        _press(5, 4, "up"),
        _press(6, 6, "down", origin="probe:p1"),
        _press(7, 7, "down"),
    ]
    feedback = made_table(spark, folder, FEEDBACK, "rated_feedback", presses)
    spark.sql(f"CREATE VIEW {CATALOG}.rated AS {ANSWERS.select({'silver': silver, 'feedback': feedback})}")
    return f"{CATALOG}.rated"


def test_each_day_has_the_latest_vote_of_each_user_and_the_share_of_answers_with_one(
    spark: SparkSession, answers: str
) -> None:
    assert asked(spark, queries.votes_a_day(answers)) == [
        {"day": FIRST.date(), "thumbs_up": 1, "thumbs_down": 1, "voted_rate": 0.5, "up_rate": 0.5},
        {"day": SECOND.date(), "thumbs_up": 1, "thumbs_down": 0, "voted_rate": 1.0, "up_rate": 1.0},
    ]


def test_the_totals_of_the_votes_cover_all_days(spark: SparkSession, answers: str) -> None:
    assert asked(spark, queries.votes_in_total(answers)) == [
        {"thumbs_up": 2, "thumbs_down": 1, "voted_rate": pytest.approx(2 / 3), "up_rate": pytest.approx(2 / 3)}
    ]


def test_answers_with_a_vote_against_them_are_listed_latest_first_with_their_questions(
    spark: SparkSession, answers: str
) -> None:
    rows = asked(spark, queries.disliked(answers))
    assert [row["received_at"].astimezone(UTC) for row in rows] == [FIRST, TODAY - timedelta(days=29, microseconds=1)]
    assert [list(row.values())[1:] for row in rows] == [
        [7, 1, "question 1", "answer 1", "scripted", 1, 1],
        [7, 7, "question 7", "answer 7", "scripted", 1, 0],
    ]


def test_without_answers_there_are_no_votes_and_no_rates(spark: SparkSession, answers: str) -> None:
    spark.table(answers).where("false").createOrReplaceTempView("unrated")
    assert asked(spark, queries.votes_a_day("unrated")) == []
    assert asked(spark, queries.votes_in_total("unrated")) == [
        {"thumbs_up": 0, "thumbs_down": 0, "voted_rate": None, "up_rate": None}
    ]
    spark.catalog.dropTempView("unrated")
