"""The tables: names, columns, types and comments, declared once for the stream, the infra program and the checks.

Importing this module loads neither Spark nor Pulumi. Types are written exactly as Unity Catalog returns them
(`bigint`, `string`, `timestamp`, `array<bigint>`), so that a deployment sees no drift.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from string import Template

EARLIEST, LATEST = datetime(1678, 1, 1, tzinfo=UTC), datetime(2262, 1, 1, tzinfo=UTC)
"""Times from the first on and before the second go into a table: many readers count nanoseconds in 64 bits."""


class ColumnError(ValueError):
    """A row has not exactly the columns of its table."""


@dataclass(frozen=True)
class Column:
    name: str
    type: str
    comment: str


@dataclass(frozen=True)
class Table:
    """A governed Delta table. `cluster_by` is liquid clustering where the platform has it; `properties` are Delta's."""

    name: str
    comment: str
    columns: tuple[Column, ...]
    cluster_by: tuple[str, ...] = ()
    properties: tuple[tuple[str, str], ...] = ()
    identity: tuple[str, ...] = ()
    """The columns that identify a row's message, in the order of `Identity`; empty if rows have no message."""

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def ddl(self) -> str:
        """The columns as a schema string that Spark parses, without comments."""
        return ", ".join(f"`{column.name}` {column.type}" for column in self.columns)

    def ordered(self, row: Mapping[str, object]) -> tuple[object, ...]:
        """The row's values in the order of the columns. Raises ColumnError for a column too few or too many."""
        if row.keys() != self._name_set:
            missing = [name for name in self.column_names if name not in row]
            unknown = [name for name in row if name not in self._name_set]
            raise ColumnError(
                f"a row of {self.name} lacks the columns {missing} and has the unknown columns {unknown}: "
                "give it exactly the columns of pipeline/tables.py"
            )
        return tuple(map(row.__getitem__, self.column_names))

    @cached_property
    def _name_set(self) -> frozenset[str]:
        return frozenset(self.column_names)


@dataclass(frozen=True)
class View:
    """A view over the tables, in SQL that Databricks, Spark and DataFusion read alike."""

    name: str
    comment: str
    columns: tuple[Column, ...]
    reads: tuple[Table, ...]
    """The tables that it reads."""
    template: str
    """Its statement, with `$silver` and the like for the tables, and `$columns` for its columns of silver."""

    def select(self, names: Mapping[str, str]) -> str:
        """Its statement. `names` has the name of each table that it reads, quoted as needed, by the table's own."""
        columns = ", ".join(f"s.{column.name}" for column in SILVER.columns)
        return Template(self.template).substitute(names, columns=columns).strip()


IDENTITY = ("bot_id", "update_id", "chat_id", "message_id", "origin")
"""The columns that identify a message: update_id alone does not, it restarts at random after a week of silence."""

_APPEND_ONLY = (
    # The audit trail only grows: Delta refuses a statement that would change, remove or replace rows.
    ("delta.appendOnly", "true"),
    # Time travel needs both the log and the files: both are kept long enough to investigate an incident.
    ("delta.logRetentionDuration", "interval 30 days"),
    ("delta.deletedFileRetentionDuration", "interval 30 days"),
    # Each micro-batch adds a small file: from time to time Delta merges them after an append.
    ("delta.autoOptimize.autoCompact", "true"),
)
# delta.setTransactionRetentionDuration stays unset: if Delta forgot a txnVersion, a replayed batch would append twice.

_BATCH = "The micro-batch that read the line; -1 if an earlier run's may have read it."
_ORIGIN = (
    "Null for what Telegram delivered; probe:<id> for a check's synthetic message, replay:<id> for a message that an "
    "operator injected again. Reports leave probes out: origin IS NULL OR origin LIKE 'replay:%'."
)

NO_PROBES = "(origin IS NULL OR origin LIKE 'replay:%')"
"""The condition that leaves out the rows of probes, whose `origin` is `probe:…`, the same in every report and view."""

BRONZE = Table(
    name="bronze",
    comment="Every update that Telegram delivered, once: raw JSON, parsed columns, and whether the bot answers it.",
    cluster_by=("received_at", "chat_id"),
    identity=IDENTITY,
    properties=_APPEND_ONLY,
    columns=(
        Column("bot_id", "bigint", "The bot that received the update."),
        Column(
            "update_id",
            "bigint",
            "Telegram's number of the update. After a week of silence it restarts at a random number.",
        ),
        Column(
            "seq",
            "bigint",
            "Order of arrival: microseconds since 1970, unique, and always increasing, also after a restart.",
        ),
        Column("kind", "string", "The kind of update, for example message or channel_post."),
        Column("disposition", "string", "answer, or the reason why the bot does not answer this update."),
        Column("message_id", "bigint", "Number of the message within its chat; null if the update has no message."),
        Column("chat_id", "bigint", "The chat, which silver calls channel_id; null if the update has none."),
        Column("chat_type", "string", "private, group, supergroup or channel."),
        Column("chat_title", "string", "Title of a group or channel."),
        Column("topic_id", "bigint", "The forum topic (message_thread_id) that the message was written in."),
        Column("author_id", "bigint", "The user who wrote the message, or the chat in whose name it was sent."),
        Column("author_name", "string", "The author's first and last name, or the title of the sending chat."),
        Column(
            "author_signature", "string", "Signature of the author of a channel post, or of an anonymous administrator."
        ),
        Column("author_language", "string", "IETF language tag of the author's Telegram app."),
        Column("text", "string", "The text or the caption."),
        Column("entities", "string", "Formatting entities of the text or caption, as JSON."),
        Column("reply_to", "bigint", "message_id of the message that this one replies to."),
        Column("date", "timestamp", "When the message was sent, by Telegram's clock."),
        Column("received_at", "timestamp", "When the pipeline received the update from Telegram."),
        Column("ingested_at", "timestamp", "When the micro-batch read the line."),
        Column("source_file", "string", "The landing file that contained it."),
        Column("batch_id", "bigint", _BATCH),
        Column("raw", "string", "The complete update as JSON, as Telegram delivered it."),
        Column("origin", "string", _ORIGIN),
    ),
)

SILVER = Table(
    name="silver",
    comment="One row for each message that the bot answered and for each replay: question, answer and delivery.",
    cluster_by=("processed_at", "channel_id"),
    identity=tuple("channel_id" if name == "chat_id" else name for name in IDENTITY),
    properties=_APPEND_ONLY,
    columns=(
        Column("bot_id", "bigint", "The bot that was asked."),
        Column("update_id", "bigint", "Telegram's number of the update that contained the question."),
        Column("seq", "bigint", "Order of arrival, as in bronze."),
        Column("message_id", "bigint", "Number of the question's message within its chat."),
        Column("channel_id", "bigint", "The chat that the question was asked in, which bronze calls chat_id."),
        Column("conversation_type", "string", "private, group, supergroup or channel."),
        Column("channel_title", "string", "Title of the group or channel."),
        Column("topic_id", "bigint", "The forum topic that the question was asked in."),
        Column(
            "author_signature", "string", "Signature of the author of a channel post, or of an anonymous administrator."
        ),
        Column("user_message", "string", "The question, as the user wrote it."),
        Column("llm_response", "string", "The answer as it was sent, before it was split into parts."),
        Column("model_name", "string", "The model, by the name that its server returned; null for a fixed answer."),
        Column(
            "answer_status",
            "string",
            "answered, fallback (a polite text in place of an answer, see error) or fixed (/start, /help).",
        ),
        Column(
            "delivery_status",
            "string",
            "sent, unknown (it may have arrived or not), dead (Telegram refused it) or withheld (a probe, not sent).",
        ),
        Column("reply_message_ids", "array<bigint>", "message_id of each part of the reply that Telegram confirmed."),
        Column(
            "error", "string", "Why the answer is a fallback or ends early, or why the delivery is unknown or dead."
        ),
        Column("prompt_tokens", "bigint", "Tokens of the request, as counted by the model."),
        Column("completion_tokens", "bigint", "Tokens of the answer, as counted by the model."),
        Column("received_at", "timestamp", "When the pipeline received the question from Telegram."),
        Column(
            "answered_at",
            "timestamp",
            "When the answer was complete; earlier than received_at if a replay sends a stored answer.",
        ),
        Column("delivered_at", "timestamp", "When Telegram confirmed the last part of the reply."),
        Column("processed_at", "timestamp", "When this row was written."),
        Column("batch_id", "bigint", "The latest micro-batch when this row was written; -1 if there was none."),
        Column("origin", "string", _ORIGIN),
        Column(
            "author_id",
            "bigint",
            "The user who asked, or the chat in whose name the question was sent; null in rows of earlier releases.",
        ),
        Column("asked_at", "timestamp", "When the attempt began that brought the answer; null without the model."),
        Column(
            "first_token_at",
            "timestamp",
            "When the answer's first words came from the model; null if they did not come one after the other.",
        ),
        Column(
            "context_from",
            "bigint",
            "seq of the first earlier question that the model was given with its answer; null if there was none.",
        ),
        Column(
            "context_turns",
            "bigint",
            "How many earlier questions with their answers the model was given; null if memory was off.",
        ),
        Column(
            "request_hash",
            "string",
            "SHA-256 of the messages that the model was given, in hexadecimal: pipeline explain makes them again.",
        ),
        Column(
            "instructions_version",
            "bigint",
            "The version of the instructions that the model was given; null without the model.",
        ),
        Column(
            "charged_prompt_tokens",
            "bigint",
            "Prompt tokens that count against the ceilings: of all attempts; the most possible where nobody knows.",
        ),
        Column(
            "charged_completion_tokens",
            "bigint",
            "Answer tokens that count against the ceilings: of all attempts; the most possible where nobody knows.",
        ),
    ),
)

QUARANTINE = Table(
    name="quarantine",
    comment="Landed lines that are not valid updates: the raw text and the reason.",
    properties=_APPEND_ONLY,
    columns=(
        Column("reason", "string", "What is wrong with the line, and in which field."),
        Column("raw", "string", "The complete line, unchanged."),
        Column("source_file", "string", "The landing file that contained it."),
        Column("ingested_at", "timestamp", "When the micro-batch read the line."),
        Column("batch_id", "bigint", _BATCH),
    ),
)

FEEDBACK = Table(
    name="feedback",
    comment="Every press of 👍 or 👎 under an answer, once. The latest press of each user is the vote.",
    cluster_by=("received_at", "channel_id"),
    identity=tuple("channel_id" if name == "chat_id" else name for name in IDENTITY),
    properties=_APPEND_ONLY,
    columns=(
        Column("bot_id", "bigint", "The bot whose answer it is."),
        Column("update_id", "bigint", "Telegram's number of the update that contained the press."),
        Column("seq", "bigint", "Order of arrival, as in bronze."),
        Column("channel_id", "bigint", "The chat of the answer, which bronze calls chat_id."),
        Column("message_id", "bigint", "The answer's message with the buttons: one of silver's reply_message_ids."),
        Column("question_update_id", "bigint", "update_id of the question that was answered, as in silver."),
        Column("question_message_id", "bigint", "message_id of the question that was answered, as in silver."),
        Column("author_id", "bigint", "The user who pressed."),
        Column("vote", "string", "up (👍) or down (👎)."),
        Column("received_at", "timestamp", "When the pipeline received the press from Telegram."),
        Column("ingested_at", "timestamp", "When the micro-batch read the line."),
        Column("source_file", "string", "The landing file that contained it."),
        Column("batch_id", "bigint", _BATCH),
        Column("origin", "string", _ORIGIN),
    ),
)

# Add a new column at the end, and change no comment at the same time: the provider alters a table by position, and
# refuses to add one column and change another's comment in one deployment.
TABLES = (BRONZE, SILVER, QUARANTINE, FEEDBACK)

ANSWERS = View(
    name="answers",
    comment="Silver, and how many users think well or badly of each answer by the latest button that each pressed.",
    columns=(
        *SILVER.columns,
        Column("thumbs_up", "bigint", "How many users pressed 👍 last."),
        Column("thumbs_down", "bigint", "How many users pressed 👎 last."),
    ),
    reads=(SILVER, FEEDBACK),
    # A question may have several answers, since it can be replayed. A press belongs to the one whose message it names;
    # if none has that message, to the one whose messages are not known. A client can send any data with a press, so the
    # chats are compared; only what was a group may have become another one, which has no private chat's number. A
    # check's press counts for checks only.
    template="""
WITH pressed AS (
  SELECT s.bot_id, s.update_id, s.channel_id, s.message_id, coalesce(s.origin, '') AS origin, f.author_id, f.vote,
    f.seq,
    row_number() OVER (
      PARTITION BY f.bot_id, f.update_id, f.seq
      ORDER BY CASE WHEN array_contains(s.reply_message_ids, f.message_id) THEN 0 ELSE 1 END, s.processed_at
    ) AS choice
  FROM $feedback f
  JOIN $silver s
    ON s.bot_id = f.bot_id AND s.update_id = f.question_update_id AND s.message_id = f.question_message_id
  WHERE (s.channel_id = f.channel_id OR s.conversation_type = 'group' AND f.channel_id < 0)
    AND (array_contains(s.reply_message_ids, f.message_id) OR s.delivery_status IN ('unknown', 'withheld'))
    AND (f.origin IS NULL OR f.origin LIKE 'replay:%' OR s.origin LIKE 'probe:%')
),
aged AS (
  SELECT bot_id, update_id, channel_id, message_id, origin, vote,
    row_number() OVER (
      PARTITION BY bot_id, update_id, channel_id, message_id, origin, author_id ORDER BY seq DESC
    ) AS age
  FROM pressed
  WHERE choice = 1
),
votes AS (
  SELECT bot_id, update_id, channel_id, message_id, origin,
    count(CASE WHEN vote = 'up' THEN 1 END) AS thumbs_up,
    count(CASE WHEN vote = 'down' THEN 1 END) AS thumbs_down
  FROM aged
  WHERE age = 1
  GROUP BY bot_id, update_id, channel_id, message_id, origin
)
SELECT $columns, coalesce(v.thumbs_up, 0) AS thumbs_up, coalesce(v.thumbs_down, 0) AS thumbs_down
FROM $silver s
LEFT JOIN votes v
  ON v.bot_id = s.bot_id AND v.update_id = s.update_id AND v.channel_id = s.channel_id
  AND v.message_id = s.message_id AND v.origin = coalesce(s.origin, '')
""",
)


_TABLE_NAME = re.compile(r"^[\w-]+\.[\w-]+\.[\w-]+$")


def is_table_name(table: str) -> bool:
    """Whether `table` is a three-level Unity Catalog name; otherwise it is a path."""
    return _TABLE_NAME.match(table) is not None
