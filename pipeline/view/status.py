"""What each stage of a storage holds: `pipeline status`. It needs no Spark and does not disturb a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TypeVar

from pydantic import BaseModel
from rich.console import Group
from rich.table import Table as Grid
from rich.text import Text

from pipeline.messages.origin import Probe
from pipeline.replies.journal import read_journal
from pipeline.replies.reply import Reply
from pipeline.storage.done import file_seq
from pipeline.storage.places import Storage
from pipeline.storage.record import Record, Spending
from pipeline.tables import BRONZE, QUARANTINE, SILVER
from pipeline.terminal import plain, say_json, terminal
from pipeline.view.ages import ago, duration
from pipeline.view.data import NotReadableHere, is_running
from pipeline.view.local import LocalView
from pipeline.view.rows import UnknownReply

_MOST_LISTED = 20
_T = TypeVar("_T")


class Status(BaseModel):
    """Counts are of messages. None: the table can't be read from here."""

    storage: str
    running: bool
    run: Record | None
    landing_files: int
    lag_seconds: float | None
    """Age of the oldest landed file that no committed micro-batch has read; 0 if there is none. None if the tables that
    say which files were read can't be read from here."""
    bronze: dict[str, int] | None
    """By disposition."""
    quarantine: int | None
    journal: dict[str, int]
    """Replies not yet in silver, by stage."""
    silver: dict[str, int] | None
    """By delivery status."""
    answers: dict[str, int] | None
    """By answer status."""
    feedback: dict[str, int] | None
    """Votes on answers, up and down: the latest of each user for each answer."""
    unknown: list[UnknownReply]
    """The latest ones."""
    unknown_count: int


def status_of(storage: Storage) -> Status:
    """The status of a storage. Raises OperatorError if it does not exist or can't be read."""
    view, now = LocalView(storage), datetime.now(UTC)
    record = view.record()
    replies = read_journal(storage.journal).replies.values()
    unread, lag = _unread(view, now)
    in_journal = [_unknown_reply(reply) for reply in replies if _is_unknown(reply)]
    in_silver = _if_readable(lambda: view.unknown_replies(_MOST_LISTED))
    count, listed = in_silver or (0, [])
    # The journal was read first: a reply that has gone to silver meanwhile is in both.
    in_journal = [reply for reply in in_journal if reply not in listed]
    unknown = sorted([*in_journal, *listed], key=lambda reply: reply.received_at, reverse=True)
    return Status(
        storage=str(storage.root),
        running=is_running(record, now),
        run=record,
        landing_files=unread,
        lag_seconds=lag,
        bronze=_if_readable(lambda: view.counts(BRONZE, "disposition")),
        quarantine=_if_readable(lambda: view.row_count(QUARANTINE)),
        journal=dict(Counter(reply.stage for reply in replies)),
        silver=_if_readable(lambda: view.counts(SILVER, "delivery_status")),
        answers=_if_readable(lambda: view.counts(SILVER, "answer_status")),
        feedback=_if_readable(view.votes),
        unknown=unknown[:_MOST_LISTED],
        unknown_count=len(in_journal) + count,
    )


def print_status(status: Status, *, as_json: bool = False) -> None:
    if as_json:
        say_json(status.model_dump_json(indent=2))
        return
    terminal(soft_wrap=True).print(status_view(status))


def status_view(status: Status) -> Group:
    """The status as a person reads it."""
    grid = Grid.grid(padding=(0, 2))
    run = status.run
    who = f"@{run.bot_username}" if run and run.bot_username else "no bot yet"
    grid.add_row("storage", plain(f"{status.storage}  ({who})"))
    state = f"running, process {run.pid} on {run.host}" if status.running and run else "not running"
    grid.add_row("run", plain(state if not run or not run.said_at else f"{state}; last said {ago(run.said_at)}"))
    lag = "unknown" if status.lag_seconds is None else duration(status.lag_seconds)
    one = status.landing_files == 1
    waiting = f"1 file to read, lag {lag}" if one else f"{status.landing_files} files to read, lag {lag}"
    grid.add_row("landing", waiting)
    grid.add_row("bronze", _counts(status.bronze))
    grid.add_row("quarantine", "not readable here" if status.quarantine is None else str(status.quarantine))
    grid.add_row("journal", _counts(status.journal) if status.journal else "nothing open")
    grid.add_row("silver", _counts(status.silver))
    grid.add_row("answers", _counts(status.answers))
    grid.add_row("feedback", _counts(status.feedback))
    if run and run.batch_at:
        grid.add_row("last batch", f"{run.batch_id}, {ago(run.batch_at)}")
    for service, problem in (run.problems if run and status.running else {}).items():
        grid.add_row("[red]out", f"[red]{plain(f'{service}: {problem.reason}')}, since {ago(problem.since)}")
    if run and run.last_error:
        grid.add_row("last error", f"{plain(run.last_error.reason)}, {ago(run.last_error.since)}")
    if run and run.spending:
        for name, spent in _spending(run.spending):
            grid.add_row(name, spent)
    where = " in the journal; silver is not readable here" if status.silver is None else ""
    grid.add_row("unknown", f"{status.unknown_count or 'none'}{where}")
    return Group(
        grid, *(Text(f"  {_asked(reply)}: {reply.reason or 'no reason was kept'}") for reply in status.unknown)
    )


def _asked(reply: UnknownReply) -> str:
    """The name that `replay.py --id` takes, and the time."""
    return f"{reply.chat_id}/{reply.message_id} of {reply.received_at:%Y-%m-%d %H:%M:%S}"


def _spending(spending: Spending) -> Iterable[tuple[str, str]]:
    of = f" of {spending.tokens_a_day}" if spending.tokens_a_day else ""
    yield "tokens", f"{spending.tokens}{of} on {spending.day:%Y-%m-%d} (UTC)"
    if spending.price is not None:
        of = f" of {spending.price_a_month:.2f}" if spending.price_a_month else ""
        yield "price", f"USD {spending.price:.2f}{of} in {spending.day:%Y-%m} (UTC)"


def _is_unknown(reply: Reply) -> bool:
    from_probe = isinstance(reply.question.origin, Probe)
    return reply.terminal and reply.delivery_status == "unknown" and not from_probe


def _unknown_reply(reply: Reply) -> UnknownReply:
    question = reply.question
    return UnknownReply(
        chat_id=reply.chat_id, message_id=question.message_id, received_at=question.received_at, reason=reply.error
    )


def _unread(view: LocalView, now: datetime) -> tuple[int, float | None]:
    """How many landed files are unread, and the age of the oldest; None if only tables elsewhere say what was read."""
    unread = _if_readable(view.unread_files)
    if unread is None:
        waiting = view.waiting_files()
        return len(waiting), None if waiting else 0.0
    return len(unread), max(0.0, now.timestamp() - file_seq(unread[0]) / 1e6) if unread else 0.0


def _if_readable(read: Callable[[], _T]) -> _T | None:
    """What a reading gives; None if its table can't be read from this machine."""
    try:
        return read()
    except NotReadableHere:
        return None


def _counts(counts: dict[str, int] | None) -> str:
    if counts is None:
        return "not readable here"
    total = sum(counts.values())
    return f"{total}  ({', '.join(f'{count} {plain(name)}' for name, count in counts.items())})" if counts else "0"
