"""Turns: what was asked and answered in a conversation, and how much of it a further question is given.

Plain functions on plain values. A run takes turns from its replies, `pipeline explain` from silver: both have the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

from pipeline.messages.answer import AnswerStatus

_NEW = re.compile(r"/new(?:@\w+)?(?:\s|$)", re.IGNORECASE)
_SEEN = frozenset({"sent", "unknown"})
"""Delivery statuses of an answer that its reader has, or may have."""


class ConversationKey(NamedTuple):
    """A conversation of the one bot that a storage belongs to."""

    chat_id: int
    topic_id: int | None


class Turn(NamedTuple):
    """A question with its answer, as people saw it; or a `/new`, which has none and ends what came before it."""

    message_id: int
    """Of the question: turns are in the order of the chat, also where a replay answers one of them later."""
    seq: int
    received_at: datetime
    question: str
    answer: str | None
    reply_ids: tuple[int, ...] = ()
    """The messages that the answer was sent as, where Telegram confirmed them."""


class ContextLimits(NamedTuple):
    """What bounds the turns that a question is given."""

    turns: int
    tokens: int
    """Of these turns and of the message that is replied to, as `tokens_of` estimates them."""
    age: timedelta


def tokens_of(text: str) -> int:
    """An estimate on the high side: a token for each four characters of ASCII that have begun, and for each other."""
    plain = len(text.encode("ascii", "ignore"))
    return -(-plain // 4) + len(text) - plain


def newest_first(turns: Iterable[Turn]) -> Iterator[Turn]:
    """The turns from the newest on, and the `/new` that ends them. Of a message that was replayed, the latest."""
    latest: dict[int, Turn] = {}
    for turn in turns:
        known = latest.get(turn.message_id)
        if known is None or known.seq < turn.seq:
            latest[turn.message_id] = turn
    for message_id in sorted(latest, reverse=True):
        yield latest[message_id]
        if latest[message_id].answer is None:
            return


def fresh(turns: Iterable[Turn], limits: ContextLimits) -> list[Turn]:
    """The turns that are not too old for a question that comes after all of them."""
    known = list(turns)
    since = max((turn.received_at for turn in known), default=datetime.max.replace(tzinfo=UTC)) - limits.age
    return [turn for turn in known if turn.received_at >= since]


def reachable(turns: Iterable[Turn], limits: ContextLimits) -> list[Turn]:
    """What later questions can be given of these turns at most, and the `/new` before them; newest first.

    None of those that are not `fresh`.
    """
    kept: list[Turn] = []
    tokens = 0
    for turn in newest_first(fresh(turns, limits)):
        tokens += _tokens(turn)
        if turn.answer is not None and (len(kept) == limits.turns or tokens > limits.tokens):
            break
        kept.append(turn)
    return kept


def given_turns(
    turns: Iterable[Turn], message_id: int, received_at: datetime, limits: ContextLimits, tokens: int = 0
) -> list[Turn]:
    """The turns that a question is given, the oldest first: whole ones without a gap, as many as the limits allow.

    `message_id` and `received_at` are the question's: a message that is replayed is given what came before it.
    `tokens`: how many are taken already.
    """
    given: list[Turn] = []
    # What is too old is not there at all, as in a look into silver: of a message that was replayed, the new answer may
    # be young where the messages after it are old.
    young = (turn for turn in turns if turn.message_id < message_id and received_at - turn.received_at <= limits.age)
    for turn in newest_first(young):
        tokens += _tokens(turn)
        if turn.answer is None or len(given) == limits.turns or tokens > limits.tokens:
            break
        given.append(turn)
    return given[::-1]


def _tokens(turn: Turn) -> int:
    return tokens_of(turn.question) + tokens_of(turn.answer or "")


# From what silver has of a reply


def _zoned(value: datetime) -> datetime:
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _list(value: object) -> object:
    """A SQL warehouse gives an array as JSON."""
    return json.loads(value) if isinstance(value, str) else value


UtcTime = Annotated[datetime, AfterValidator(_zoned)]
"""A time of a table: UTC if it comes without a time zone."""


class TurnRow(BaseModel):
    """The columns of silver that a turn is made of."""

    model_config = ConfigDict(frozen=True)
    channel_id: int
    topic_id: int | None
    message_id: int
    seq: int
    received_at: UtcTime
    user_message: str | None
    llm_response: str | None
    answer_status: str
    delivery_status: str
    reply_message_ids: Annotated[tuple[int, ...] | None, BeforeValidator(_list)]

    @property
    def key(self) -> ConversationKey:
        return ConversationKey(self.channel_id, self.topic_id)

    @property
    def turn(self) -> Turn | None:
        return turn_from(
            self.message_id,
            self.seq,
            self.received_at,
            self.user_message or "",
            self.llm_response or "",
            self.answer_status,
            self.delivery_status,
            self.reply_message_ids or (),
        )


def turn_from(
    message_id: int,
    seq: int,
    received_at: datetime,
    question: str,
    answer: str,
    answer_status: str,
    delivery_status: str,
    reply_ids: tuple[int, ...],
) -> Turn | None:
    """The turn that these values of silver are, if they are one. Where a probe asked, nobody may ask for it."""
    if answer_status == AnswerStatus.FIXED and _NEW.match(question):
        return Turn(message_id, seq, received_at, question, None)
    if answer_status == AnswerStatus.ANSWERED and delivery_status in _SEEN:
        return Turn(message_id, seq, received_at, question, answer, reply_ids)
    return None
