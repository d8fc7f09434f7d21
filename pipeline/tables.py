"""The tables: names, columns, types and comments, once for the streams, the infra program and the checks.

Importing this module needs neither Spark nor Pulumi. Types are written exactly as Unity Catalog returns them
(`bigint`, `string`, `timestamp`, `array<bigint>`), so that a deployment sees no drift.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


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

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def ddl(self) -> str:
        """The columns as a schema string that Spark parses, comments left out."""
        return ", ".join(f"`{column.name}` {column.type}" for column in self.columns)


IDENTITY = ("bot_id", "update_id", "chat_id", "message_id", "origin")
"""What makes a message one message: update_id alone restarts at random after a week of silence."""

_APPEND_ONLY = (
    # The trail is added to and never changed: a statement that would rewrite or empty a table is refused by Delta.
    ("delta.appendOnly", "true"),
    # Time travel needs both the log and the files: each is kept long enough to look into an incident afterwards.
    ("delta.logRetentionDuration", "interval 30 days"),
    ("delta.deletedFileRetentionDuration", "interval 30 days"),
    # Each micro-batch adds a small file: Delta puts them together after an append now and then.
    ("delta.autoOptimize.autoCompact", "true"),
)
# delta.setTransactionRetentionDuration stays unset: a forgotten txnVersion would let a replayed batch append twice.

_ORIGIN = (
    "Null for what Telegram delivered; probe:<id> for a check's synthetic message, replay:<id> for one taken again. "
    "Reports leave probes out: origin IS NULL OR origin LIKE 'replay:%'."
)

BRONZE = Table(
    name="bronze",
    comment="Every update that Telegram delivered, once: raw JSON, parsed columns, and what was decided about it.",
    cluster_by=("received_at", "chat_id"),
    properties=_APPEND_ONLY,
    columns=(
        Column("bot_id", "bigint", "The bot that received the update."),
        Column("update_id", "bigint", "Telegram's number of the update; restarts at random after a week of silence."),
        Column("seq", "bigint", "Our order of arrival, rising over restarts: microseconds since 1970, made unique."),
        Column("kind", "string", "Which member of the Update object is set, as message or channel_post."),
        Column("disposition", "string", "answer, or the reason why the bot does not answer this update."),
        Column("message_id", "bigint", "The message within its chat; null where the update has no message."),
        Column("chat_id", "bigint", "The chat; null where the update has none."),
        Column("chat_type", "string", "private, group, supergroup or channel."),
        Column("chat_title", "string", "Title of a group or channel."),
        Column("topic_id", "bigint", "The forum topic (message_thread_id) that the message was written in."),
        Column("author_id", "bigint", "The user who wrote, or the chat on whose behalf it was written."),
        Column("author_name", "string", "The author's first and last name, or the title of the sending chat."),
        Column("author_signature", "string", "Signature of a channel post's author or of an anonymous administrator."),
        Column("author_language", "string", "IETF language tag of the author's client."),
        Column("text", "string", "The text or the caption."),
        Column("entities", "string", "Entities of the text or caption, as JSON."),
        Column("reply_to", "bigint", "message_id of the message that this one replies to."),
        Column("date", "timestamp", "When the message was sent, by Telegram's clock."),
        Column("received_at", "timestamp", "When the update was landed."),
        Column("ingested_at", "timestamp", "When the micro-batch read it."),
        Column("source_file", "string", "The landing file that carried it."),
        Column("batch_id", "bigint", "The micro-batch that wrote this row."),
        Column("raw", "string", "The update as JSON, as Telegram delivered it."),
        Column("origin", "string", _ORIGIN),
    ),
)

SILVER = Table(
    name="silver",
    comment="A row for each message the bot answered, and for each replay: question, answer, and its delivery.",
    cluster_by=("processed_at", "channel_id"),
    properties=_APPEND_ONLY,
    columns=(
        Column("bot_id", "bigint", "The bot that was asked."),
        Column("update_id", "bigint", "Telegram's number of the update that carried the question."),
        Column("seq", "bigint", "Order of arrival, as in bronze."),
        Column("message_id", "bigint", "The question within its chat."),
        Column("channel_id", "bigint", "The chat that the question was asked in."),
        Column("conversation_type", "string", "private, group, supergroup or channel."),
        Column("channel_title", "string", "Title of the group or channel."),
        Column("topic_id", "bigint", "The forum topic that the question was asked in."),
        Column("author_signature", "string", "Signature of a channel post's author or of an anonymous administrator."),
        Column("user_message", "string", "The question, as the user wrote it."),
        Column("llm_response", "string", "The answer as it was sent, before it was split into parts."),
        Column("model_name", "string", "The model that answered, as it named itself; null for a fixed answer."),
        Column("answer_status", "string", "answered, fallback (the polite text, see error) or fixed (/start, /help)."),
        Column(
            "delivery_status",
            "string",
            "sent, unknown (nobody can know whether it arrived), dead (refused) or withheld (a probe, never sent).",
        ),
        Column("reply_message_ids", "array<bigint>", "message_ids of the reply's parts that are known to be sent."),
        Column("error", "string", "Why the answer is a fallback, or the delivery unknown or dead."),
        Column("prompt_tokens", "bigint", "Tokens of the request, as the model counted them."),
        Column("completion_tokens", "bigint", "Tokens of the answer, as the model counted them."),
        Column("received_at", "timestamp", "When the question was landed."),
        Column("answered_at", "timestamp", "When the answer was there; before received_at where it is sent again."),
        Column("delivered_at", "timestamp", "When Telegram confirmed the last part."),
        Column("processed_at", "timestamp", "When this row was written."),
        Column("batch_id", "bigint", "The micro-batch that wrote this row."),
        Column("origin", "string", _ORIGIN),
    ),
)

QUARANTINE = Table(
    name="quarantine",
    comment="Landed lines that are no valid updates: the raw text and the reason.",
    properties=_APPEND_ONLY,
    columns=(
        Column("reason", "string", "What is wrong with the line, naming the field."),
        Column("raw", "string", "The line as it was landed."),
        Column("source_file", "string", "The landing file that carried it."),
        Column("ingested_at", "timestamp", "When the micro-batch read it."),
        Column("batch_id", "bigint", "The micro-batch that wrote this row."),
    ),
)

# New columns come last, and alone: the provider alters a table by position, and refuses to add a column and to change
# another's comment at once.
TABLES = (BRONZE, SILVER, QUARANTINE)


_TABLE_NAME = re.compile(r"^[\w-]+\.[\w-]+\.[\w-]+$")


def is_table_name(table: str) -> bool:
    """Whether a table is named in Unity Catalog; otherwise it is a path."""
    return _TABLE_NAME.match(table) is not None
