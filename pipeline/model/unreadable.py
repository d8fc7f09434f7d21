"""Questions whose last answer could not be read: they are asked otherwise, since the same may bring the same again."""

from __future__ import annotations

import threading
from collections import OrderedDict

from pipeline.model.outcome import Verdict

_MOST = 1000
"""Questions that are remembered: more than are asked again at any time."""
_OTHER_TEMPERATURE = 0.7


class UnreadableAnswers:
    """Remembers the latest questions, by hash, whose answer could not be read. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._questions: OrderedDict[int, None] = OrderedDict()

    def has(self, question: str) -> bool:
        """Whether the last answer to a question could not be read."""
        with self._lock:
            return hash(question) in self._questions

    def note(self, question: str, verdict: Verdict) -> None:
        """Take note of an attempt. One that brought no answer at all, as in an outage, changes nothing."""
        with self._lock:
            if verdict is Verdict.UNREADABLE:
                self._questions[hash(question)] = None
                if len(self._questions) > _MOST:
                    self._questions.popitem(last=False)
            elif verdict in (Verdict.ANSWERED, Verdict.REJECTED):
                self._questions.pop(hash(question), None)


def other_temperature(temperature: float | None) -> float:
    """The temperature for asking again: at 0, which is also some servers' own, the next answer would be the same."""
    return max(temperature or 0.0, _OTHER_TEMPERATURE)
