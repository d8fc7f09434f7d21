"""Where one message's time goes: the moments of its way, from Telegram to silver."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from scripts.benches.measures import percentile

_MOMENTS = (
    ("polled", "the intake has it (`received_at` of bronze)"),
    ("batch begun", "landed durably, and the micro-batch has read it (`ingested_at` of bronze)"),
    ("asked", "the model has the request"),
    ("answered", "the model has answered"),
    ("sent", "Telegram has the reply"),
    ("confirmed", "the run has Telegram's response (`delivered_at` of silver)"),
    ("in silver", "its row is written (`processed_at` of silver)"),
)


class TraceStep(BaseModel):
    """A moment, in seconds after Telegram got the message, and in seconds after the moment before it."""

    name: str
    meaning: str
    p50: float
    p95: float
    step_p50: float


def trace(
    received: Iterable[Mapping[str, Any]],
    bronze: Iterable[Mapping[str, Any]],
    calls: Iterable[Mapping[str, Any]],
    sent: Iterable[Mapping[str, Any]],
    silver: Iterable[Mapping[str, Any]],
    prefix: str,
) -> list[TraceStep]:
    """The moments over all messages whose text begins with `prefix`; all five know each of them. Texts are unique."""
    landed = {row["text"]: row for row in bronze}
    asked = {call["user_text"]: call for call in calls}
    replied = {each["text"].removeprefix("echo: "): each for each in sent}
    settled = {row["user_message"]: row for row in silver}
    ways = []
    for message in received:
        if (text := message["text"]).startswith(prefix):
            moments = (
                landed[text]["received_at"].timestamp(),
                landed[text]["ingested_at"].timestamp(),
                asked[text]["at"],
                asked[text]["finished_at"],
                replied[text]["at"],
                settled[text]["delivered_at"].timestamp(),
                settled[text]["processed_at"].timestamp(),
            )
            ways.append((message["at"], *moments))
    return [_step(number, name, meaning, ways) for number, (name, meaning) in enumerate(_MOMENTS, start=1)]


def _step(number: int, name: str, meaning: str, ways: Sequence[Sequence[float]]) -> TraceStep:
    after = [way[number] - way[0] for way in ways]
    step = [way[number] - way[number - 1] for way in ways]
    return TraceStep(
        name=name,
        meaning=meaning,
        p50=percentile(after, 50),
        p95=percentile(after, 95),
        step_p50=percentile(step, 50),
    )
