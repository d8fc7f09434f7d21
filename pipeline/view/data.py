"""A pipeline's data seen from outside, deployed or local: its landing, its tables and its own record.

The same statements go to a SQL warehouse and to the Delta tables of a local run.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from pipeline.errors import OperatorError
from pipeline.storage.landing import file_seq
from pipeline.storage.record import Record

Value = str | int | datetime
_T = TypeVar("_T")

_AT_ONCE = 100
"""Messages or files named in one statement."""
_MOST_READ = 200
"""Landed files that can have been read and still lie there: the stream moves those of a batch when the next begins."""

_COLUMNS = (
    "bot_id, update_id, channel_id, message_id, user_message, llm_response, model_name, answer_status, "
    "delivery_status, error, prompt_tokens, completion_tokens, answered_at, processed_at, origin"
)
_NOT_PROBES = "(origin IS NULL OR origin LIKE 'replay:%')"
_MESSAGE = "PARTITION BY bot_id, update_id, channel_id, message_id"


class LakeError(OperatorError):
    """The pipeline's data can't be had."""


class MessageKey(NamedTuple):
    """A message, whatever came of it and however often."""

    bot_id: int
    update_id: int
    chat_id: int
    message_id: int


@dataclass(frozen=True)
class Query:
    """SQL with `$table` for names of tables and `:name` for values."""

    text: str
    values: Mapping[str, Value] = field(default_factory=dict)


class SilverRow(BaseModel):
    """A row of silver, as far as checks and replays read it."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    bot_id: int
    update_id: int
    channel_id: int
    message_id: int
    user_message: str | None
    llm_response: str | None
    model_name: str | None
    answer_status: str
    delivery_status: str
    error: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    answered_at: datetime
    processed_at: datetime
    origin: str | None

    @field_validator("answered_at", "processed_at")
    @classmethod
    def _zoned(cls, value: datetime) -> datetime:
        return value if value.tzinfo else value.replace(tzinfo=UTC)

    @property
    def key(self) -> MessageKey:
        return MessageKey(self.bot_id, self.update_id, self.channel_id, self.message_id)


class Newest(SilverRow):
    """The newest row of a message."""

    versions: int
    """How many rows the message has."""
    first_received_at: datetime
    """When the message itself came, whatever was replayed later."""

    @field_validator("first_received_at")
    @classmethod
    def _first_zoned(cls, value: datetime) -> datetime:
        return value if value.tzinfo else value.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Selection:
    """Which messages: those named, or all that fit. An empty or absent part does not restrict."""

    messages: tuple[tuple[int, int], ...] = ()
    """Chat and message, as people name them."""
    since: datetime | None = None
    until: datetime | None = None
    delivery: tuple[str, ...] = ()
    answer: tuple[str, ...] = ()


class Lake(ABC):
    """What a place must offer; the rest is the same everywhere. Methods raise LakeError, or a service's own errors."""

    @abstractmethod
    def ask(self, query: Query) -> list[dict[str, Any]]:
        """The rows of a query. A table that is not there yet is empty."""

    @abstractmethod
    def read(self, name: str) -> bytes | None:
        """A small file of the storage; None where it is not there."""

    @abstractmethod
    def listed(self) -> list[str]:
        """Names of the files in the landing folder that the stream lists."""

    @abstractmethod
    def land(self, name: str, content: bytes) -> None:
        """Put a whole file into the landing."""

    @abstractmethod
    def take_back(self, name: str) -> None:
        """Remove a file that was landed, if the stream has not moved it away."""

    def record(self) -> Record | None:
        content = self.read("record.json")
        try:
            return Record.model_validate_json(content) if content is not None else None
        except ValidationError:
            return None

    def bot_id(self) -> int:
        """The bot that the storage belongs to."""
        content = self.read("bot.json")
        try:
            return int(json.loads(content or b"")["bot_id"])
        except (ValueError, KeyError, TypeError):
            raise LakeError("the storage belongs to no bot yet: let the pipeline run once") from None

    def unread(self) -> list[str]:
        """Landed files, oldest first, that no committed micro-batch has read. Ticks carry nothing."""
        names = sorted((n for n in self.listed() if not n.endswith("-tick.jsonl") and file_seq(n)), key=file_seq)
        read: set[str] = set()
        for some in _portions(names[:_MOST_READ]):
            values = {f"file{i}": name for i, name in enumerate(some)}
            wanted = ", ".join(f":{name}" for name in values)
            for table in ("$bronze", "$quarantine"):
                text = f"SELECT DISTINCT source_file FROM {table} WHERE source_file IN ({wanted})"  # noqa: S608
                read |= {row["source_file"] for row in self.ask(Query(text, values))}
        return [name for name in names if name not in read]

    def oldest_unanswered(self, since: datetime) -> datetime | None:
        """When the oldest message came that was to be answered and has no row in silver."""
        text = (
            "SELECT min(b.received_at) AS oldest FROM $bronze b LEFT ANTI JOIN $silver s ON s.bot_id = b.bot_id"
            " AND s.update_id = b.update_id AND s.channel_id = b.chat_id AND s.message_id = b.message_id"
            " AND coalesce(s.origin, '') = coalesce(b.origin, '')"
            " WHERE b.disposition = 'answer' AND b.received_at >= :since"
        )
        rows = self.ask(Query(text, {"since": since}))
        return _time(rows[0]["oldest"]) if rows else None

    def reply_to(self, origin: str) -> SilverRow | None:
        """The row of what was landed from outside under this name."""
        text = f"SELECT {_COLUMNS} FROM $silver WHERE origin = :origin LIMIT 1"  # noqa: S608
        rows = self.ask(Query(text, {"origin": origin}))
        return SilverRow.model_validate(rows[0]) if rows else None

    def in_bronze(self, origins: Sequence[str]) -> set[str]:
        """Those of these origins that a micro-batch has read and taken over, to be answered."""
        found: set[str] = set()
        for some in _portions(origins):
            values = {f"origin{i}": origin for i, origin in enumerate(some)}
            wanted = ", ".join(f":{name}" for name in values)
            text = f"SELECT DISTINCT origin FROM $bronze WHERE disposition = 'answer' AND origin IN ({wanted})"  # noqa: S608
            found |= {row["origin"] for row in self.ask(Query(text, values))}
        return found

    def newest(self, selection: Selection, most: int) -> list[Newest]:
        """The newest row of each message that fits, in order of arrival; never a probe. The conditions are on it."""
        values: dict[str, Value] = {"most": most}
        where = ["age = 1", *_conditions(selection, values)]
        # Replayed rows carry the time of their replay: what is asked for is the message's own.
        text = (
            f"WITH counted AS (SELECT {_COLUMNS}, count(*) OVER ({_MESSAGE}) AS versions,"  # noqa: S608
            f" min(received_at) OVER ({_MESSAGE}) AS first_received_at, min(seq) OVER ({_MESSAGE}) AS first_seq,"
            f" row_number() OVER ({_MESSAGE} ORDER BY processed_at DESC, batch_id DESC, seq DESC) AS age"
            f" FROM $silver WHERE {_NOT_PROBES})"
            f" SELECT {_COLUMNS}, versions, first_received_at FROM counted WHERE {' AND '.join(where)}"
            " ORDER BY first_seq LIMIT :most"
        )
        return [Newest.model_validate(row) for row in self.ask(Query(text, values))]

    def updates(self, keys: Sequence[MessageKey]) -> dict[MessageKey, dict[str, Any]]:
        """The updates that Telegram delivered these messages in, from bronze."""
        found: dict[MessageKey, dict[str, Any]] = {}
        for some in _portions(keys):
            values: dict[str, Value] = {}
            places = [_all_of(values, key._asdict()) for key in some]
            text = (
                "SELECT bot_id, update_id, chat_id, message_id, raw FROM $bronze"  # noqa: S608
                f" WHERE origin IS NULL AND ({' OR '.join(places)})"
            )
            for row in self.ask(Query(text, values)):
                key = MessageKey(*(int(row[n]) for n in ("bot_id", "update_id", "chat_id", "message_id")))
                found[key] = json.loads(row["raw"])
        return found


def _conditions(selection: Selection, values: dict[str, Value]) -> Iterable[str]:
    if selection.messages:
        named = [_all_of(values, {"channel_id": chat, "message_id": message}) for chat, message in selection.messages]
        yield f"({' OR '.join(named)})"
    if selection.since is not None:
        values["since"] = selection.since
        yield "first_received_at >= :since"
    if selection.until is not None:
        values["until"] = selection.until
        yield "first_received_at < :until"
    statuses = [
        f"{column} = :{_value(values, status)}"
        for column, wanted in (("delivery_status", selection.delivery), ("answer_status", selection.answer))
        for status in wanted
    ]
    if statuses:
        yield f"({' OR '.join(statuses)})"


def _all_of(values: dict[str, Value], columns: Mapping[str, Value]) -> str:
    return f"({' AND '.join(f'{column} = :{_value(values, value)}' for column, value in columns.items())})"


def _value(values: dict[str, Value], value: Value) -> str:
    """Add a value under a name of its own."""
    name = f"v{len(values)}"
    values[name] = value
    return name


def _portions(items: Sequence[_T]) -> Iterable[Sequence[_T]]:
    return (items[start : start + _AT_ONCE] for start in range(0, len(items), _AT_ONCE))


def _time(value: Any) -> datetime | None:
    if value is None:
        return None
    time = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return time if time.tzinfo else time.replace(tzinfo=UTC)
