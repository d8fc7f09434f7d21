"""The ceilings: how much may be spent in a day and in a month. Plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from pipeline.limits.charge import Tokens
from pipeline.model.request import alone

PREFIX = "ceiling: "
"""How the reason of an answer begins that says that a ceiling is met: so reports know it from a failure."""

_PICO = 10**12


class Ceiling(StrEnum):
    """The ceilings by the names of their settings, in the order in which they are looked at."""

    USER = "user_tokens_a_day"
    CHAT = "chat_tokens_a_day"
    ALL = "tokens_a_day"
    PRICE = "price_a_month"


@dataclass(frozen=True)
class Prices:
    """Prices in USD of a million tokens; 0 where they are unknown."""

    prompt: float = 0.0
    completion: float = 0.0

    @property
    def known(self) -> bool:
        return self.prompt > 0 and self.completion > 0

    def of(self, tokens: Tokens) -> int:
        """The price of tokens in millionths of a millionth of a dollar: whole numbers, so that sums are exact."""
        return tokens.prompt * round(self.prompt * 10**6) + tokens.completion * round(self.completion * 10**6)

    def dollars(self, tokens: Tokens) -> float:
        return self.of(tokens) / _PICO


@dataclass(frozen=True)
class Ceilings:
    """How much may be spent at most; 0 is no ceiling. Days and months are of UTC."""

    user_tokens_a_day: int = 0
    chat_tokens_a_day: int = 0
    tokens_a_day: int = 0
    price_a_month: float = 0.0
    """USD."""
    prices: Prices = Prices()

    @property
    def set(self) -> tuple[Ceiling, ...]:
        """Those that there are."""
        return tuple(ceiling for ceiling in Ceiling if getattr(self, ceiling.value))

    def limit(self, ceiling: Ceiling) -> int:
        """The ceiling in its own measure."""
        if ceiling is Ceiling.PRICE:
            return int(self.price_a_month * _PICO)
        return int(getattr(self, ceiling.value))

    def measure(self, ceiling: Ceiling, tokens: Tokens) -> int:
        """How much tokens count as against a ceiling."""
        return self.prices.of(tokens) if ceiling is Ceiling.PRICE else tokens.total


def least_call(max_tokens: int) -> Tokens:
    """The least that is reserved for a call: a ceiling below it allows none."""
    return Tokens(prompt=alone("?").most_prompt_tokens, completion=max_tokens)


def day_of(now: datetime) -> datetime:
    """When the day of UTC began."""
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def month_of(now: datetime) -> datetime:
    """When the month of UTC began."""
    return day_of(now).replace(day=1)


def end_of(ceiling: Ceiling, now: datetime) -> datetime:
    """When the day or the month of a ceiling ends."""
    if ceiling is Ceiling.PRICE:
        return month_of(month_of(now) + timedelta(days=31))
    return day_of(now) + timedelta(days=1)


def reason(ceiling: Ceiling, now: datetime) -> str:
    """Why an answer is none of the model's: the same text for one ceiling in one day or month."""
    return f"{PREFIX}{ceiling} is met until {end_of(ceiling, now):%Y-%m-%dT%H:%MZ}"
