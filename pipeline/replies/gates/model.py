"""The model's gate: whether a question may be asked now, and whether its message or the model is at fault."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

import structlog

from pipeline.model.outcome import OUTAGES, SUSPICIOUS, Next, Outcome, Verdict, counts, next_step
from pipeline.replies.event_loop import EventLoop
from pipeline.replies.gates.outage import LONGEST_WAIT, GateState, Outage
from pipeline.replies.work import Work

log = structlog.get_logger(__name__)

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 5.0
_NEVER = float("inf")


class ModelGate:
    """Lets chats ask the model. For the event loop's owner only.

    OPEN: every chat may ask. CLOSED: the model fails, and chats that want to ask are parked. When the wait is over one
    of them asks: TRIAL. An answer opens the gate for all; a failure closes it for a longer wait, and another chat is
    the next to try, since a message that fails alone must not be the only trial.

    A message that fails while the model is not known to answer others is an unconfirmed failure. The gate then checks
    whether the model is alive; if it is, the failure counts against the message.
    """

    def __init__(
        self,
        loop: EventLoop,
        *,
        most_attempts: int,
        alive: Callable[[], bool],
        report: Callable[[str | None], None],
        withdraw: Callable[[], Iterable[int]],
        resume: Callable[[int], None],
        give_up: Callable[[Work, Outcome], None],
    ) -> None:
        """`most_attempts`: how often one message is asked for.

        `alive` may block; it asks the model something harmless, on a thread of its own. The others are called on the
        owner's thread: `report` gets the reason when an outage begins and None when it ends; `withdraw` takes back what
        was not asked yet, and returns the chats; `resume` lets a parked chat continue; `give_up` gets the work whose
        message is at fault.
        """
        self._loop = loop
        self._most_attempts = most_attempts
        self._alive = alive
        self._report = report
        self._withdraw = withdraw
        self._resume = resume
        self._give_up = give_up
        self._outage = Outage()
        self._parked: deque[int] = deque()
        self._wake_at = _NEVER
        """When the next parked chat continues."""
        self._last_answered = float("-inf")
        self._unconfirmed: dict[str, tuple[Work, Outcome]] = {}
        self._checking = False
        """Whether the model is being asked whether it is alive."""

    @property
    def state(self) -> GateState:
        return self._outage.state

    @property
    def parked(self) -> tuple[int, ...]:
        """The chats that wait to ask, the next one first."""
        return tuple(self._parked)

    def admits(self, chat: int) -> bool:
        """Whether a chat may ask now. If not, it is parked, and resumed when it may try again."""
        assert self._loop.owned
        if self._outage.admits(self._loop.now()):
            return True
        self.park(chat)
        return False

    def park(self, chat: int) -> None:
        """Have a chat wait until the model answers, or until it is this chat's turn to try."""
        self._parked.append(chat)
        self._set_timer()

    def judge(self, work: Work, outcome: Outcome) -> Next:
        """What to do with a message after an attempt that has ended now; opens or closes the gate."""
        assert self._loop.owned
        now = self._loop.now()
        began = now - outcome.seconds
        others_answered = self._last_answered > (began if work.failed_at is None else work.failed_at)
        if outcome.verdict is Verdict.STOPPED and not outcome.text:
            # It says nothing about the model; but a trial has ended.
            if self.state is not GateState.OPEN:
                self._failed(now, began, outcome)
            return Next.DELIVER
        work.failed_at = now
        work.attempts += counts(outcome, others_answered)
        step = next_step(outcome, work.attempts, self._most_attempts, others_answered)
        if step is Next.DELIVER:
            self._last_answered = now
        if outcome.verdict not in OUTAGES | SUSPICIOUS:
            self._answered(began)
            return step
        if step is Next.WAIT or self.state is not GateState.OPEN:
            self._failed(now, began, outcome)
        if step is Next.WAIT and outcome.verdict in SUSPICIOUS:
            self._unconfirmed[work.key] = (work, outcome)
            self._check_alive()
        return step

    def pause(self, work: Work) -> float:
        """Seconds until a message is asked for again after an attempt that counted against it."""
        return min(_FIRST_PAUSE * 2.0**work.attempts, _LONGEST_PAUSE)

    def _failed(self, now: float, began: float, outcome: Outcome) -> None:
        if not self._outage.failed(now, outcome.reason, outcome.retry_after, began):
            return
        if outcome.verdict is Verdict.BUSY:
            log.warning("the model is busy", reason=outcome.reason, retry_after=outcome.retry_after)
        else:
            log.error("the model is unavailable; messages wait", verdict=outcome.verdict, reason=outcome.reason)
        self._report(outcome.reason)
        # What has not been asked yet would fail in the same way.
        for chat in self._withdraw():
            self.park(chat)

    def _answered(self, began: float) -> None:
        """A question that was asked at `began` got a response: an outage that is older has ended."""
        if self._outage.answered(began):
            log.info("the model answers again", waiting=len(self._parked))
            self._report(None)
            parked, self._parked = self._parked, deque()
            for chat in parked:
                self._resume(chat)

    # Trials

    def _set_timer(self) -> None:
        """Wake the next parked chat when a trial is due; while one is under way, after a wait in case it never ends."""
        now = self._loop.now()
        due = self._outage.next_trial if self._outage.next_trial > now else now + LONGEST_WAIT
        if due < self._wake_at:
            self._wake_at = due
            self._loop.at(due, self._wake)

    def _wake(self) -> None:
        if self._loop.now() < self._wake_at:
            # An earlier timer has done what this one was set for.
            return
        self._wake_at = _NEVER
        if self._parked:
            self._resume(self._parked.popleft())
        if self._parked:
            self._set_timer()

    # Unconfirmed failures

    def _check_alive(self) -> None:
        if not self._checking:
            self._checking = True
            began = self._loop.now()
            self._loop.in_background("alive", self._is_alive, lambda alive: self._take_alive(began, alive))

    def _is_alive(self) -> bool:
        """On a thread of its own, and so without a look at the gate's state."""
        try:
            return self._alive()
        except Exception:  # whatever it is, the model was not seen to answer
            return False

    def _take_alive(self, began: float, alive: bool) -> None:
        self._checking = False
        unconfirmed, self._unconfirmed = self._unconfirmed, {}
        if not alive:
            return
        self._last_answered = self._loop.now()
        for work, outcome in unconfirmed.values():
            if work.reply.answer is not None:
                continue
            work.attempts += 1
            # Where its chat is not parked it is being asked again, and the outcome of that decides.
            if work.attempts >= self._most_attempts and work.chat_id in self._parked:
                self._give_up(work, outcome)
        self._answered(began)
