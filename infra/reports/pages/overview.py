"""The overview: how much is asked, how fast it is answered, and what failed."""

from __future__ import annotations

from collections.abc import Sequence

from infra.reports.pages.widgets import (
    COUNT,
    PERCENT,
    SECONDS,
    USD,
    Field,
    Json,
    Row,
    chart,
    counter,
    dataset,
    page,
    table,
    text,
)
from infra.reports.queries import DAYS, TokenPrices, daily, failures, totals

UNKNOWN_PRICES = "Set input_price and output_price, in USD for a million tokens, in the stack's configuration."


def overview_data(silver: str, prices: TokenPrices) -> list[Json]:
    return [
        dataset("totals", f"Last {DAYS} days", totals(silver, prices)),
        dataset("daily", "Each day", daily(silver, prices)),
        dataset("failures", "Latest failures", failures(silver)),
    ]


def overview(prices: TokenPrices) -> Json:
    return page("overview", "Overview", _rows(prices))


def _rows(prices: TokenPrices) -> Sequence[Row]:
    return [
        Row(1, [text("scope", f"The last {DAYS} days; a day is a day of UTC. Smoke tests are left out.")]),
        Row(
            2,
            [
                counter("totals", "messages", "Messages", COUNT),
                counter("totals", "answer_seconds_p50", "Answer time, median (s)", SECONDS),
                counter("totals", "answer_seconds_p95", "Answer time, 95th percentile (s)", SECONDS),
            ],
        ),
        Row(
            2,
            [
                counter("totals", "fallback_rate", "Answered with the fallback", PERCENT),
                counter("totals", "unknown_rate", "Delivery unknown", PERCENT),
                counter("totals", "failure_rate", "Delivery failed", PERCENT),
            ],
        ),
        Row(
            5,
            [
                chart(
                    "bar",
                    "messages-a-day",
                    "Messages a day",
                    "daily",
                    [Field("messages", "Messages"), Field("replays", "Replays by an operator")],
                    COUNT,
                ),
                chart(
                    "line",
                    "answer-latency",
                    "Answer time: from arrival to delivery, without fixed answers (s)",
                    "daily",
                    [
                        Field("answer_seconds_p50", "Median"),
                        Field("answer_seconds_p95", "95th percentile"),
                        Field("answer_seconds_p99", "99th percentile"),
                    ],
                    SECONDS,
                ),
            ],
        ),
        Row(
            5,
            [
                chart(
                    "line",
                    "rates",
                    "Fallback, unknown and failure rates",
                    "daily",
                    [
                        Field("fallback_rate", "Fallback answer"),
                        Field("unknown_rate", "Delivery unknown"),
                        Field("failure_rate", "Delivery failed"),
                    ],
                    PERCENT,
                ),
                chart(
                    "line",
                    "model-latency",
                    "Model time: from arrival to answer (s)",
                    "daily",
                    [Field("model_seconds_p50", "Median"), Field("model_seconds_p95", "95th percentile")],
                    SECONDS,
                ),
            ],
        ),
        Row(
            5,
            [
                chart(
                    "bar",
                    "tokens",
                    "Tokens a day, as the model counted them",
                    "daily",
                    [Field("prompt_tokens", "Prompt"), Field("completion_tokens", "Answer")],
                    COUNT,
                ),
                _cost(prices),
            ],
        ),
        Row(
            6,
            [
                table(
                    "latest-failures",
                    "Latest fallback answers and replies of unknown or failed delivery",
                    "failures",
                    [
                        Field("received_at", "Received"),
                        Field("channel_id", "Chat"),
                        Field("message_id", "Message"),
                        Field("update_id", "Update"),
                        Field("author_id", "Author"),
                        Field("answer_status", "Answer"),
                        Field("delivery_status", "Delivery"),
                        Field("error", "Reason"),
                    ],
                )
            ],
        ),
    ]


def _cost(prices: TokenPrices) -> Json:
    if not prices.known:
        return text("cost", f"**Cost estimate: unknown.** {UNKNOWN_PRICES}")
    return chart("bar", "cost", "Cost estimate a day (USD)", "daily", [Field("cost", "Tokens at the prices set")], USD)
