"""Reads a storage while a run writes it, and keeps the page's data up to date."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pipeline.messages.text import printable
from pipeline.storage.places import Storage
from pipeline.storage.record import RECORD_FILE, Record, read_record
from pipeline.watch.hub import Hub
from pipeline.watch.messages import Messages
from pipeline.watch.rates import Rate, Usual
from pipeline.watch.sources.journal import JournalTail
from pipeline.watch.sources.landing import LandingTail
from pipeline.watch.sources.log import LogLine, LogTail
from pipeline.watch.sources.pace import EVERY, LookInterval
from pipeline.watch.sources.tables import MOST_ROWS, WATCHED, NewRows, TableTail
from pipeline.watch.stages import Facts, TableFacts, open_replies_of, run_of, stages_of
from pipeline.watch.traces import seconds_between, summary_of, trace_of

_STAGES_EVERY = 1.0
"""Seconds between two looks at the lags, which grow while nothing happens."""
_MOST_WARNINGS = 100
_Found = TypeVar("_Found")


class Reader:
    """Looks at a storage about four times a second and tells a hub what is new. It never writes to the storage.

    For one thread: `reading` starts one. What fails is tried again at the next look, and shown meanwhile.
    """

    def __init__(self, storage: Storage, hub: Hub, log: Path | None = None) -> None:
        """`log`: the run's log; by default the one that the demo keeps in the storage."""
        self._storage = storage
        self._hub = hub
        self._landing = LandingTail(storage.landing)
        self._journal = JournalTail(storage.journal)
        self._log = LogTail(log or storage.root / "pipeline.log")
        self._tables = [TableTail(watched, storage.table(watched.table)) for watched in WATCHED]
        self._paces: dict[str, LookInterval] = {}
        self._failures: dict[str, str] = {}
        self._messages = Messages()
        self._record: Record | None = None
        self._record_time = 0
        self._facts: dict[str, TableFacts] = {}
        self._read: deque[str] = deque(maxlen=50 * MOST_ROWS)
        """Files whose rows are in bronze or quarantine, the latest."""
        self._rates = {name: Rate() for name in ("received", "sent", *(watched.table.name for watched in WATCHED))}
        self._usual = {name: Usual() for name in ("model", "reply", "silver", "bronze")}
        self._timed: deque[str] = deque(maxlen=5 * MOST_ROWS)
        self._warnings: deque[LogLine] = deque(maxlen=_MOST_WARNINGS)
        self._stages_at = 0.0

    def look(self, now: float | None = None) -> None:
        """Look at each source whose turn it is. `now`: seconds of the steady clock."""
        now = time.monotonic() if now is None else now
        changed = self._look("record", now, self._look_at_record) is True
        if bot_id := self._storage.bot_id if self._due("landing", now) else None:
            changed |= self._look("landing", now, lambda: self._look_at_landing(bot_id, now)) is True
        changed |= self._look("journal", now, self._look_at_journal) is True
        for tail in self._tables:
            changed |= self._look(tail.name, now, partial(self._look_at_table, tail, now)) is True
        self._look("log", now, self._look_at_log)
        self._messages.left(self._landing.waiting, now)
        self._publish_messages()
        if changed or now - self._stages_at >= _STAGES_EVERY:
            self._stages_at = now
            self._publish_stages(now)

    def _due(self, source: str, now: float) -> bool:
        return self._paces.setdefault(source, LookInterval()).due(now)

    def _look(self, source: str, now: float, look: Callable[[], _Found]) -> _Found | None:
        """One look at a source. No failure of one source hides the others."""
        if not self._due(source, now):
            return None
        began = time.monotonic()
        try:
            found = look()
        except Exception as error:  # whatever it is, the other sources go on, and this one is read again
            self._failures[source] = printable(f"{type(error).__name__}: {error}".splitlines()[0][:300])
            found = None
        else:
            self._failures.pop(source, None)
        self._paces[source].took(now, time.monotonic() - began)
        return found

    def _look_at_record(self) -> bool:
        try:
            changed_at = (self._storage.root / RECORD_FILE).stat().st_mtime_ns
        except FileNotFoundError:
            return False
        if changed_at == self._record_time:
            return False
        self._record_time, self._record = changed_at, read_record(self._storage.root) or self._record
        return True

    def _look_at_landing(self, bot_id: int, now: float) -> bool:
        lines = self._landing.look()
        for line in lines or ():
            self._messages.landed(line, bot_id)
        self._rates["received"].add(now, len(lines or ()))
        return lines is not None

    def _look_at_journal(self) -> bool:
        change = self._journal.look()
        for each in change.replies if change else ():
            self._messages.replied(*each)
        return change is not None

    def _look_at_table(self, tail: TableTail, now: float) -> bool:
        name = tail.name
        if not tail.readable:
            self._facts[name] = TableFacts(readable=False)
            return False
        new = tail.look()
        if new is None:
            if name not in self._facts and name != "feedback":
                self._facts[name] = TableFacts()
            return False
        self._count(name, new, now)
        add = {
            "bronze": self._messages.in_bronze,
            "silver": self._messages.in_silver,
            "quarantine": self._messages.in_quarantine,
            "feedback": self._messages.voted,
        }[name]
        for row in new.rows:
            add(row)
        if name in ("bronze", "quarantine"):
            self._read.extend(str(row.get("source_file")) for row in new.rows)
        if name == "silver":
            self._rates["sent"].add(now, 0 if new.whole else new.values["delivery_status"].get("sent", 0))
        return True

    def _count(self, name: str, new: NewRows, now: float) -> None:
        before = TableFacts() if new.whole else self._facts.get(name, TableFacts())
        values = {
            column: before.values.get(column, Counter()) + new.values.get(column, Counter())
            for column in {*before.values, *new.values}
        }
        self._facts[name] = replace(before, count=before.count + new.count, values=values)
        self._rates[name].add(now, 0 if new.whole else new.count)

    def _look_at_log(self) -> None:
        new = self._log.look()
        if new:
            self._warnings.extend(new)
        self._hub.show("warnings", [line._asdict() for line in self._warnings])

    def _publish_messages(self) -> None:
        changed, gone = self._messages.changes()
        for known in changed:
            if known.silver is not None and known.key not in self._timed:
                self._timed.append(known.key)
                for name, seconds in seconds_between(known):
                    self._usual[name].add(seconds)
        if changed or gone:
            self._hub.show_messages({known.key: (summary_of(known), trace_of(known)) for known in changed}, gone)

    def _publish_stages(self, now: float) -> None:
        read = set(self._read)
        waiting = self._landing.waiting
        tables: Mapping[str, TableFacts] = {
            name: replace(
                facts,
                a_minute=self._rates[name].a_minute(now),
                lag=self._usual[name].seconds if name in self._usual else None,
            )
            for name, facts in self._facts.items()
        }
        facts = Facts(
            now=datetime.now(UTC),
            record=self._record,
            unread=tuple(name for name in waiting if name not in read),
            waiting=len(waiting),
            replies=tuple(self._journal.replies.values()),
            tables=tables,
            received_a_minute=self._rates["received"].a_minute(now),
            sent_a_minute=self._rates["sent"].a_minute(now),
            model_seconds=self._usual["model"].seconds,
            reply_seconds=self._usual["reply"].seconds,
        )
        self._hub.show("run", run_of(facts, str(self._storage.root)) | {"failures": self._shown_failures()})
        self._hub.show("stages", stages_of(facts))
        self._hub.show("replies", open_replies_of(facts.replies))

    def _shown_failures(self) -> list[dict[str, Any]]:
        return [{"source": source, "reason": reason} for source, reason in self._failures.items()]


@contextmanager
def reading(reader: Reader) -> Iterator[None]:
    """Within the block a thread looks at the storage. The first look is done when the block begins."""
    ended = threading.Event()

    def look_again() -> None:
        while not ended.wait(EVERY):
            reader.look()

    reader.look()
    thread = threading.Thread(target=look_again, name="watch-reader", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(5.0)
