"""Requests whose last answer could not be read: the next attempt differs, since the same may bring the same again."""

from __future__ import annotations

import threading
from collections import OrderedDict

from pipeline.model.outcome import Verdict
from pipeline.model.request import Request

_MOST = 1000
"""Requests that are remembered: more than are made again at any time."""
_OTHER_TEMPERATURE = 0.7


class UnreadableAnswers:
    """Remembers the latest requests, by their digests, whose answer could not be read. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._digests: OrderedDict[str, None] = OrderedDict()

    def has(self, request: Request) -> bool:
        """Whether the last answer to a request could not be read."""
        with self._lock:
            # A digest takes time, and usually there is none to compare it with.
            return bool(self._digests) and request.digest in self._digests

    def note(self, request: Request, verdict: Verdict) -> None:
        """Take note of an attempt. One that brought no answer at all, as in an outage, changes nothing."""
        with self._lock:
            if verdict is Verdict.UNREADABLE:
                self._digests[request.digest] = None
                if len(self._digests) > _MOST:
                    self._digests.popitem(last=False)
            elif self._digests and verdict in (Verdict.ANSWERED, Verdict.REJECTED):
                self._digests.pop(request.digest, None)


def other_temperature(temperature: float | None) -> float:
    """The temperature for asking again: at 0, which is also some servers' own, the next answer would be the same."""
    return max(temperature or 0.0, _OTHER_TEMPERATURE)
