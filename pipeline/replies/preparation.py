"""The preparation of a reply: what the model is given for it, and what that may cost.

Both are decided once, and the journal has them before the model is asked: so a restart asks the same, and a crash can't
overspend.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol

import structlog

from pipeline.conversations.context import Context, request_of, without_context
from pipeline.limits.charge import Charge, Tokens
from pipeline.messages.answer import Answer, AnswerStatus
from pipeline.messages.phrases import phrases
from pipeline.messages.question import Question
from pipeline.model.outcome import Outcome
from pipeline.model.request import Asked, instructions
from pipeline.replies.event_loop import place_of
from pipeline.replies.reply import Reply

log = structlog.get_logger(__name__)

USAGE = "usage"
"""The command that asks where a user stands."""


class RemembersConversations(Protocol):
    """What the preparation needs of the memory. `conversations.memory.Memory` is one."""

    looks_back: bool
    """Whether what the model is given depends on earlier answers."""

    def context_of(self, question: Question) -> Context | None:
        """What the model is given with a question; None while it is not known."""

    def remember(self, reply: Reply) -> None:
        """Take a terminal reply as a turn of its conversation. To take it again changes nothing."""


class KeepsLedger(Protocol):
    """What the preparation needs of the ledger. `limits.ledger.Ledger` is one."""

    @property
    def limited(self) -> bool:
        """Whether there is any ceiling."""

    def reserve(self, question: Question, charge: Charge, most: Tokens) -> Charge | Answer | None:
        """The charge with its reservation; an answer if a ceiling is met; None while that is not known."""

    def settle(self, question: Question, charge: Charge, outcome: Outcome) -> Charge:
        """The charge after an attempt that has ended."""

    def release(self, question: Question, charge: Charge) -> Charge:
        """The charge after an attempt that never began."""

    def usage(self, question: Question) -> Answer | None:
        """The answer to /usage; None while it is not known."""


class Preparation:
    """Prepares replies for being asked for. Thread-safe: the stream prepares what it accepts, the lanes the rest."""

    def __init__(self, memory: RemembersConversations, ledger: KeepsLedger, max_tokens: int) -> None:
        """`max_tokens`: of an answer."""
        self._memory = memory
        self._ledger = ledger
        self._max_tokens = max_tokens

    @property
    def in_order(self) -> bool:
        """Whether only the first open reply of a chat may be prepared.

        With a memory, because what the model is given depends on the chat's earlier answers. With ceilings, because
        a later reply's reservation could leave no room for the first one, which the later one waits for.
        """
        return self._memory.looks_back or self._ledger.limited

    def prepare(self, reply: Reply) -> Reply | Answer | None:
        """The reply as it must be recorded before the model is asked; the same one if nothing is to be recorded.

        An answer if the model is not to be asked. None if that can't be decided now: ask again after something changed.
        Never raises: a message that can't be prepared gets the polite text, since its chat and the stream wait for it.
        """
        try:
            return self._prepared(reply)
        except Exception as error:
            # Without the error's own text, which may hold a secret.
            log.error("a message can't be prepared", key=reply.key, error=type(error).__name__, at=place_of(error))
            return Answer(
                text=phrases(reply.question.language).fallback,
                status=AnswerStatus.FALLBACK,
                reason=f"the request can't be made: {type(error).__name__}",
                answered_at=datetime.now(UTC),
            )

    def _prepared(self, reply: Reply) -> Reply | Answer | None:
        if reply.question.command == USAGE:
            return self._ledger.usage(reply.question)
        context = reply.context or self._context_of(reply.question)
        if context is None:
            return None
        prepared = reply if reply.context is not None else reply.with_context(context)
        if not self._ledger.limited:
            # Another release may have decided it. Unknown instructions raise here, not where the model is asked.
            instructions(context.instructions)
            return prepared
        most = request_of(reply.question, context).most_prompt_tokens
        charge = self._ledger.reserve(reply.question, reply.charge, Tokens(prompt=most, completion=self._max_tokens))
        return _charged(prepared, charge) if isinstance(charge, Charge) else charge

    def _context_of(self, question: Question) -> Context | None:
        # A check's question belongs to no conversation.
        return without_context(question) if question.is_probe else self._memory.context_of(question)

    def attempted(self, reply: Reply, outcome: Outcome) -> Reply:
        """The reply after an attempt that has ended."""
        return _charged(reply, self._ledger.settle(reply.question, reply.charge, outcome))

    def taken_back(self, reply: Reply) -> Reply:
        """The reply after an attempt that never began."""
        return _charged(reply, self._ledger.release(reply.question, reply.charge))

    def following(self, finished: Reply, reply: Reply) -> Reply | None:
        """A chat's next reply, prepared to be recorded together with the one before it, which is terminal.

        None where that can't be decided now, or the model is not to be asked: `prepare` says so later. Never raises.
        """
        self.finished(finished)
        prepared = self.prepare(reply)
        return prepared if isinstance(prepared, Reply) and prepared is not reply else None

    def finished(self, reply: Reply) -> None:
        """The reply is terminal, and the journal says so, or will say so before anything is done that depends on it.

        Never raises: the chat's next reply waits for it.
        """
        if reply.question.is_probe:
            return
        try:
            self._memory.remember(reply)
        except Exception as error:
            log.error("a turn is not remembered", key=reply.key, error=type(error).__name__, at=place_of(error))


def _charged(reply: Reply, charge: Charge) -> Reply:
    return reply if charge is reply.charge else reply.with_charge(charge)


def asked_of(reply: Reply) -> Asked:
    """What the model is asked for a reply that is prepared."""
    assert reply.context is not None
    return Asked(reply.question, request_of(reply.question, reply.context))
