"""What is known of each of the latest messages, put together from all that a storage says of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipeline.replies.reply import Reply
from pipeline.telegram.update import Malformed, Tick, Update, read_line
from pipeline.watch.sources.landing import LandedLine
from pipeline.watch.sources.tables import Row

MOST_KEPT = 200
_ROWS_WITHIN = 10.0
"""Seconds within which the rows of a file that left the landing have been read."""


@dataclass
class Known:
    """One landed line, and all that is known of it."""

    key: str
    order: float
    """Its place in the order of arrival: its seq, or the like of it for a line that has none."""
    update: Update | None = None
    """As the landing has it; None if its file has left before it was looked at."""
    file: str | None = None
    reply: Reply | None = None
    """The latest state in the journal; it stays when the journal forgets it."""
    accepted_at: float | None = None
    """When the journal first had it, in seconds since 1970."""
    bronze: Row | None = None
    silver: Row | None = None
    quarantine: Row | None = None
    envelope: Mapping[str, Any] = field(default_factory=dict)
    """What can be read of a line in quarantine."""
    feedback: list[Row] = field(default_factory=list)
    question: tuple[int, int] | None = None
    """Its chat and message_id: what votes name."""
    left_at: float | None = None
    """When its file was seen to have left the landing, in seconds of a steady clock."""


class Messages:
    """The latest messages. For one thread."""

    def __init__(self) -> None:
        self._known: dict[str, Known] = {}
        self._touched: set[str] = set()
        self._gone: set[str] = set()
        self._asked: dict[tuple[int, int], str] = {}
        """The latest message of each question."""

    def get(self, key: str) -> Known | None:
        return self._known.get(key)

    def all(self) -> list[Known]:
        """In the order of their arrival."""
        return sorted(self._known.values(), key=lambda known: known.order)

    def landed(self, line: LandedLine, bot_id: int) -> None:
        """A line of a file in the landing."""
        update = read_line(line.text, bot_id)
        if isinstance(update, (Malformed, Tick)):
            return  # Its row in quarantine comes soon.
        known = self._of(update.seq)
        known.update, known.file = update, line.file
        self._note_question(known, update.identity.chat_id, update.identity.message_id)

    def left(self, waiting: Iterable[str], now: float) -> None:
        """Only these files are in the landing. A line that left it without a row repeats another, and is dropped."""
        names = set(waiting)
        for known in list(self._known.values()):
            nowhere = known.bronze is None and known.silver is None and known.reply is None
            if known.file is None or not nowhere or known.file in names:
                known.left_at = None
            elif known.left_at is None:
                known.left_at = now
            elif now - known.left_at > _ROWS_WITHIN:
                self._drop(known)

    def replied(self, reply: Reply, recorded_at: float) -> None:
        """A reply's latest state in the journal, and when it was recorded."""
        known = self._of(reply.question.seq)
        known.reply = reply
        known.accepted_at = known.accepted_at or recorded_at
        self._note_question(known, reply.question.chat_id, reply.question.message_id)

    def in_bronze(self, row: Row) -> None:
        if isinstance(row.get("seq"), int):
            known = self._of(row["seq"])
            known.bronze = row
            self._note_question(known, row.get("chat_id"), row.get("message_id"))

    def in_silver(self, row: Row) -> None:
        if isinstance(row.get("seq"), int):
            known = self._of(row["seq"])
            known.silver = row
            self._note_question(known, row.get("channel_id"), row.get("message_id"))

    def in_quarantine(self, row: Row) -> None:
        at = row.get("ingested_at")
        if isinstance(at, datetime):
            order = at.timestamp() * 1e6
            name = f"{row.get('source_file')}/{hash(row.get('raw')) & 0xFFFFFFFF:08x}"
            known = self._keep(name, order)
            known.quarantine, known.envelope = row, _envelope(row.get("raw"))

    def voted(self, row: Row) -> None:
        """A row of feedback: it goes to the message whose answer it is about."""
        key = self._asked.get((row.get("channel_id") or 0, row.get("question_message_id") or 0))
        known = self._known[key] if key is not None else self._with_reply(row)
        if known is not None:
            known.feedback.append(row)
            self._touched.add(known.key)

    def changes(self) -> tuple[list[Known], list[str]]:
        """The messages that changed since the last call, in their order, and the keys of those that were dropped."""
        self._expire()
        touched = sorted((self._known[key] for key in self._touched if key in self._known), key=lambda k: k.order)
        gone = sorted(self._gone)
        self._touched.clear()
        self._gone.clear()
        return touched, gone

    def _of(self, seq: int) -> Known:
        return self._keep(str(seq), float(seq))

    def _keep(self, key: str, order: float) -> Known:
        if key not in self._known:
            self._known[key] = Known(key, order)
        self._touched.add(key)
        return self._known[key]

    def _expire(self) -> None:
        for known in self.all()[:-MOST_KEPT]:
            self._drop(known)

    def _drop(self, known: Known) -> None:
        del self._known[known.key]
        self._touched.discard(known.key)
        self._gone.add(known.key)
        if known.question is not None and self._asked.get(known.question) == known.key:
            del self._asked[known.question]

    def _note_question(self, known: Known, chat_id: object, message_id: object) -> None:
        if isinstance(chat_id, int) and isinstance(message_id, int):
            known.question = (chat_id, message_id)
            self._asked[known.question] = known.key

    def _with_reply(self, row: Row) -> Known | None:
        wanted = row.get("message_id")
        for known in self._known.values():
            silver = known.silver or {}
            if silver.get("channel_id") == row.get("channel_id") and wanted in (silver.get("reply_message_ids") or ()):
                return known
        return None


def _envelope(raw: object) -> Mapping[str, Any]:
    """The envelope of a line that is no valid update; empty where not even that can be read."""
    try:
        envelope = json.loads(str(raw))
    except (ValueError, RecursionError):
        return {}
    return envelope if isinstance(envelope, dict) else {}
