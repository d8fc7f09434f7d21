"""The way of one message: its steps with their times, its rows, and one line about it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from pipeline.messages.text import printable
from pipeline.storage.done import file_seq
from pipeline.watch.messages import Known

State = Literal["done", "now", "later", "none", "failed"]
"""none: it does not happen to this message, or nobody recorded when."""

_SHORT = 160
_LONG = 20_000
_EXACT = 2**53
"""Whole numbers below this are the same in the browser."""


class WayStep(NamedTuple):
    name: str
    state: State
    at: float | None
    """Milliseconds since 1970."""
    note: str = ""


class Moments(NamedTuple):
    """When each step of a message was done; None: not yet, or it is not known."""

    received: datetime | None
    landed: datetime | None
    accepted: datetime | None
    asked: datetime | None
    first_token: datetime | None
    answered: datetime | None
    sent: datetime | None
    stored: datetime | None


def moments_of(known: Known) -> Moments:
    bronze, silver, reply = known.bronze or {}, known.silver or {}, known.reply
    question, answer = (reply.question, reply.answer) if reply else (None, None)
    update = known.update
    accepted = bronze.get("ingested_at") or _seconds(known.accepted_at)
    return Moments(
        received=bronze.get("received_at")
        or silver.get("received_at")
        or (question.received_at if question else None)
        or (update.received_at if update else None)
        or _time(known.envelope.get("received_at")),
        landed=_landed(known),
        accepted=accepted or (known.quarantine or {}).get("ingested_at"),
        asked=silver.get("asked_at") or (answer.asked_at if answer else None),
        first_token=silver.get("first_token_at") or (answer.first_token_at if answer else None),
        answered=silver.get("answered_at") or (answer.answered_at if answer else None),
        sent=silver.get("delivered_at") or (reply.delivered_at if reply and reply.terminal else None),
        stored=silver.get("processed_at"),
    )


def status_of(known: Known) -> str:
    """Where a message is, in a word: its delivery status once that is final, or why it gets no answer."""
    if known.quarantine is not None:
        return "quarantined"
    if known.silver is not None:
        return str(known.silver.get("delivery_status"))
    if known.reply is not None:
        return known.reply.stage
    disposition = (known.bronze or {}).get("disposition")
    if disposition is None:
        return "landed"
    return "accepted" if disposition == "answer" else str(disposition)


def is_answered(known: Known) -> bool:
    """Whether the message is one that gets an answer, as far as that is known."""
    return known.quarantine is None and (
        known.silver is not None or known.reply is not None or (known.bronze or {}).get("disposition") == "answer"
    )


def steps_of(known: Known) -> list[WayStep]:
    """The steps in their order. At most one is `now`: the one that the message waits for."""
    at = moments_of(known)
    status = status_of(known)
    if not is_answered(known):
        read = WayStep("accepted", "later", None)
        if known.bronze is not None:
            read = WayStep("kept", "done", _ms(at.accepted), f"in bronze, not answered: {status}")
        elif known.quarantine is not None:
            read = WayStep("quarantined", "done", _ms(at.accepted), str(known.quarantine.get("reason")))
        return _with_now([_step("received", at.received), _step("landed", at.landed), read])
    steps = [
        _step("received", at.received),
        _step("landed", at.landed),
        _step("accepted", at.accepted),
        _passed("asked", at.asked, at.answered),
        _passed("first token", at.first_token, at.answered),
        _step("answered", at.answered, _of_answer(known)),
        _delivery(known, at, status),
        _step("in silver", at.stored),
    ]
    return _with_now(steps)


def summary_of(known: Known) -> dict[str, Any]:
    """One line of the list."""
    bronze, silver, reply, update = known.bronze or {}, known.silver or {}, known.reply, known.update
    message = update.message if update else None
    question = reply.question if reply else None
    at = moments_of(known)
    text = bronze.get("text") or silver.get("user_message") or (question.text if question else None)
    text = text or (message.words if message else None) or _quarantined_text(known)
    author = bronze.get("author_name") or (message.author_name if message else None)
    chat = bronze.get("chat_title") or silver.get("channel_title")
    origin = bronze.get("origin") or silver.get("origin")
    answer_status = silver.get("answer_status") or (reply.answer.status.value if reply and reply.answer else None)
    return {
        "key": known.key,
        "order": known.order,
        "text": _cut(text, _SHORT) if text else None,
        "kind": bronze.get("kind") or (update.kind if update else None),
        "author": _cut(author, 60) if author else None,
        "chat": _cut(chat, 60) if chat else None,
        "origin": origin,
        "status": status_of(known),
        "answer_status": answer_status,
        "answered": is_answered(known),
        "received": _ms(at.received or at.accepted or at.landed),
        "seconds": _between(at.received, at.sent),
        "vote": str(known.feedback[-1].get("vote")) if known.feedback else None,
    }


def trace_of(known: Known) -> dict[str, Any]:
    """All about a message."""
    reply, silver = known.reply, known.silver or {}
    question = (known.bronze or {}).get("text") or silver.get("user_message")
    question = question or (reply.question.text if reply else None)
    if question is None and known.update is not None and known.update.message is not None:
        question = known.update.message.words
    question = question or _quarantined_text(known)
    answer = silver.get("llm_response") or (reply.answer.text if reply and reply.answer else None)
    return {
        "summary": summary_of(known),
        "question": _cut(question, _LONG) if question else None,
        "answer": _cut(answer, _LONG) if answer else None,
        "error": silver.get("error") or (reply.error if reply else None),
        "steps": [step._asdict() for step in steps_of(known)],
        "rows": {
            "landing": [_landing_row(known)] if known.update is not None and known.bronze is None else [],
            "bronze": [shown_row(known.bronze)] if known.bronze else [],
            "quarantine": [shown_row(known.quarantine)] if known.quarantine else [],
            "journal": [_journal_row(known)] if reply is not None and known.silver is None else [],
            "silver": [shown_row(known.silver)] if known.silver else [],
            "feedback": [shown_row(row) for row in known.feedback],
        },
    }


def shown_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A table's row as JSON: times in ISO 8601, and whole numbers that a browser can't hold as texts."""
    return {name: _shown(value) for name, value in row.items()}


def _shown(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, bool) or value is None or isinstance(value, float):
        return value
    if isinstance(value, int):
        return value if abs(value) < _EXACT else str(value)
    if isinstance(value, (list, tuple)):
        return [_shown(item) for item in value]
    return _cut(str(value), _LONG)


def _quarantined_text(known: Known) -> str | None:
    """The beginning of what was not readable; None for any other message."""
    if known.quarantine is None:
        return None
    update = known.envelope.get("update")
    return json.dumps(update, ensure_ascii=False) if update is not None else str(known.quarantine.get("raw"))


def _landing_row(known: Known) -> dict[str, Any]:
    assert known.update is not None
    raw = json.dumps(json.loads(known.update.raw), ensure_ascii=False)
    return {"source_file": known.file, "seq": known.update.seq, "update": _cut(raw, _LONG)}


def _journal_row(known: Known) -> dict[str, Any]:
    reply = known.reply
    assert reply is not None
    return {
        "key": reply.key,
        "stage": reply.stage,
        "answer_status": reply.answer.status.value if reply.answer else None,
        "parts": [part.state.value for part in reply.parts],
        "reply_message_ids": [part.message_id for part in reply.parts if part.message_id is not None],
        "error": reply.error,
    }


def _landed(known: Known) -> datetime | None:
    """By the seq of the line, or else by the name of its file: both are microseconds since 1970."""
    name = known.file or (known.bronze or known.quarantine or {}).get("source_file")
    seq: int | None = known.update.seq if known.update else None
    for row in (known.bronze, known.silver):
        seq = seq or (row or {}).get("seq")
    if seq is None and known.reply is not None:
        seq = known.reply.question.seq
    return _seconds((seq or file_seq(str(name or ""))) / 1e6 or None)


def _delivery(known: Known, at: Moments, status: str) -> WayStep:
    note = str((known.silver or {}).get("error") or (known.reply.error if known.reply else None) or "")
    if status in ("unknown", "dead"):
        return WayStep(status, "failed", _ms(at.sent), note)
    if status == "withheld":
        return WayStep("withheld", "done", None, "a check's answer, not sent")
    parts = len((known.silver or {}).get("reply_message_ids") or (known.reply.parts if known.reply else ()))
    return _step("sent", at.sent, f"in {parts} parts" if parts > 1 else "")


def _of_answer(known: Known) -> str:
    silver, reply = known.silver or {}, known.reply
    answer = reply.answer if reply else None
    status = silver.get("answer_status") or (answer.status.value if answer else None)
    model = silver.get("model_name") or (answer.model if answer else None)
    tokens = silver.get("completion_tokens") or (answer.completion_tokens if answer else None)
    said = [status if status != "answered" else "", model, f"{tokens} tokens" if tokens else ""]
    return ", ".join(filter(None, said))


def _step(name: str, at: datetime | None, note: str = "") -> WayStep:
    return WayStep(name, "later" if at is None else "done", _ms(at), note)


def _passed(name: str, at: datetime | None, later: datetime | None) -> WayStep:
    """A step that not every message has: once a later one is done, it is known that it did not happen."""
    return WayStep(name, "done" if at else "none" if later else "later", _ms(at))


def _with_now(steps: list[WayStep]) -> list[WayStep]:
    last = max((number for number, step in enumerate(steps) if step.state == "done"), default=-1)
    steps = [
        step._replace(state="none") if step.state == "later" and number < last else step
        for number, step in enumerate(steps)
    ]
    first = next((number for number, step in enumerate(steps) if step.state == "later"), None)
    return [step._replace(state="now") if number == first else step for number, step in enumerate(steps)]


def _cut(text: object, most: int) -> str:
    shown = printable(str(text), keep="\n\t")
    return shown if len(shown) <= most else f"{shown[:most]}…"


def _between(start: datetime | None, end: datetime | None) -> float | None:
    return max(0.0, (end - start).total_seconds()) if start and end else None


def _ms(at: datetime | None) -> float | None:
    return at.timestamp() * 1000 if at else None


def _time(text: object) -> datetime | None:
    try:
        time = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _seconds(since_1970: float | None) -> datetime | None:
    try:
        return datetime.fromtimestamp(since_1970, UTC) if since_1970 else None
    except (OverflowError, ValueError, OSError):
        return None


def seconds_between(known: Known) -> Iterator[tuple[str, float | None]]:
    """The durations of a message that is in silver, by what takes them."""
    at = moments_of(known)
    yield "model", _between(at.asked or at.accepted, at.answered)
    yield "reply", _between(at.received, at.sent)
    yield "silver", _between(at.sent, at.stored)
    yield "bronze", _between(at.landed, at.accepted)
