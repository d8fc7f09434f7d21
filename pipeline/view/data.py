"""A pipeline's data seen from outside, deployed or local: its landing, its tables and its own record.

`pipeline status`, the smoke tests and replays ask these questions. The same statements go to a SQL warehouse and to the
Delta tables of a local run.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pipeline.conversations.turns import UtcTime
from pipeline.errors import OperatorError
from pipeline.storage.done import file_seq
from pipeline.storage.landing import is_tick
from pipeline.storage.places import OWNER_FILE
from pipeline.storage.record import RECORD_FILE, Record
from pipeline.tables import BRONZE, QUARANTINE, Table
from pipeline.view.query import Query, Value, all_of, any_of, one_of, portions
from pipeline.view.rows import LatestRow, MessageKey, Selection, SilverRow, UnknownReply

_MOST_READ = 200
"""Files that a micro-batch may have read and that are still in the landing: they leave it when the next one begins."""
_RUN_SAYS_WITHIN = timedelta(seconds=30)

_COLUMNS = (
    "bot_id, update_id, channel_id, message_id, user_message, llm_response, model_name, answer_status, "
    "delivery_status, error, prompt_tokens, completion_tokens, answered_at, processed_at, origin, request_hash, "
    "instructions_version"
)
_COUNTS = "SELECT $column AS value, count(*) AS row_count FROM $table GROUP BY $column ORDER BY row_count DESC, value"
_ROW_COUNT = "SELECT count(*) AS row_count FROM $table"
_FILES_IN = "SELECT DISTINCT source_file FROM $table WHERE $files"
_OLDEST_UNANSWERED = """
SELECT min(b.received_at) AS oldest
FROM $bronze b
LEFT ANTI JOIN $silver s
  ON s.bot_id = b.bot_id AND s.update_id = b.update_id AND s.channel_id = b.chat_id AND s.message_id = b.message_id
  AND coalesce(s.origin, '') = coalesce(b.origin, '')
WHERE b.disposition = 'answer' AND b.received_at >= :since
"""
_ROW_OF_ORIGIN = "SELECT $columns FROM $silver WHERE origin = :origin LIMIT 1"
_PRESS_OF_ORIGIN = "SELECT vote FROM $feedback WHERE origin = :origin LIMIT 1"
_ACCEPTED = "SELECT DISTINCT origin FROM $bronze WHERE disposition = 'answer' AND $origins"
_LATEST = """
WITH counted AS (
  SELECT $columns,
    count(*) OVER (PARTITION BY $message) AS versions,
    min(received_at) OVER (PARTITION BY $message) AS first_received_at,
    min(seq) OVER (PARTITION BY $message) AS first_seq,
    row_number() OVER (PARTITION BY $message ORDER BY processed_at DESC, batch_id DESC, seq DESC) AS age
  FROM $silver
  WHERE $no_probes
)
SELECT $columns, versions, first_received_at
FROM counted
WHERE $conditions
ORDER BY first_seq
LIMIT :most
"""
_UPDATES = """
SELECT bot_id, update_id, chat_id, message_id, raw
FROM $bronze
WHERE origin IS NULL AND $messages
"""
_UNKNOWN = """
WITH unsure AS (
  SELECT channel_id, message_id, received_at, error FROM $silver WHERE delivery_status = 'unknown' AND $no_probes
),
sent AS (
  SELECT DISTINCT channel_id, message_id FROM $silver WHERE delivery_status = 'sent'
)
SELECT unsure.channel_id AS chat_id, unsure.message_id AS message_id, unsure.received_at AS received_at,
  unsure.error AS reason, count(*) OVER () AS total
FROM unsure
LEFT ANTI JOIN sent ON sent.channel_id = unsure.channel_id AND sent.message_id = unsure.message_id
ORDER BY received_at DESC
LIMIT :most
"""
_VOTES = """
SELECT coalesce(sum(thumbs_up), 0) AS up, coalesce(sum(thumbs_down), 0) AS down FROM $answers WHERE $no_probes
"""
_MESSAGE = "bot_id, update_id, channel_id, message_id"

_TIME: TypeAdapter[datetime] = TypeAdapter(UtcTime)


class ViewError(OperatorError):
    """The pipeline's data can't be read or written."""


class NotReadableHere(ViewError):
    """A table can't be read from this machine."""


class DataView(ABC):
    """Questions about the data of one pipeline. The abstract methods differ from place to place; the rest does not.

    Every method raises ViewError, or the errors of the services it asks.
    """

    @abstractmethod
    def ask(self, query: Query) -> list[dict[str, Any]]:
        """The rows of a query; none if one of its tables does not exist yet. Raises NotReadableHere."""

    @abstractmethod
    def read_file(self, name: str) -> bytes | None:
        """A small file of the storage; None if it does not exist."""

    @abstractmethod
    def listed_files(self) -> list[str]:
        """Names of the files in the landing folder that the stream lists."""

    @abstractmethod
    def land(self, name: str, content: bytes) -> None:
        """Put a whole file into the landing."""

    @abstractmethod
    def take_back(self, name: str) -> None:
        """Remove a file from the landing, if the stream has not moved it yet."""

    def record(self) -> Record | None:
        """What the last or current run says about itself; None if it says nothing that can be read."""
        content = self.read_file(RECORD_FILE)
        try:
            return Record.model_validate_json(content) if content is not None else None
        except ValidationError:
            return None

    def bot_id(self) -> int:
        """The bot that the storage belongs to."""
        content = self.read_file(OWNER_FILE)
        try:
            return int(json.loads(content or b"")["bot_id"])
        except (ValueError, KeyError, TypeError):
            raise ViewError("the storage belongs to no bot yet: let the pipeline run once") from None

    def waiting_files(self) -> list[str]:
        """Files in the landing, oldest first, whether they were read or not. Ticks are left out: they carry nothing."""
        names = (name for name in self.listed_files() if not is_tick(name) and file_seq(name))
        return sorted(names, key=file_seq)

    def unread_files(self) -> list[str]:
        """The waiting files that no committed micro-batch has read."""
        names = self.waiting_files()
        read: set[str] = set()
        for portion in portions(names[:_MOST_READ]):
            values: dict[str, Value] = {}
            files = one_of("source_file", portion, values)
            for table in (BRONZE.name, QUARANTINE.name):
                query = Query(_of_table(_FILES_IN, table), values, {"files": files})
                read |= {row["source_file"] for row in self.ask(query)}
        return [name for name in names if name not in read]

    def row_count(self, table: Table) -> int:
        rows = self.ask(Query(_of_table(_ROW_COUNT, table.name)))
        return int(rows[0]["row_count"]) if rows else 0

    def counts(self, table: Table, column: str) -> dict[str, int]:
        """How many rows have each value of a column, the most frequent first."""
        rows = self.ask(Query(_of_table(_COUNTS, table.name), parts={"column": column}))
        return {str(row["value"]): int(row["row_count"]) for row in rows}

    def votes(self) -> dict[str, int]:
        """How many users think well (`up`) or badly (`down`) of an answer, each once for each answer, without probes.

        Empty if nobody has said so.
        """
        rows = self.ask(Query(_VOTES))
        return {name: count for name in ("up", "down") if (count := int(rows[0][name])) > 0} if rows else {}

    def unknown_replies(self, most: int) -> tuple[int, list[UnknownReply]]:
        """How many replies of unknown outcome silver has, and the latest of them."""
        rows = self.ask(Query(_UNKNOWN, {"most": most}))
        return int(rows[0]["total"]) if rows else 0, [UnknownReply.model_validate(row) for row in rows]

    def oldest_unanswered(self, since: datetime) -> datetime | None:
        """When the oldest message arrived that is to be answered and has no row in silver. A replay counts as one."""
        rows = self.ask(Query(_OLDEST_UNANSWERED, {"since": since}))
        oldest = rows[0]["oldest"] if rows else None
        return None if oldest is None else _TIME.validate_python(oldest)

    def reply_to(self, origin: str) -> SilverRow | None:
        """The row of an injected message, by the name of its origin."""
        rows = self.ask(Query(_ROW_OF_ORIGIN, {"origin": origin}, {"columns": _COLUMNS}))
        return SilverRow.model_validate(rows[0]) if rows else None

    def has_press(self, origin: str) -> bool:
        """Whether feedback has an injected press, by the name of its origin."""
        return bool(self.ask(Query(_PRESS_OF_ORIGIN, {"origin": origin})))

    def accepted(self, origins: Sequence[str]) -> set[str]:
        """Those of these origins that a micro-batch has read and accepted, to be answered."""
        found: set[str] = set()
        for portion in portions(origins):
            values: dict[str, Value] = {}
            rows = self.ask(Query(_ACCEPTED, values, {"origins": one_of("origin", portion, values)}))
            found |= {row["origin"] for row in rows}
        return found

    def latest_rows(self, selection: Selection, most: int) -> list[LatestRow]:
        """The latest row of each message whose latest row fits, in order of arrival. Probes are left out."""
        values: dict[str, Value] = {"most": most}
        conditions = " AND ".join(["age = 1", *_conditions(selection, values)])
        parts = {"columns": _COLUMNS, "message": _MESSAGE, "conditions": conditions}
        return [LatestRow.model_validate(row) for row in self.ask(Query(_LATEST, values, parts))]

    def updates(self, keys: Sequence[MessageKey]) -> dict[MessageKey, dict[str, Any]]:
        """The updates in which Telegram delivered these messages, from bronze."""
        found: dict[MessageKey, dict[str, Any]] = {}
        for portion in portions(keys):
            values: dict[str, Value] = {}
            messages = any_of([all_of(key._asdict(), values) for key in portion])
            for row in self.ask(Query(_UPDATES, values, {"messages": messages})):
                key = MessageKey(*(int(row[name]) for name in MessageKey._fields))
                found[key] = json.loads(row["raw"])
        return found


def is_running(record: Record | None, now: datetime) -> bool:
    """Whether the run of a record is alive: it has not stopped, and has written its record lately."""
    if record is None or record.state == "stopped" or record.said_at is None:
        return False
    return now - record.said_at < _RUN_SAYS_WITHIN


def _of_table(template: str, table: str) -> str:
    return template.replace("$table", f"${table}")


def _conditions(selection: Selection, values: dict[str, Value]) -> Iterable[str]:
    # A replayed row has the time of its replay; the message's own time is asked for.
    if selection.messages:
        named = [{"channel_id": chat, "message_id": message} for chat, message in selection.messages]
        yield any_of([all_of(columns, values) for columns in named])
    if selection.since is not None:
        values["since"] = selection.since
        yield "first_received_at >= :since"
    if selection.until is not None:
        values["until"] = selection.until
        yield "first_received_at < :until"
    wanted = (("delivery_status", selection.delivery), ("answer_status", selection.answer))
    if statuses := [one_of(column, accepted, values) for column, accepted in wanted if accepted]:
        yield any_of(statuses)
