"""Whether a service that we depend on may be called: always while it answers, one trial at a time while it doesn't."""

from __future__ import annotations

FIRST_WAIT = 0.5
LONGEST_WAIT = 20.0


class Outage:
    """The state of one service; times are seconds of any steady clock. For one thread."""

    def __init__(self) -> None:
        self.reason: str | None = None
        """Why the service is out; None while it answers."""
        self.next_trial = 0.0
        self._since = 0.0
        self._failures = 0
        self._trial_under_way = False

    def admits(self, now: float) -> bool:
        """Whether a call may begin now; during an outage this makes it the trial, to be followed by an outcome."""
        if self.reason is None:
            return True
        if self._trial_under_way or now < self.next_trial:
            return False
        self._trial_under_way = True
        return True

    def failed(self, now: float, reason: str, wait: float | None = None, began: float | None = None) -> bool:
        """A call, begun at `began`, found the service out. Returns whether this is news.

        `wait`: seconds that the service asked for.
        """
        news = self.reason is None
        if news:
            self._since = now
        elif began is not None and began < self._since:
            # It was under way when the outage began, and says nothing new about how long that lasts.
            return False
        if news or self._trial_under_way:
            backoff = min(FIRST_WAIT * 2.0**self._failures, LONGEST_WAIT)
            self.next_trial = now + (backoff if wait is None else wait)
            self._failures = min(self._failures + 1, 10)
        self.reason = reason
        self._trial_under_way = False
        return news

    def answered(self, began: float) -> bool:
        """A call that began at `began` was answered. Returns whether an outage ends with it."""
        if self.reason is None or began < self._since:
            return False
        self.reason, self._failures, self._trial_under_way = None, 0, False
        return True
