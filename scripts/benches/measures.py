"""What is measured: percentiles, the limit that no bot can beat, and the result of one contender's turn."""

from __future__ import annotations

import math
from collections.abc import Iterable

from pydantic import BaseModel

from pipeline.telegram.pacing import CHAT_BURST, CHAT_WINDOW


class TurnResult(BaseModel):
    """What one contender did in one scenario. `values` are by the measure's name; `limit` is the first one's."""

    scenario: str
    contender: str
    messages: int
    values: dict[str, float]
    limit: float | None = None
    python_seconds: float
    """CPU time of the contender's Python while it was measured."""
    jvm_seconds: float
    service_seconds: float
    """CPU time of the simulated Telegram and the scripted model meanwhile."""
    peak_mib: float
    """Resident memory of the contender's processes together; shared pages count in each of them."""


def percentile(values: Iterable[float], percent: float) -> float:
    """The smallest of the values that at least `percent` of them do not exceed. ValueError if there are none."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values")
    return ordered[max(math.ceil(len(ordered) * percent / 100), 1) - 1]


def shortest_burst(count: int, latency: float, concurrency: int, send_rate: float, chats: int | None = None) -> float:
    """Seconds that `count` messages at once take at least: the model's work, the sends, and the busiest chat's sends.

    `chats`: how many chats they are spread over evenly; None: each has its own.
    """
    in_a_chat = math.ceil(count / (chats or count))
    return max(count * latency / concurrency, count / send_rate, latency + (in_a_chat - 1) // CHAT_BURST * CHAT_WINDOW)
