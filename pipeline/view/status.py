"""What a storage holds at each stage, read from outside without disturbing a run, and without Spark."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from pipeline.errors import OperatorError
from pipeline.messages.origin import Probe
from pipeline.replies.journal import read_journal
from pipeline.storage.landing import file_seq
from pipeline.storage.places import Storage
from pipeline.storage.record import Record, read_record
from pipeline.tables import is_table_name

if TYPE_CHECKING:
    import pyarrow as pa

_ALIVE_WITHIN = 30.0
_MOST_LISTED = 20


class UnknownReply(BaseModel):
    """A reply of which nobody can know whether it was sent, and which no replay has sent since; no probe's."""

    chat_id: int
    message_id: int
    received_at: datetime
    reason: str | None


class Status(BaseModel):
    """Counts are of messages. None: the table can't be read from here."""

    storage: str
    running: bool
    run: Record | None
    landing_files: int
    lag_seconds: float | None
    """Age of the oldest landed file that no committed micro-batch has read; 0 where there is none, None where the
    tables would have to say which were read."""
    bronze: dict[str, int] | None
    """By disposition."""
    quarantine: int | None
    journal: dict[str, int]
    """Replies not yet in silver, by stage."""
    silver: dict[str, int] | None
    """By delivery status."""
    answers: dict[str, int] | None
    """By answer status."""
    unknown: list[UnknownReply]
    """The latest ones."""
    unknown_count: int


def status_of(storage: Storage) -> Status:
    """Look at a storage. Raises OperatorError where there is none."""
    if not storage.root.is_dir():
        raise OperatorError(f"PIPELINE_STORAGE {storage.root} does not exist: give the storage of a run")
    now = datetime.now(UTC)
    record = read_record(storage.root)
    running = bool(
        record
        and record.state != "stopped"
        and record.said_at
        and (now - record.said_at).total_seconds() < _ALIVE_WITHIN
    )
    contents = read_journal(storage.journal)
    settling = {key for settlement in contents.settlements.values() for key in settlement.keys}
    held = {key: reply for key, reply in contents.replies.items() if key not in settling}
    bronze = _read(storage.bronze, ["disposition", "source_file"])
    silver = _read(
        storage.silver,
        ["channel_id", "message_id", "received_at", "answer_status", "delivery_status", "error", "origin"],
    )
    quarantine = _read(storage.quarantine, ["source_file"])
    done = {row["source_file"] for table in (bronze, quarantine) if table is not None for row in table}
    waiting = [p.name for p in storage.landing.glob("*.jsonl") if p.name[0] not in "._"]
    unread = [file_seq(name) for name in waiting if name not in done and not name.endswith("-tick.jsonl")]
    unknown = [
        UnknownReply(
            chat_id=reply.chat_id,
            message_id=reply.question.message_id,
            received_at=reply.question.received_at,
            reason=reply.error,
        )
        for reply in held.values()
        if reply.terminal and reply.delivery_status == "unknown" and not isinstance(reply.question.origin, Probe)
    ]
    sent = {(row["channel_id"], row["message_id"]) for row in silver or [] if row["delivery_status"] == "sent"}
    unknown += [
        UnknownReply(
            chat_id=row["channel_id"],
            message_id=row["message_id"],
            received_at=row["received_at"],
            reason=row["error"],
        )
        for row in silver or []
        if row["delivery_status"] == "unknown"
        and not str(row["origin"]).startswith("probe:")
        and (row["channel_id"], row["message_id"]) not in sent
    ]
    unknown.sort(key=lambda reply: reply.received_at, reverse=True)
    told = bronze is not None and quarantine is not None
    lag = (max(0.0, now.timestamp() - min(unread) / 1e6) if told else None) if unread else 0.0
    return Status(
        storage=str(storage.root),
        running=running,
        run=record,
        landing_files=len(unread),
        lag_seconds=lag,
        bronze=_count(bronze, "disposition"),
        quarantine=None if quarantine is None else len(quarantine),
        journal=dict(Counter(reply.stage for reply in held.values())),
        silver=_count(silver, "delivery_status"),
        answers=_count(silver, "answer_status"),
        unknown=unknown[:_MOST_LISTED],
        unknown_count=len(unknown),
    )


def print_status(status: Status, *, as_json: bool = False) -> None:
    if as_json:
        print(status.model_dump_json(indent=2))
        return
    grid = Grid.grid(padding=(0, 2))
    run = status.run
    who = f"@{run.bot_username}" if run and run.bot_username else "no bot yet"
    grid.add_row("storage", f"{status.storage}  ({who})")
    state = f"running, process {run.pid} on {run.host}" if status.running and run else "not running"
    grid.add_row("run", state if not run or not run.said_at else f"{state}; last said {_ago(run.said_at)}")
    grid.add_row("landing", f"{status.landing_files} files to read, lag {_seconds(status.lag_seconds)}")
    grid.add_row("bronze", _counts(status.bronze))
    grid.add_row("quarantine", "not readable here" if status.quarantine is None else str(status.quarantine))
    grid.add_row("journal", _counts(status.journal) if status.journal else "nothing open")
    grid.add_row("silver", _counts(status.silver))
    grid.add_row("answers", _counts(status.answers))
    if run and run.batch_at:
        grid.add_row("last batch", f"{run.batch_id}, {_ago(run.batch_at)}")
    for service, problem in (run.problems if run and status.running else {}).items():
        grid.add_row("[red]out", f"[red]{service}: {escape(problem.reason)}, since {_ago(problem.since)}")
    if run and run.last_error:
        grid.add_row("last error", f"{escape(run.last_error.reason)}, {_ago(run.last_error.since)}")
    where = " in the journal; silver is not readable here" if status.silver is None else ""
    grid.add_row("unknown", f"{status.unknown_count or 'none'}{where}")
    console = Console(highlight=False, soft_wrap=True)
    console.print(grid)
    for reply in status.unknown:
        asked = f"chat {reply.chat_id} message {reply.message_id} of {reply.received_at:%Y-%m-%d %H:%M:%S}"
        console.print(f"  {asked}: {reply.reason}", markup=False)


def _read(place: str, columns: list[str]) -> list[dict[str, Any]] | None:
    """Some columns of a table at a path; None where it can't be read without Spark."""
    if is_table_name(place):
        return None
    try:
        from deltalake import DeltaTable
        from deltalake.exceptions import TableNotFoundError
    except ImportError:
        return None
    try:
        table: pa.Table = DeltaTable(place).to_pyarrow_table(columns=columns)
    except TableNotFoundError:
        return []
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def _count(rows: list[dict[str, Any]] | None, column: str) -> dict[str, int] | None:
    return None if rows is None else dict(Counter(str(row[column]) for row in rows).most_common())


def _counts(counts: dict[str, int] | None) -> str:
    if counts is None:
        return "not readable here"
    total = sum(counts.values())
    return f"{total}  ({', '.join(f'{count} {name}' for name, count in counts.items())})" if counts else "0"


def _ago(then: datetime) -> str:
    return f"{_seconds((datetime.now(UTC) - then).total_seconds())} ago"


def _seconds(seconds: float | None) -> str:
    if seconds is None:
        return "unknown"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
