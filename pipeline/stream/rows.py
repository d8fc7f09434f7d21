"""Bronze: every update once, with what was decided about it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from pipeline.replies.reply import Reply
from pipeline.telegram.routing import Disposition
from pipeline.telegram.update import Update


def bronze_row(
    update: Update, decided: Disposition, *, source_file: str, ingested_at: datetime, batch_id: int
) -> tuple[Any, ...]:
    """The row of an update, in the order of `tables.BRONZE`."""
    message = update.message
    chat = message.chat if message else update.chat
    sender = message.sender if message else update.sender
    name = " ".join(filter(None, (sender.first_name, sender.last_name))) if sender else ""
    marks = message.marks if message else None
    written_by = message.sender_chat.id if message and message.sender_chat else sender.id if sender else None
    return (
        update.bot_id,
        update.update_id,
        update.seq,
        update.kind,
        decided.value,
        message.message_id if message else None,
        chat.id if chat else None,
        chat.type if chat else None,
        chat.title if chat else None,
        message.topic_id if message else None,
        written_by,
        (message.author_name if message else name) or None,
        message.author_signature if message else None,
        sender.language_code if sender else None,
        message.words if message else None,
        json.dumps([mark.model_dump(exclude_none=True) for mark in marks]) if marks else None,
        message.reply_to_message.message_id if message and message.reply_to_message else None,
        _time(message.date) if message else None,
        update.received_at,
        ingested_at,
        source_file,
        batch_id,
        update.raw,
        update.origin.name if update.origin else None,
    )


def _time(seconds: int | None) -> datetime | None:
    """A time that a table can hold; one beyond the year 9999 is malformed, and raw keeps it."""
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds is not None else None
    except (OverflowError, ValueError, OSError):
        return None


def silver_row(reply: Reply, *, processed_at: datetime, batch_id: int) -> tuple[Any, ...]:
    """The row of a terminal reply, in the order of `tables.SILVER`."""
    question, answer = reply.question, reply.answer
    assert answer is not None
    return (
        question.bot_id,
        question.update_id,
        question.seq,
        question.message_id,
        question.chat_id,
        question.chat_type,
        question.chat_title,
        question.topic_id,
        question.author_signature,
        question.text,
        answer.text,
        answer.model,
        answer.status.value,
        reply.delivery_status,
        [part.message_id for part in reply.parts if part.message_id is not None],
        reply.error,
        answer.prompt_tokens,
        answer.completion_tokens,
        question.received_at,
        answer.answered_at,
        reply.delivered_at,
        processed_at,
        batch_id,
        question.identity.origin,
    )
