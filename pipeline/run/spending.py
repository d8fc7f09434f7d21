"""What was spent before this run: from the journal at once, and from silver once Spark is there.

Where there are ceilings nobody is asked before both are known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

import structlog

from pipeline.errors import SettingsError
from pipeline.limits.accounts import Payer
from pipeline.limits.ceilings import PREFIX, Ceilings, Prices, day_of, least_call, month_of
from pipeline.limits.charge import Tokens
from pipeline.limits.ledger import Kept, Ledger, Spent, Told, told
from pipeline.messages.identity import Identity
from pipeline.replies.reply import Reply
from pipeline.settings import RunSettings, env_name
from pipeline.storage.record import Spending

if TYPE_CHECKING:
    from datetime import datetime

    from pyspark.sql import Column, DataFrame

log = structlog.get_logger(__name__)


# Settings


def ceilings_of(settings: RunSettings) -> Ceilings:
    """The ceilings of a run. Raises SettingsError for a price without prices, and for one below a call's cost."""
    ceilings = Ceilings(
        user_tokens_a_day=settings.user_tokens_a_day,
        chat_tokens_a_day=settings.chat_tokens_a_day,
        tokens_a_day=settings.tokens_a_day,
        price_a_month=settings.price_a_month,
        prices=Prices(settings.input_price, settings.output_price),
    )
    if ceilings.price_a_month and not ceilings.prices.known:
        raise SettingsError(
            f"{env_name('price_a_month')} needs both prices: set {env_name('input_price')} and "
            f"{env_name('output_price')}, in USD of a million tokens"
        )
    call = least_call(settings.max_tokens)
    for ceiling in ceilings.set:
        if ceilings.measure(ceiling, call) > ceilings.limit(ceiling):
            raise SettingsError(
                f"{env_name(ceiling.value)} {getattr(settings, ceiling.value):g} allows no call, which may cost "
                f"{call.prompt} tokens and {call.completion} of the answer: raise it, or lower "
                f"{env_name('max_tokens')}"
            )
    return ceilings


# The journal


def kept_in(replies: Iterable[Reply]) -> list[Kept]:
    """What a journal has, as the ledger counts it. What was reserved at the end of the former run counts in full."""
    return [
        Kept(
            reply.question,
            _tokens_of(reply),
            reply.answer.answered_at if reply.answer else None,
            None if reply.question.withheld else told(reply.answer),
        )
        for reply in replies
    ]


def _tokens_of(reply: Reply) -> Tokens:
    answer = reply.answer
    if answer is None or reply.context is not None or answer.answered_at < reply.question.received_at:
        return reply.charge.lost().settled
    # An earlier release had no charges.
    return Tokens(prompt=answer.prompt_tokens or 0, completion=answer.completion_tokens or 0)


# Silver


class InSilver(NamedTuple):
    """What silver has of this day and month."""

    spent: list[Spent]
    told: list[Told]


def read_silver(
    silver: DataFrame, now: datetime, counted: frozenset[Identity], *, whole_month: bool, notices: bool
) -> InSilver:
    """What silver has of the day of `now`, or of its month, without the replies in `counted`: two queries at most.

    `notices`: whether those are read too whom it told that a ceiling is met. Raises what Spark raises.
    """
    from pyspark.sql import functions as f

    day, month = day_of(now), month_of(now)
    lately = silver.where(silver["answered_at"] >= f.lit(month if whole_month else day))
    today = lately["answered_at"] >= f.lit(day)
    sums = _without(lately, counted).select(
        today.alias("today"),
        f.when(today, lately["author_id"]).alias("author_id"),
        f.when(today, lately["channel_id"]).alias("channel_id"),
        *(_charged(lately, name).alias(name) for name in ("prompt", "completion")),
    )
    grouped = sums.groupBy("today", "author_id", "channel_id").agg(
        # As decimals: one row with an absurd count must not keep all of them from being added up.
        *(f.sum(f.col(name).cast("decimal(38,0)")).alias(name) for name in ("prompt", "completion"))
    )
    spent = [
        Spent(
            Payer(row["author_id"], row["channel_id"]) if row["today"] else None,
            Tokens(prompt=int(row["prompt"] or 0), completion=int(row["completion"] or 0)),
            day if row["today"] else month,
        )
        for row in grouped.collect()
    ]
    if not notices:
        return InSilver(spent, [])
    was_told = lately.where(lately["error"].startswith(PREFIX) & (lately["delivery_status"] != f.lit("withheld")))
    rows = was_told.select("error", "author_id", "channel_id").distinct().collect()
    return InSilver(spent, [Told(row["error"], Payer(row["author_id"], row["channel_id"])) for row in rows])


def _without(rows: DataFrame, replies: frozenset[Identity]) -> DataFrame:
    """The rows of other messages than these."""
    if not replies:
        return rows
    import pyarrow as pa
    from pyspark.sql import functions as f

    names = ("bot_id", "update_id", "channel_id", "message_id", "origin")
    columns = zip(*replies, strict=True)
    types = [pa.int64()] * 4 + [pa.string()]
    left_out = rows.sparkSession.createDataFrame(
        pa.table(
            {
                f"counted_{name}": pa.array(values, kind)
                for name, values, kind in zip(names, columns, types, strict=True)
            }
        )
    )
    same = [rows[name].eqNullSafe(left_out[f"counted_{name}"]) for name in names]
    return rows.join(f.broadcast(left_out), on=same, how="left_anti")


def _charged(rows: DataFrame, kind: str) -> Column:
    """The charge of a row.

    Rows of earlier releases have none: there it is the model's count, but for a stored answer that was delivered
    again, which was counted before.
    """
    from pyspark.sql import functions as f

    own = f.when(rows["answered_at"] >= rows["received_at"], rows[f"{kind}_tokens"]).otherwise(f.lit(0))
    return f.coalesce(rows[f"charged_{kind}_tokens"], own, f.lit(0))


def load_ledger(ledger: Ledger, read: Callable[[frozenset[Identity]], InSilver]) -> None:
    """Load the ledger. `read` gets the replies to leave out, those that the journal had. Raises what it raises."""
    ledger.load(*read(ledger.counted))
    log.info("what was spent is known", **_shown(ledger))


# The record


def spending_of(ledger: Ledger, settings: RunSettings, now: datetime) -> Spending | None:
    """What all have spent in this day and month, for the run's record; None while it is not known."""
    totals = ledger.totals
    if totals is None:
        return None
    prices = Prices(settings.input_price, settings.output_price)
    return Spending(
        day=day_of(now).date(),
        tokens=totals.today,
        tokens_a_day=settings.tokens_a_day,
        price=round(prices.dollars(totals.month), 6) if prices.known else None,
        price_a_month=settings.price_a_month,
    )


def _shown(ledger: Ledger) -> dict[str, object]:
    totals = ledger.totals
    return {} if totals is None else {"tokens_today": totals.today, "tokens_this_month": totals.month.total}
