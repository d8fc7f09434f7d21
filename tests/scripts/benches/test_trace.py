from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from scripts.benches.trace import trace


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _way(text: str, start: float, step: float) -> tuple[dict[str, Any], ...]:
    """A message, and its rows and calls: each moment comes `step` seconds after the one before."""
    times = [start + number * step for number in range(8)]
    return (
        {"text": text, "at": times[0]},
        {"text": text, "received_at": _at(times[1]), "ingested_at": _at(times[2])},
        {"user_text": text, "at": times[3], "finished_at": times[4]},
        {"text": f"echo: {text}", "at": times[5]},
        {"user_message": text, "delivered_at": _at(times[6]), "processed_at": _at(times[7])},
    )


def test_the_moments_are_told_after_the_receipt_and_after_each_other_for_the_chosen_messages() -> None:
    ways = [_way("single 1", 100.0, 0.5), _way("single 2", 200.0, 0.25), _way("warm-up", 50.0, 9.0)]
    received, bronze, calls, sent, silver = zip(*ways, strict=True)
    steps = trace(received, bronze, calls, sent, silver, prefix="single ")
    assert [step.name for step in steps] == [
        "polled", "batch begun", "asked", "answered", "sent", "confirmed", "in silver",
    ]  # fmt: skip
    assert [step.p50 for step in steps] == [0.25 * number for number in range(1, 8)]
    assert [step.p95 for step in steps] == [0.5 * number for number in range(1, 8)]
    assert {step.step_p50 for step in steps} == {0.25}
