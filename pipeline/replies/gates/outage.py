"""Whether a service that we depend on may be called: always while it answers, one trial at a time while it fails."""

from __future__ import annotations

from enum import StrEnum

FIRST_WAIT = 0.5
"""Seconds from the beginning of an outage to its first trial; each failed trial doubles the wait."""
LONGEST_WAIT = 20.0
"""Seconds between trials at most, unless the service itself asks for more."""
_MOST_DOUBLINGS = 10


class GateState(StrEnum):
    """Whether calls to a service may begin."""

    OPEN = "open"
    """The service answers: every call may begin."""
    CLOSED = "closed"
    """The service failed: no call may begin before the next trial."""
    TRIAL = "trial"
    """The service failed, and one call tries it: no other may begin before that one has ended."""


class Outage:
    """The state of one service; times are seconds of any steady clock. For one thread."""

    def __init__(self) -> None:
        self.reason: str | None = None
        """Why the service fails; None while it answers."""
        self.next_trial = 0.0
        """When the next trial may begin, while the state is CLOSED."""
        self._since = 0.0
        self._failures = 0
        self._trial_under_way = False

    @property
    def state(self) -> GateState:
        if self.reason is None:
            return GateState.OPEN
        return GateState.TRIAL if self._trial_under_way else GateState.CLOSED

    def admits(self, now: float) -> bool:
        """Whether a call may begin now. During an outage it becomes the trial, and an outcome must follow."""
        if self.state is GateState.OPEN:
            return True
        if self.state is GateState.TRIAL or now < self.next_trial:
            return False
        self._trial_under_way = True
        return True

    def failed(self, now: float, reason: str, wait: float | None = None, began: float | None = None) -> bool:
        """A call that began at `began` failed. Returns whether an outage begins with it.

        `wait`: seconds that the service asks for.
        """
        begins = self.reason is None
        if begins:
            self._since = now
        elif began is not None and began < self._since:
            # It was under way when the outage began, and says nothing new about how long that lasts.
            return False
        if begins or self._trial_under_way:
            backoff = min(FIRST_WAIT * 2.0**self._failures, LONGEST_WAIT)
            self.next_trial = now + (backoff if wait is None else wait)
            self._failures = min(self._failures + 1, _MOST_DOUBLINGS)
        self.reason = reason
        self._trial_under_way = False
        return begins

    def answered(self, began: float) -> bool:
        """A call that began at `began` was answered. Returns whether an outage ends with it."""
        if self.reason is None or began < self._since:
            return False
        self.reason, self._failures, self._trial_under_way = None, 0, False
        return True
