"""Telegram's gate: whether a part may be sent now."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import StrEnum

import structlog

from pipeline.replies.delivery import Effect, Sending
from pipeline.replies.event_loop import EventLoop
from pipeline.replies.gates.outage import GateState, Outage
from pipeline.replies.reply import Reply
from pipeline.telegram.pacing import Pace

log = structlog.get_logger(__name__)

MOST_REQUESTS = 32
"""Requests to Telegram at once; also the most outcomes that one fault can leave unknown."""
_HOLD = 1.0
"""Seconds to wait in a chat where Telegram asks for a wait and does not say how long."""
_JOURNAL_PAUSE = 1.0
"""Seconds until a part is tried again that could not be recorded."""


class Admission(StrEnum):
    """Whether a part may be sent now, and otherwise what its chat waits for. A chat that waits is resumed."""

    NOW = "now"
    """It may, and must: its request counts from here until `ended`."""
    PLACE = "place"
    """As many requests as may run at once are under way."""
    PACE = "pace"
    """Telegram's limits, or its own word on a wait, allow it later."""
    OUTAGE = "outage"
    """Telegram does not answer, or refuses our token."""


class TelegramGate:
    """Lets chats send. For the event loop's owner only.

    OPEN: parts are sent, within the limits. CLOSED: a request failed, or nobody can know its outcome, and nothing is
    sent. When the wait is over a harmless request, getMe, tries: TRIAL. Only its answer opens the gate: so no more
    outcomes can be unknown than requests were under way.
    """

    def __init__(
        self,
        loop: EventLoop,
        *,
        send_rate: float,
        probe: Callable[[], str | None],
        report: Callable[[str | None], None],
        resume: Callable[[int], None],
    ) -> None:
        """`send_rate`: messages a second over all chats.

        `probe` may block; it makes the harmless request, on a thread of its own, and returns why it failed, or None.
        The others are called on the owner's thread: `report` gets the reason when an outage begins and None when it
        ends; `resume` lets a chat that waits continue.
        """
        self._loop = loop
        self._pace = Pace(send_rate)
        self._probe = probe
        self._report = report
        self._resume = resume
        self._outage = Outage()
        self._requests = 0
        self._waiting_for_end_of_outage: deque[int] = deque()
        self._waiting_for_place: deque[int] = deque()

    @property
    def state(self) -> GateState:
        return self._outage.state

    @property
    def requests(self) -> int:
        """How many requests are under way."""
        return self._requests

    def admit(self, reply: Reply) -> Admission:
        """Ask for leave to send a reply's next part."""
        assert self._loop.owned
        chat, now = reply.question.chat_id, self._loop.now()
        if self.state is not GateState.OPEN:
            self._waiting_for_end_of_outage.append(chat)
            return Admission.OUTAGE
        if self._requests >= MOST_REQUESTS:
            self._waiting_for_place.append(chat)
            return Admission.PLACE
        due = self._pace.take(reply.chat_id, reply.question.chat_type, now)
        if due > now:
            self._resume_at(due, chat)
            return Admission.PACE
        self._requests += 1
        return Admission.NOW

    def ended(self, sending: Sending) -> None:
        """A part that was admitted was sent, or was not; its chat continues when it may."""
        assert self._loop.owned
        reply, now = sending.reply, self._loop.now()
        chat = reply.question.chat_id
        self._requests -= 1
        if sending.effect is Effect.NOT_RECORDED:
            log.error("the journal can't be written; nothing is sent", key=reply.key, error=sending.reason)
            self._resume_at(now + _JOURNAL_PAUSE, chat)
        elif sending.effect is Effect.HOLD:
            until = now + (sending.wait or _HOLD)
            self._pace.hold(reply.chat_id, until)
            log.info("telegram asks to wait", chat=reply.chat_id, seconds=sending.wait)
            self._resume_at(until, chat)
        else:
            if sending.effect in (Effect.OUTAGE, Effect.TOKEN_REJECTED):
                self._failed(now, sending.reason)
            elif reply.stage == "dead":
                log.warning("reply refused", key=reply.key, reason=reply.error)
            self._resume(chat)
        if self._waiting_for_place:
            self._resume(self._waiting_for_place.popleft())

    def _resume_at(self, when: float, chat: int) -> None:
        self._loop.at(when, lambda: self._resume(chat))

    def _failed(self, now: float, reason: str) -> None:
        if self._outage.failed(now, reason):
            log.error("telegram is unavailable; replies wait", reason=reason)
            self._report(reason)
            self._loop.at(self._outage.next_trial, self._try)

    # Trials

    def _try(self) -> None:
        began = self._loop.now()
        if self._outage.admits(began):
            self._loop.in_background("probe", self._probe, lambda reason: self._take_probe(began, reason))

    def _take_probe(self, began: float, reason: str | None) -> None:
        if reason is not None:
            self._outage.failed(self._loop.now(), reason)
            self._loop.at(self._outage.next_trial, self._try)
        elif self._outage.answered(began):
            waiting, self._waiting_for_end_of_outage = self._waiting_for_end_of_outage, deque()
            log.info("telegram answers again", waiting=len(waiting))
            self._report(None)
            for chat in waiting:
                self._resume(chat)
