"""The accounts: what each user, each chat and all together have spent, and what is reserved for calls under way."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from pipeline.limits.ceilings import Ceiling, Ceilings, day_of, month_of
from pipeline.limits.charge import Tokens


class Payer(NamedTuple):
    """Against whose ceilings something counts."""

    user: int | None
    chat: int


class Room(StrEnum):
    """Whether a call fits under the ceilings. Where it won't in this day or month, the ceiling says so in its place."""

    NOW = "now"
    LATER = "later"
    """If the calls under way turn out to cost less than they may."""


class Totals(NamedTuple):
    """What all together have spent."""

    today: int = 0
    """Tokens."""
    month: Tokens = Tokens()


class _Sums:
    """Tokens by user, by chat, and of all."""

    def __init__(self) -> None:
        self._users: dict[int, Tokens] = defaultdict(Tokens)
        self._chats: dict[int, Tokens] = defaultdict(Tokens)
        self.all = Tokens()

    def add(self, payer: Payer | None, tokens: Tokens) -> None:
        self.all += tokens
        if payer is None:
            return
        for sums, key in ((self._users, payer.user), (self._chats, payer.chat)):
            if key is not None:
                sums[key] += tokens
                if not sums[key].total:
                    del sums[key]

    def of(self, ceiling: Ceiling, payer: Payer) -> Tokens:
        match ceiling:
            case Ceiling.USER if payer.user is not None:
                return self._users.get(payer.user, Tokens())
            case Ceiling.CHAT:
                return self._chats.get(payer.chat, Tokens())
        return self.all


class Accounts:
    """The sums of this day and this month. For one thread at a time.

    What is reserved counts in whichever day or month it is: a call that was reserved before midnight may be made, and
    paid, after it.
    """

    def __init__(self, ceilings: Ceilings, now: datetime) -> None:
        self._ceilings = ceilings
        self.day, self.month = day_of(now), month_of(now)
        """When they began."""
        self._today = _Sums()
        self._this_month = Tokens()
        self._reserved = _Sums()
        self._reservations: dict[str, tuple[Payer, Tokens]] = {}

    def begin_day(self, now: datetime) -> bool:
        """Begin a new day (and month) if it is time. Returns whether one began. A clock put back begins none."""
        day, month = day_of(now), month_of(now)
        if day <= self.day:
            return False
        self.day, self._today = day, _Sums()
        if month > self.month:
            self.month, self._this_month = month, Tokens()
        return True

    def spend(self, payer: Payer | None, tokens: Tokens, at: datetime | None = None) -> None:
        """Count what was spent now, or at a time, as far as that is in this day or month."""
        if at is None or at >= self.day:
            self._today.add(payer, tokens)
        if at is None or at >= self.month:
            self._this_month += tokens

    def reserve(self, key: str, payer: Payer, most: Tokens) -> None:
        """Reserve for one call; a reservation with this key is replaced."""
        self.release(key)
        self._reservations[key] = (payer, most)
        self._reserved.add(payer, most)

    def release(self, key: str) -> None:
        """Give back a reservation, if there is one."""
        held = self._reservations.pop(key, None)
        if held is not None:
            payer, tokens = held
            self._reserved.add(payer, Tokens(prompt=-tokens.prompt, completion=-tokens.completion))

    def holds(self, key: str) -> bool:
        return key in self._reservations

    @property
    def reservations(self) -> int:
        """How many there are."""
        return len(self._reservations)

    def room(self, payer: Payer, most: Tokens) -> Room | Ceiling:
        """Whether a call that costs this at most fits, or the ceiling that it would pass even if no other did."""
        room = Room.NOW
        for ceiling in self._ceilings.set:
            if ceiling is Ceiling.USER and payer.user is None:
                continue
            limit = self._ceilings.limit(ceiling)
            spent = (self._this_month if ceiling is Ceiling.PRICE else self._today.of(ceiling, payer)) + most
            if self._ceilings.measure(ceiling, spent) > limit:
                return ceiling
            if self._ceilings.measure(ceiling, spent + self._reserved.of(ceiling, payer)) > limit:
                room = Room.LATER
        return room

    def spent_today(self, ceiling: Ceiling, payer: Payer) -> int:
        """Tokens that a user, a chat or all together have spent today."""
        return self._today.of(ceiling, payer).total

    @property
    def totals(self) -> Totals:
        return Totals(self._today.all.total, self._this_month)
