"""Spending: what the answers cost, who they are for, and how near the ceilings are."""

from __future__ import annotations

from infra.reports.pages.overview import UNKNOWN_PRICES
from infra.reports.pages.widgets import (
    COUNT,
    PERCENT,
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
from infra.reports.queries import DAYS, TokenPrices, spent_a_day, spent_by_chat, spent_by_user, spent_this_month


def spending_data(silver: str, prices: TokenPrices) -> list[Json]:
    return [
        dataset("spent", "This month", spent_this_month(silver, prices)),
        dataset("spent_daily", "Spent each day", spent_a_day(silver, prices)),
        dataset("spent_by_chat", "Spent by chat", spent_by_chat(silver, prices)),
        dataset("spent_by_user", "Spent by user", spent_by_user(silver, prices)),
    ]


def spending(prices: TokenPrices) -> Json:
    return page(
        "spending",
        "Spending",
        [
            Row(
                1,
                [
                    text(
                        "spending-scope",
                        "Tokens as they count against the ceilings; days and months are of UTC, by the time of the "
                        f"answer. Smoke tests count too. Charts and lists are of the last {DAYS} days.",
                    )
                ],
            ),
            Row(
                2,
                [
                    counter("spent", "tokens_today", "Tokens today", COUNT),
                    counter("spent", "tokens_this_month", "Tokens this month", COUNT),
                    counter("spent", "met_this_month", "Questions that met a ceiling this month", COUNT),
                ],
            ),
            Row(2, _month(prices)),
            Row(
                5,
                [
                    chart(
                        "bar",
                        "spent-tokens",
                        "Tokens charged a day",
                        "spent_daily",
                        [Field("prompt_tokens", "Prompt"), Field("completion_tokens", "Answer")],
                        COUNT,
                    ),
                    chart(
                        "bar",
                        "met-ceilings",
                        "Questions that met a ceiling",
                        "spent_daily",
                        [Field("met_ceiling", "Not answered by the model")],
                        COUNT,
                    ),
                ],
            ),
            *([Row(5, [_price_a_day()])] if prices.known else []),
            Row(
                6,
                [
                    _top("spent-by-chat", "Chats that cost most", "channel_id", Field("chat_title", "Title"), prices),
                    _top("spent-by-user", "Users who cost most", "author_id", None, prices),
                ],
            ),
        ],
    )


def _month(prices: TokenPrices) -> list[Json]:
    if not prices.known:
        return [text("price", f"**Price: unknown.** {UNKNOWN_PRICES}")]
    price = counter("spent", "price_this_month", "Price this month (USD)", USD)
    if not prices.price_a_month:
        return [price, text("price-share", "**No ceiling for the price of a month.** Set price_a_month for one.")]
    return [
        price,
        counter("spent", "price_share", f"Share of this month's ceiling of {prices.price_a_month:g} USD", PERCENT),
    ]


def _price_a_day() -> Json:
    return chart(
        "bar", "spent-price", "Price a day (USD)", "spent_daily", [Field("price", "Tokens at the prices set")], USD
    )


def _top(name: str, title: str, key: str, also: Field | None, prices: TokenPrices) -> Json:
    fields = [
        Field(key, "Chat" if key == "channel_id" else "User"),
        *([also] if also else []),
        Field("questions", "Questions"),
        Field("tokens", "Tokens"),
        *([Field("price", "Price (USD)")] if prices.known else []),
        Field("met_ceiling", "Met a ceiling"),
    ]
    return table(name, title, name.replace("-", "_"), fields)
