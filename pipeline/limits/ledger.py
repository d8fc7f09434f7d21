"""The ledger: what was spent in this day and month, what is reserved, and whether one more call fits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import NamedTuple

import structlog

from pipeline.limits.accounts import Accounts, Payer, Room, Totals
from pipeline.limits.ceilings import PREFIX, Ceiling, Ceilings, end_of, reason
from pipeline.limits.charge import Charge, Tokens, cost_of
from pipeline.messages.answer import Answer, AnswerStatus
from pipeline.messages.identity import Identity
from pipeline.messages.phrases import Usage, phrases, usage_answer
from pipeline.messages.question import Question
from pipeline.model.outcome import Outcome

log = structlog.get_logger(__name__)

_IN_PRIVATE = "private"
_NO_CEILINGS = Ceilings()
_EARLIER = ""
"""In place of a reply's key, where silver says that somebody was told."""


class Kept(NamedTuple):
    """What the journal has of a reply at a start."""

    question: Question
    tokens: Tokens
    """What it counts as so far."""
    at: datetime | None
    """When it was answered; None: it is open."""
    told: str | None
    """The reason of an answer that tells its reader that a ceiling is met."""


class Spent(NamedTuple):
    """A sum of silver's."""

    payer: Payer | None
    """None: it counts against the ceilings of all together only."""
    tokens: Tokens
    at: datetime
    """When the day or the month began in which it was spent."""


class Told(NamedTuple):
    """Somebody who was told that a ceiling is met."""

    error: str
    """Silver's: the reason, and perhaps more."""
    payer: Payer


class Ledger:
    """What people, chats and the whole deployment have spent. Thread-safe.

    A call that could pass a ceiling is not made: what it may cost at most is reserved before it, and counts until it is
    known what it did cost. Before `load` nothing is reserved, since what was spent before this run is not known.
    """

    def __init__(
        self,
        ceilings: Ceilings = _NO_CEILINGS,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        most_reservations: int = 128,
    ) -> None:
        """`most_reservations`: at the same time. A process that is killed leaves that many, and each counts in full."""
        self._ceilings = ceilings
        self._now = now
        self._most_reservations = most_reservations
        self._lock = threading.Lock()
        """Held for every use of those below."""
        self._accounts = Accounts(ceilings, now())
        self._counted: set[Identity] | None = set()
        """Which replies are counted already, until silver is read: they don't count again."""
        self._told: dict[tuple[str, int], str] = {}
        """Who was told which reason, and by which reply."""

    @property
    def limited(self) -> bool:
        """Whether there is any ceiling: then calls are reserved."""
        return bool(self._ceilings.set)

    # What was spent before this run

    def begin(self, kept: Iterable[Kept]) -> None:
        """Count what the journal has, before anything else and before silver is read."""
        with self._lock:
            assert self._counted is not None
            for each in kept:
                payer = _payer(each.question)
                self._counted.add(each.question.identity)
                self._accounts.spend(payer, each.tokens, each.at)
                if each.told is not None:
                    self._note_told(each.told, payer, each.question.key)

    @property
    def counted(self) -> frozenset[Identity]:
        """The replies that silver's sums must leave out. None are left out once they were loaded."""
        with self._lock:
            return frozenset(self._counted or ())

    def load(self, spent: Iterable[Spent], told: Iterable[Told]) -> None:
        """Add what silver has of this day and month, without the replies that are `counted`."""
        with self._lock:
            self._begin_day()
            for each in spent:
                self._accounts.spend(each.payer, each.tokens, each.at)
            for notice in told:
                self._note_told(notice.error, notice.payer, _EARLIER)
            self._counted = None

    # Calls

    def reserve(self, question: Question, charge: Charge, most: Tokens) -> Charge | Answer | None:
        """The charge with the reservation for the next attempt, which must be durable before that.

        An answer in its place if a ceiling is met. None while that is not known: other calls must end first, or silver
        has not been read yet. A charge whose reservation is held already comes back as it is, as does every one where
        there is no ceiling. A question that is reserved for again has one reservation all the same.
        """
        if not self.limited:
            return charge
        payer = _payer(question)
        with self._lock:
            if charge.reserved is not None and self._accounts.holds(question.key):
                return charge
            if self._counted is not None:
                return None
            now = self._begin_day()
            self._accounts.release(question.key)
            for ceiling in self._ceilings.set:
                # It may fit now, or be told of another ceiling than it was about to: then the next one is told.
                told = (reason(ceiling, now), _subject(ceiling, payer))
                if self._told.get(told) == question.key:
                    del self._told[told]
            room = self._accounts.room(payer, most)
            if isinstance(room, Ceiling):
                return self._met(question, payer, room, now)
            if room is Room.LATER or self._accounts.reservations >= self._most_reservations:
                return None
            self._accounts.reserve(question.key, payer, most)
            return charge.with_reservation(most, now)

    def settle(self, question: Question, charge: Charge, outcome: Outcome) -> Charge:
        """The charge after an attempt that has ended."""
        cost = cost_of(outcome, charge.reserved)
        if charge.reserved is not None and not _within(cost, charge.reserved):
            log.warning("an answer has cost more than it may", key=question.key, cost=cost, most=charge.reserved)
        with self._lock:
            self._begin_day()
            self._accounts.release(question.key)
            self._accounts.spend(_payer(question), cost)
            if self._counted is not None:
                self._counted.add(question.identity)
        return charge.charged(cost)

    def release(self, question: Question, charge: Charge) -> Charge:
        """The charge after an attempt that never began."""
        with self._lock:
            self._accounts.release(question.key)
        return charge.released()

    # Reports

    def usage(self, question: Question) -> Answer | None:
        """The answer to /usage; None while silver has not been read yet."""
        payer, ceilings = _payer(question), self._ceilings
        with self._lock:
            if self._counted is not None:
                return None
            now = self._begin_day()
            chat = self._accounts.spent_today(Ceiling.CHAT, payer)
            user = chat if payer.user is None else self._accounts.spent_today(Ceiling.USER, payer)
        user_limit, chat_limit = ceilings.user_tokens_a_day, ceilings.chat_tokens_a_day
        if question.chat_type == _IN_PRIVATE and 0 < user_limit <= chat_limit:
            # Their own is the one that they meet.
            chat_limit = 0
        usage = Usage(user, user_limit, chat, chat_limit, _shown(end_of(Ceiling.USER, now)))
        return Answer(text=usage_answer(usage, question.language), status=AnswerStatus.FIXED, answered_at=now)

    @property
    def totals(self) -> Totals | None:
        """What all together have spent in this day and month; None while silver has not been read yet."""
        with self._lock:
            self._begin_day()
            return self._accounts.totals if self._counted is None else None

    # For the holder of the lock

    def _begin_day(self) -> datetime:
        """Begin a new day or month if it is time. Returns the time, which is never before this day."""
        now = max(self._now(), self._accounts.day)
        if self._accounts.begin_day(now):
            current = {reason(ceiling, now) for ceiling in self._ceilings.set}
            self._told = {told: key for told, key in self._told.items() if told[0] in current}
        return now

    def _met(self, question: Question, payer: Payer, ceiling: Ceiling, now: datetime) -> Answer:
        """The polite text; it is kept from those who were told before."""
        why = reason(ceiling, now)
        teller = question.key
        # What is withheld tells nobody.
        if not question.withheld:
            teller = self._told.setdefault((why, _subject(ceiling, payer)), question.key)
        texts = phrases(question.language)
        text = {Ceiling.USER: texts.limit_user, Ceiling.CHAT: texts.limit_chat}.get(ceiling, texts.limit_bot)
        return Answer(
            text=text.format(when=_shown(end_of(ceiling, now))),
            status=AnswerStatus.FALLBACK,
            reason=why,
            answered_at=now,
            withheld=teller != question.key,
        )

    def _note_told(self, error: str, payer: Payer, key: str) -> None:
        for ceiling in self._ceilings.set:
            why = reason(ceiling, self._accounts.day)
            if error == why or error.startswith(f"{why};"):
                self._told[why, _subject(ceiling, payer)] = key


def told(answer: Answer | None) -> str | None:
    """The reason of an answer that tells its reader that a ceiling is met."""
    if answer is None or answer.withheld or answer.reason is None or not answer.reason.startswith(PREFIX):
        return None
    return answer.reason


def _payer(question: Question) -> Payer:
    return Payer(question.author_id, question.chat_id)


def _subject(ceiling: Ceiling, payer: Payer) -> int:
    """Who is told that a ceiling is met: the user, or else the chat."""
    return payer.user if ceiling is Ceiling.USER and payer.user is not None else payer.chat


def _within(cost: Tokens, most: Tokens) -> bool:
    return cost.prompt <= most.prompt and cost.completion <= most.completion


def _shown(moment: datetime) -> str:
    """A time as people of all languages read it."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"
