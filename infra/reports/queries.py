"""The queries of the dashboard and the alerts, for given tables and prices, in SQL that Databricks and Spark share."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from string import Template

from pipeline.tables import NO_PROBES
from pipeline.view.query import quoted

DAYS = 30
"""Number of days that the dashboard covers, including today, and in which a backlog is searched."""

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Prices:
    """USD for a million tokens of prompts and of answers. 0: unknown."""

    input_price: float = 0.0
    output_price: float = 0.0

    @property
    def known(self) -> bool:
        """Whether both are known: an estimate from one of them would look complete."""
        return self.input_price > 0 and self.output_price > 0


def totals(silver: str, prices: Prices) -> str:
    """One row over all days. Rates are null without messages, tokens if no model counted them, cost without prices."""
    return _query("totals", replies=_replies(silver), measures=_measures(prices))


def daily(silver: str, prices: Prices) -> str:
    """The same for each day that has replies."""
    return _query("daily", replies=_replies(silver), measures=_measures(prices))


def failures(silver: str) -> str:
    """The latest replies that are unknown, dead or a fallback, with the columns that a replay needs."""
    return _query("failures", silver=quoted(silver), reported=NO_PROBES, days=DAYS)


def undelivered(silver: str, seconds: int) -> str:
    """One row: the number of replies that became unknown or dead in the last `seconds`."""
    return _query("undelivered", silver=quoted(silver), reported=NO_PROBES, seconds=seconds)


def backlog(bronze: str, silver: str, seconds: int) -> str:
    """One row: the number of messages that wait for a row in silver for more than `seconds`, and the oldest's time."""
    return _query(
        "backlog", bronze=quoted(bronze), silver=quoted(silver), reported=NO_PROBES, seconds=seconds, days=DAYS
    )


def _replies(silver: str) -> str:
    return _query("replies", silver=quoted(silver), reported=NO_PROBES, days=DAYS)


def _measures(prices: Prices) -> str:
    known = prices.known
    return _query(
        "measures",
        input_price=_usd(prices.input_price if known else None),
        output_price=_usd(prices.output_price if known else None),
    )


def _query(name: str, **values: str | int) -> str:
    return Template((_FOLDER / f"{name}.sql").read_text(encoding="utf-8").rstrip()).substitute(values)


def _usd(price: float | None) -> str:
    # repr() of a small float is not a plain decimal.
    return f"CAST({'NULL' if price is None else f'{Decimal(repr(price)):f}'} AS DOUBLE)"
