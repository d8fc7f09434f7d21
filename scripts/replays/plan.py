"""Which of the chosen messages are replayed, and as which landed lines. Decisions on plain values, without I/O."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from pipeline.errors import OperatorError
from pipeline.messages.answer import AnswerStatus
from pipeline.messages.origin import Replay, StoredAnswer
from pipeline.view.rows import LatestRow, MessageKey, Selection, named_message

Mode = Literal["answer", "deliver"]
MODES: tuple[Mode, ...] = ("answer", "deliver")

_DELIVERY = ("unknown", "dead")
_ANSWER = ("fallback",)
STATUSES = (*_DELIVERY, *_ANSWER)


@dataclass(frozen=True)
class PlannedReplay:
    """A chosen message: how it is replayed, or why not."""

    row: LatestRow
    replay: Replay | None = None
    update: Mapping[str, Any] | None = None
    why_not: str = ""


def selection(ids: Sequence[str], statuses: Sequence[str], since: str | None, until: str | None) -> Selection:
    """The messages that the options choose. Raises OperatorError."""
    if ids and (statuses or since or until):
        raise OperatorError("--id names the messages: leave out --status, --since and --until")
    if not (ids or statuses or since or until):
        raise OperatorError("no messages are chosen: give --id, --status, --since or --until")
    unknown = next((status for status in statuses if status not in STATUSES), None)
    if unknown is not None:
        raise OperatorError(f"--status is {unknown!r}: give {', '.join(STATUSES)}")
    begin, end = _time("--since", since), _time("--until", until)
    if begin and end and begin >= end:
        raise OperatorError(f"--since {begin.isoformat()} is not before --until {end.isoformat()}: swap them")
    return Selection(
        messages=tuple(_message(text) for text in dict.fromkeys(ids)),
        since=begin,
        until=end,
        delivery=tuple(status for status in statuses if status in _DELIVERY),
        answer=tuple(status for status in statuses if status in _ANSWER),
    )


def replay_id(row: LatestRow, mode: Mode) -> str:
    """The same until the message has one more row: a replay called twice before it took effect acts once."""
    return hashlib.sha256(":".join(map(str, (*row.key, mode, row.versions))).encode()).hexdigest()[:32]


def origin_name(row: LatestRow, mode: Mode) -> str:
    """The name of that replay in the tables."""
    return Replay.model_construct(kind="replay", id=replay_id(row, mode), mode=mode).name


def planned(
    rows: Sequence[LatestRow],
    updates: Mapping[MessageKey, Mapping[str, Any]],
    under_way: Collection[str],
    mode: Mode,
    bot_id: int,
    *,
    named: bool,
) -> list[PlannedReplay]:
    """One planned replay for each message. `under_way`: the names of replays that bronze has.

    A reply that was sent is delivered a second time only if the messages are `named` one by one.
    """
    items = []
    for row in rows:
        update = updates.get(row.key)
        why_not = ""
        if row.bot_id != bot_id:
            why_not = f"it is bot {row.bot_id}'s, the storage is bot {bot_id}'s"
        elif any(origin_name(row, either) in under_way for either in MODES):
            why_not = "a replay of it is under way"
        elif mode == "deliver" and row.delivery_status == "sent" and not named:
            why_not = "it was sent: name it with --id"
        elif update is None:
            why_not = "its update is not in bronze"
        elif mode == "deliver" and not (row.llm_response or "").strip():
            why_not = "there is no answer to deliver"
        if why_not:
            items.append(PlannedReplay(row, why_not=why_not))
            continue
        answer = _stored(row) if mode == "deliver" else None
        items.append(PlannedReplay(row, Replay(id=replay_id(row, mode), mode=mode, answer=answer), update))
    return items


def _stored(row: LatestRow) -> StoredAnswer:
    status = AnswerStatus(row.answer_status)
    return StoredAnswer(
        text=row.llm_response or "",
        status=status,
        model=row.model_name,
        # The error may be about the former delivery, which no longer counts.
        reason=row.error if status is AnswerStatus.FALLBACK else None,
        prompt_tokens=row.prompt_tokens,
        completion_tokens=row.completion_tokens,
        answered_at=row.answered_at,
    )


def _message(text: str) -> tuple[int, int]:
    try:
        return named_message(text)
    except ValueError as fault:
        raise OperatorError(f"--id is {text!r}: {fault}") from None


def _time(option: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise OperatorError(
            f"{option} is {text!r}: give a time as 2026-01-31T12:00, in UTC, or with a zone as +01:00 at its end"
        ) from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
