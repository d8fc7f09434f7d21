"""The queries of the dashboard and the alerts, for given tables and prices, in SQL that Databricks and Spark share."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from string import Template

from pipeline.limits.ceilings import PREFIX
from pipeline.tables import NO_PROBES
from pipeline.view.query import quoted

DAYS = 30
"""Number of days that the dashboard covers, including today, and in which a backlog is searched."""

_FOLDER = Path(__file__).parent


_DAYS_OF_A_MONTH = 31

_AT_CEILING = f"coalesce(answer_status = 'fallback' AND error LIKE '{PREFIX}%', false)"
"""Whether a question met a ceiling: the model was not asked, as was intended, and nothing failed."""


@dataclass(frozen=True)
class TokenPrices:
    """USD for a million tokens of prompts and of answers, 0 where unknown; and the most of a month, 0 if unlimited."""

    input_price: float = 0.0
    output_price: float = 0.0
    price_a_month: float = 0.0

    @property
    def known(self) -> bool:
        """Whether both are known: an estimate from one of them would look complete."""
        return self.input_price > 0 and self.output_price > 0


def totals(silver: str, prices: TokenPrices) -> str:
    """One row over all days. Rates are null without messages, tokens if no model counted them, cost without prices."""
    return _query("totals", replies=_replies(silver), measures=_measures(prices))


def daily(silver: str, prices: TokenPrices) -> str:
    """The same for each day that has replies."""
    return _query("daily", replies=_replies(silver), measures=_measures(prices))


def failures(silver: str) -> str:
    """The latest replies that are unknown, dead or a fallback, with the columns that a replay needs."""
    return _query("failures", silver=quoted(silver), reported=NO_PROBES, at_ceiling=_AT_CEILING, days=DAYS)


def votes_in_total(answers: str) -> str:
    """One row: the votes on the answers of all days. Rates are null where there is nothing to divide by."""
    return _query("votes_total", rated=_rated(answers), votes=_query("votes"))


def votes_a_day(answers: str) -> str:
    """The same for each day that has answers of the model."""
    return _query("votes_daily", rated=_rated(answers), votes=_query("votes"))


def disliked(answers: str) -> str:
    """The latest answers that somebody's vote is against, with their questions."""
    return _query("disliked", answers=quoted(answers), reported=NO_PROBES, days=DAYS)


def spent_this_month(silver: str, prices: TokenPrices) -> str:
    """One row: tokens and price of this month of UTC. The price is null without prices, its share without a ceiling."""
    return _query(
        "spent_month",
        spent=_spent(silver, _DAYS_OF_A_MONTH),
        price=_price(prices),
        input_price=_usd(prices.input_price if prices.known else None),
        price_a_month=_usd(prices.price_a_month or None),
    )


def spent_a_day(silver: str, prices: TokenPrices) -> str:
    """Tokens and price of each day, and how many questions met a ceiling."""
    return _query("spent_daily", spent=_spent(silver, DAYS), price=_price(prices))


def spent_by_chat(silver: str, prices: TokenPrices) -> str:
    """The chats that cost most, the dearest first."""
    return _query("spent_by", spent=_spent(silver, DAYS), price=_price(prices), key="channel_id")


def spent_by_user(silver: str, prices: TokenPrices) -> str:
    """The users who cost most, the dearest first."""
    return _query("spent_by", spent=_spent(silver, DAYS), price=_price(prices), key="author_id")


def undelivered(silver: str, seconds: int) -> str:
    """One row: the number of replies that became unknown or dead in the last `seconds`."""
    return _query("undelivered", silver=quoted(silver), reported=NO_PROBES, seconds=seconds)


def backlog(bronze: str, silver: str, seconds: int) -> str:
    """One row: the number of messages that wait for a row in silver for more than `seconds`, and the oldest's time."""
    return _query(
        "backlog", bronze=quoted(bronze), silver=quoted(silver), reported=NO_PROBES, seconds=seconds, days=DAYS
    )


def _replies(silver: str) -> str:
    return _query("replies", silver=quoted(silver), reported=NO_PROBES, at_ceiling=_AT_CEILING, days=DAYS)


def _rated(answers: str) -> str:
    return _query("rated", answers=quoted(answers), reported=NO_PROBES, days=DAYS)


def _spent(silver: str, days: int) -> str:
    # With probes, which count against the ceilings as well.
    return _query("spent", silver=quoted(silver), at_ceiling=_AT_CEILING, days=days)


def _measures(prices: TokenPrices) -> str:
    return _query("measures", **_of_a_million(prices))


def _price(prices: TokenPrices) -> str:
    return _query("price", **_of_a_million(prices))


def _of_a_million(prices: TokenPrices) -> dict[str, str]:
    known = prices.known
    return {
        "input_price": _usd(prices.input_price if known else None),
        "output_price": _usd(prices.output_price if known else None),
    }


def _query(name: str, **values: str | int) -> str:
    return Template((_FOLDER / f"{name}.sql").read_text(encoding="utf-8").rstrip()).substitute(values)


def _usd(price: float | None) -> str:
    # repr() of a small float is not a plain decimal.
    return f"CAST({'NULL' if price is None else f'{Decimal(repr(price)):f}'} AS DOUBLE)"
