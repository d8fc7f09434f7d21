"""The stages of the pipeline, with what each holds, how fast it fills and how far it lags."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from pipeline.messages.text import printable
from pipeline.replies.reply import Reply
from pipeline.storage.done import file_seq
from pipeline.storage.record import Record
from pipeline.view.data import is_running

Health = Literal["ok", "busy", "out", "off"]
"""busy: something waits longer than it should. out: it fails. off: nothing runs, or it can't be read here."""

_SLOW = 10.0
"""Seconds from which a wait is shown as one."""


@dataclass(frozen=True)
class TableFacts:
    """What is known of a table."""

    count: int = 0
    values: Mapping[str, Counter[str]] = field(default_factory=dict)
    a_minute: int = 0
    lag: float | None = None
    """Seconds: how long rows usually take to get here."""
    readable: bool = True


@dataclass(frozen=True)
class Facts:
    """What the sources say at one moment."""

    now: datetime
    record: Record | None = None
    unread: tuple[str, ...] = ()
    """Landing files that no table has, oldest first."""
    waiting: int = 0
    """Landing files, read or not."""
    replies: tuple[Reply, ...] = ()
    """The journal's."""
    tables: Mapping[str, TableFacts] = field(default_factory=dict)
    received_a_minute: int = 0
    sent_a_minute: int = 0
    model_seconds: float | None = None
    reply_seconds: float | None = None


def stages_of(facts: Facts) -> list[dict[str, Any]]:
    """The stages in the order of the data's way; feedback only where there is such a table."""
    record = facts.record
    runs = is_running(record, facts.now)
    problems = record.problems if record and runs else {}

    def health(service: str, *, busy: bool = False) -> Health:
        if not runs:
            return "off"
        return "out" if service in problems else "busy" if busy else "ok"

    def problem(service: str) -> str:
        return printable(problems[service].reason) if service in problems else ""

    by_stage = Counter(reply.stage for reply in facts.replies)
    open_replies = [reply for reply in facts.replies if not reply.terminal]
    oldest_open = min((reply.question.received_at for reply in open_replies), default=None)
    open_for = max(0.0, (facts.now - oldest_open).total_seconds()) if oldest_open else 0.0
    oldest_unread = file_seq(facts.unread[0]) / 1e6 if facts.unread else None
    unread_for = max(0.0, facts.now.timestamp() - oldest_unread) if oldest_unread else 0.0
    answers = facts.tables.get("silver", TableFacts()).values.get("answer_status", Counter())
    deliveries = facts.tables.get("silver", TableFacts()).values.get("delivery_status", Counter())
    stages = [
        _stage(
            "telegram_in", "From Telegram", record.landed if record else 0, "updates in this run",
            rate=facts.received_a_minute, health=health("intake"), problem=problem("intake"),
        ),
        _stage(
            "landing", "Landing", len(facts.unread), "files to read", lag=unread_for, lag_is="oldest waits",
            health=health("stream", busy=unread_for > _SLOW), problem=problem("stream"),
            values={"read, not yet in the tables": max(0, facts.waiting - len(facts.unread))},
        ),
        _table_stage("bronze", "Bronze", "updates kept", facts, "disposition", health("tables"), problem("tables")),
        _table_stage("quarantine", "Quarantine", "unreadable lines kept", facts, None, health("tables"), ""),
        _table_stage("feedback", "Feedback", "presses", facts, "vote", health("tables"), ""),
        _stage(
            "journal", "Journal", len(open_replies), "open replies", lag=open_for, lag_is="oldest waits",
            health=health("lanes", busy=open_for > _SLOW),
            values=dict(by_stage),
        ),
        _stage(
            "model", "Model", answers.get("answered", 0), "answers in silver", lag=facts.model_seconds,
            lag_is="usual answer", health=health("model", busy=by_stage["accepted"] > 0 and open_for > _SLOW),
            problem=problem("model"),
            values={"asked or waiting": by_stage["accepted"], **{k: v for k, v in answers.items() if k != "answered"}},
        ),
        _stage(
            "telegram_out", "To Telegram", deliveries.get("sent", 0), "replies sent", rate=facts.sent_a_minute,
            lag=facts.reply_seconds, lag_is="usual reply", health=health("telegram"), problem=problem("telegram"),
            values={"sending": by_stage["sending"], **{k: v for k, v in deliveries.items() if k != "sent"}},
        ),
        _table_stage("silver", "Silver", "questions and answers", facts, "delivery_status", health("tables"), ""),
    ]  # fmt: skip
    return [stage for stage in stages if stage is not None]


def run_of(facts: Facts, storage: str) -> dict[str, Any]:
    """What the run says about itself."""
    record = facts.record
    runs = is_running(record, facts.now)
    return {
        "storage": storage,
        "state": (record.state if record and runs else "stopped" if record else "none"),
        "bot": printable(record.bot_username) if record and record.bot_username else None,
        "pid": record.pid if record and runs else None,
        "started": record.started_at.timestamp() * 1000 if record and record.started_at else None,
        "batch": record.batch_id if record else None,
        "problems": [
            {"service": service, "reason": printable(problem.reason), "since": problem.since.timestamp() * 1000}
            for service, problem in (record.problems if record and runs else {}).items()
        ],
    }


def open_replies_of(replies: Iterable[Reply], most: int = 50) -> dict[str, Any]:
    """The replies that are not in silver, the oldest first."""
    listed = sorted(replies, key=lambda reply: reply.question.seq)
    return {
        "count": len(listed),
        "replies": [
            {
                "key": str(reply.question.seq),
                "text": printable(reply.question.text[:120]),
                "stage": reply.stage,
                "parts": [part.state.value for part in reply.parts],
                "received": reply.question.received_at.timestamp() * 1000,
                "error": printable(reply.error) if reply.error else None,
            }
            for reply in listed[:most]
        ],
    }


def _table_stage(
    name: str, title: str, unit: str, facts: Facts, counted: str | None, health: Health, problem: str
) -> dict[str, Any] | None:
    table = facts.tables.get(name)
    if table is None:
        return None
    if not table.readable:
        return _stage(name, title, None, "a table of a catalog: not readable here", health="off")
    return _stage(
        name, title, table.count, unit, rate=table.a_minute, lag=table.lag, lag_is="usual lag", health=health,
        problem=problem, values=dict(table.values.get(counted or "", Counter())),
    )  # fmt: skip


def _stage(
    name: str,
    title: str,
    count: int | None,
    unit: str,
    *,
    health: Health,
    rate: int | None = None,
    lag: float | None = None,
    lag_is: str = "lag",
    problem: str = "",
    values: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    return {
        "name": name,
        "title": title,
        "count": count,
        "unit": unit,
        "rate": rate,
        "lag": None if lag is None else round(lag, 2),
        "lag_is": lag_is,
        "health": health,
        "problem": problem,
        "values": [{"name": printable(key), "count": value} for key, value in (values or {}).items() if value],
    }
