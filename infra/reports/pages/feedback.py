"""Feedback: what people think of the answers, by the latest button that each pressed under one."""

from __future__ import annotations

from infra.reports.pages.widgets import COUNT, PERCENT, Field, Json, Row, chart, counter, dataset, page, table, text
from infra.reports.queries import DAYS, disliked, votes_a_day, votes_in_total


def feedback_data(answers: str) -> list[Json]:
    return [
        dataset("votes", f"Votes of the last {DAYS} days", votes_in_total(answers)),
        dataset("votes_daily", "Votes on each day's answers", votes_a_day(answers)),
        dataset("disliked", "Latest answers with a vote against them", disliked(answers)),
    ]


def feedback() -> Json:
    return page(
        "feedback",
        "Feedback",
        [
            Row(
                1,
                [
                    text(
                        "feedback-scope",
                        f"The model's answers to questions of the last {DAYS} days; a day is a day of UTC, by the "
                        "question. Each user has one vote on an answer: the last button pressed.",
                    )
                ],
            ),
            Row(
                2,
                [
                    counter("votes", "thumbs_up", "Votes 👍", COUNT),
                    counter("votes", "thumbs_down", "Votes 👎", COUNT),
                    counter("votes", "voted_rate", "Answers with a vote", PERCENT),
                ],
            ),
            Row(
                5,
                [
                    chart(
                        "bar",
                        "votes-a-day",
                        "Votes on the answers of each day",
                        "votes_daily",
                        [Field("thumbs_up", "👍"), Field("thumbs_down", "👎")],
                        COUNT,
                    ),
                    chart(
                        "line",
                        "voted-rates",
                        "Answers with a vote, and votes that are 👍",
                        "votes_daily",
                        [Field("voted_rate", "Answers with a vote"), Field("up_rate", "Votes that are 👍")],
                        PERCENT,
                    ),
                ],
            ),
            Row(
                7,
                [
                    table(
                        "latest-disliked",
                        "Latest answers with 👎",
                        "disliked",
                        [
                            Field("received_at", "Received"),
                            Field("channel_id", "Chat"),
                            Field("message_id", "Message"),
                            Field("user_message", "Question"),
                            Field("llm_response", "Answer"),
                            Field("model_name", "Model"),
                            Field("thumbs_down", "👎"),
                            Field("thumbs_up", "👍"),
                        ],
                    )
                ],
            ),
        ],
    )
