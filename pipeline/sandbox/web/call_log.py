"""Counts of the calls of the Bot API, and the offsets of getUpdates, for tests to look at."""

from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

from pipeline.sandbox.json_types import Json

_OFFSETS_KEPT = 1000


class CallLog:
    """Calls by the method's name as it was written. An outcome is a status, or the kind of the fault that struck."""

    def __init__(self) -> None:
        self._calls: Counter[str] = Counter()
        self._outcomes: dict[str, Counter[str]] = {}
        self._offsets: deque[int | None] = deque(maxlen=_OFFSETS_KEPT)

    def began(self, method: str) -> None:
        self._calls[method] += 1
        self._outcomes.setdefault(method, Counter())

    def ended(self, method: str, outcome: str) -> None:
        """Count an outcome; a call that a fault delayed has two."""
        self._outcomes[method][outcome] += 1

    def polled(self, parameters: Mapping[str, Any]) -> None:
        """Record the offset of a getUpdates call, None when it has none."""
        try:
            self._offsets.append(int(parameters["offset"]))
        except (KeyError, TypeError, ValueError, OverflowError):
            self._offsets.append(None)

    def as_json(self) -> Json:
        statuses: Counter[str] = Counter()
        for outcomes in self._outcomes.values():
            statuses.update(outcomes)
        return {
            "methods": self._calls,
            "statuses": statuses,
            "outcomes": self._outcomes,
            "offsets": list(self._offsets),
        }
