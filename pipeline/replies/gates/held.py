"""Chats that are held: what their first reply needs is not known yet."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from pipeline.replies.event_loop import EventLoop

_RESUMED_AT_ONCE = 64
"""Chats that are looked at again in one event: each look takes time from the others."""
_RESUMED_BY_AN_OUTCOME = 8
"""Of these, how many are looked at after one outcome, and again as many while that helps any."""
_LOOK_AFTER = 2.0
"""Seconds until they are looked at in any case: nobody says that a day has ended, and with it a ceiling."""


class HeldChats:
    """The chats whose first reply can't be prepared yet, and looking at them again. For the event loop's owner only."""

    def __init__(self, loop: EventLoop, resume: Callable[[int], None]) -> None:
        """`resume` lets a chat continue, which adds it again if its reply still can't be prepared."""
        self._loop = loop
        self._resume = resume
        self._chats: deque[int] = deque()
        """The next one first."""
        self._to_look_at = 0
        """How many of them, from the first on, are still to be looked at after the last change."""
        self._times_added = 0
        self._look_is_due = False
        """Whether a timer is set for them."""

    def add(self, chat: int) -> None:
        self._chats.append(chat)
        self._times_added += 1
        if not self._look_is_due:
            self._look_is_due = True
            self._loop.at(self._loop.now() + _LOOK_AFTER, self._look_in_time)

    def look_again(self) -> None:
        """What the preparation needs has changed."""
        assert self._loop.owned
        if not self._to_look_at:
            self._loop.post(self._look)
        self._to_look_at = len(self._chats)

    def look_at_next(self) -> None:
        """An attempt has ended: what it did not cost may be what some of them wait for."""
        assert self._loop.owned
        if self._chats:
            self._loop.post(self._look_at_next)

    def _look_at_next(self) -> None:
        count, before = min(len(self._chats), _RESUMED_BY_AN_OUTCOME), self._times_added
        for _ in range(count):
            self._resume(self._chats.popleft())
        if self._chats and self._times_added - before < count:
            # That helped some: it may help more.
            self._loop.post(self._look_at_next)

    def _look(self) -> None:
        # Those that are held again come after all others, and those that come meanwhile know of the change.
        left = min(self._to_look_at, len(self._chats))
        count = min(left, _RESUMED_AT_ONCE)
        self._to_look_at = left - count
        if self._to_look_at:
            self._loop.post(self._look)
        for _ in range(count):
            self._resume(self._chats.popleft())

    def _look_in_time(self) -> None:
        self._look_is_due = False
        self.look_again()
