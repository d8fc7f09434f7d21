"""A reply from question to delivery: its states, and the decisions that lead from one to the next.

A reply is `accepted`, then `answered` when it has its answer, and then each of its parts goes
`pending` → `sending` → `sent | unknown | dead`. The reply is terminal when all of its parts are. The parts of an
answer that is not to be delivered, a probe's for example, are `withheld` from the start.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict

from pipeline.conversations.context import Context
from pipeline.limits.charge import Charge
from pipeline.messages.answer import Answer
from pipeline.messages.question import Question

OnUnknown = Literal["hold", "resend"]


class PartState(StrEnum):
    """How far the delivery of a part has come."""

    PENDING = "pending"
    """To be sent."""
    SENDING = "sending"
    """A request is about to leave, or under way. A restart that finds this can't know its outcome."""
    SENT = "sent"
    """Telegram confirmed it."""
    UNKNOWN = "unknown"
    """A request had no response: nobody can know whether the part arrived."""
    DEAD = "dead"
    """Telegram refused it for good."""
    WITHHELD = "withheld"
    """Not to be sent at all."""


MOST_RESENDS = 2
"""How often a part of unknown outcome is sent again at most. A reader may see it once more than this."""

OPEN_STATES = frozenset({PartState.PENDING, PartState.SENDING})


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class Part(_Value):
    """One message of the reply: the journal's unit, as Telegram's limit splits a long answer."""

    text: str
    html: bool = False
    buttons: bool = False
    """Whether the buttons for a vote are under it."""
    state: PartState = PartState.PENDING
    message_id: int | None = None
    error: str | None = None
    resends: int = 0
    """How often it was sent again after an unknown outcome."""


class Reply(_Value):
    """A question, its answer once there is one, and the delivery of that."""

    question: Question
    chat_id: int
    """Where to send: the question's chat, or the supergroup that Telegram made of it."""
    context: Context | None = None
    """What the model is given with the question, once that is decided."""
    charge: Charge = Charge()
    """What the reply counts as against the ceilings."""
    answer: Answer | None = None
    parts: tuple[Part, ...] = ()
    delivered_at: datetime | None = None

    @classmethod
    def accepted(cls, question: Question) -> Self:
        return cls(question=question, chat_id=question.chat_id)

    @property
    def key(self) -> str:
        return self.question.key

    @property
    def terminal(self) -> bool:
        return self.answer is not None and all(part.state not in OPEN_STATES for part in self.parts)

    @property
    def next_part(self) -> int | None:
        """Index of the part to send next."""
        return next((i for i, part in enumerate(self.parts) if part.state in OPEN_STATES), None)

    @property
    def stage(self) -> str:
        """accepted, answered or sending; the delivery status once the reply is terminal."""
        if self.answer is None:
            return "accepted"
        if self.terminal:
            return self.delivery_status
        sending = any(part.state is PartState.SENDING for part in self.parts)
        return "sending" if sending else "answered"

    @property
    def delivery_status(self) -> str:
        """unknown, dead or withheld if any part is, in this order; otherwise sent."""
        states = {part.state for part in self.parts}
        for state in (PartState.UNKNOWN, PartState.DEAD, PartState.WITHHELD):
            if state in states:
                return state.value
        return PartState.SENT.value

    @property
    def message_ids(self) -> list[int]:
        """The messages that Telegram confirmed, in the order of the parts."""
        return [part.message_id for part in self.parts if part.message_id is not None]

    @property
    def error(self) -> str | None:
        """All reasons why something went wrong, each once."""
        reasons = [self.answer.reason if self.answer else None, *(part.error for part in self.parts)]
        # The parts of a reply that was refused share one reason.
        return "; ".join(dict.fromkeys(reason for reason in reasons if reason)) or None

    def with_context(self, context: Context) -> Self:
        return self.model_copy(update={"context": context})

    def with_charge(self, charge: Charge) -> Self:
        return self.model_copy(update={"charge": charge})

    def with_answer(self, answer: Answer, parts: tuple[Part, ...]) -> Self:
        if self.question.withheld or answer.withheld:
            parts = tuple(part.model_copy(update={"state": PartState.WITHHELD}) for part in parts)
        # Nobody asks for it again.
        context = self.context and self.context.model_copy(update={"said": ()})
        return self.model_copy(update={"answer": answer, "parts": parts, "context": context})

    def with_part(self, index: int, **changes: object) -> Self:
        part = self.parts[index].model_copy(update=changes)
        return self.model_copy(update={"parts": (*self.parts[:index], part, *self.parts[index + 1 :])})

    def sending(self, index: int) -> Self:
        return self.with_part(index, state=PartState.SENDING)

    def sent(self, index: int, message_id: int, at: datetime) -> Self:
        done = self.with_part(index, state=PartState.SENT, message_id=message_id)
        return done.model_copy(update={"delivered_at": at})

    def not_sent(self, index: int) -> Self:
        """The request never took effect: the part is to be sent again."""
        return self.with_part(index, state=PartState.PENDING)

    def unknown(self, index: int, reason: str, on_unknown: OnUnknown) -> Self:
        """Nobody can know whether the part arrived: `hold` leaves it so, `resend` sends it again a few times."""
        resends = self.parts[index].resends
        if on_unknown == "resend" and resends < MOST_RESENDS:
            return self.with_part(index, state=PartState.PENDING, resends=resends + 1)
        return self.with_part(index, state=PartState.UNKNOWN, error=reason)

    def dead(self, reason: str) -> Self:
        """Telegram refused for good: no open part can arrive."""
        parts = tuple(
            part.model_copy(update={"state": PartState.DEAD, "error": reason}) if part.state in OPEN_STATES else part
            for part in self.parts
        )
        return self.model_copy(update={"parts": parts})

    def moved(self, chat_id: int) -> Self:
        """Telegram made a supergroup of the chat."""
        return self.model_copy(update={"chat_id": chat_id})

    def resumed(self, on_unknown: OnUnknown) -> Self:
        """The reply as a restart finds it: a request that was under way has an outcome that nobody can know."""
        reply = self if self.charge.reserved is None else self.with_charge(self.charge.lost())
        for index, part in enumerate(self.parts):
            if part.state is PartState.SENDING:
                reply = reply.unknown(index, "the process ended between the request and its response", on_unknown)
        return reply
