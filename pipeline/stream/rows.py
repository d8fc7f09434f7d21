"""The rows of the tables, by column name. `Table.ordered` checks the names and puts the values in order."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

from pipeline.messages.vote import read_vote
from pipeline.replies.reply import Reply
from pipeline.tables import EARLIEST, LATEST
from pipeline.telegram.routing import Disposition
from pipeline.telegram.update import Malformed, Update

Row = Mapping[str, object]


def bronze_row(
    update: Update, disposition: Disposition, *, source_file: str, ingested_at: datetime, batch_id: int
) -> Row:
    """The row of an update."""
    message = update.message
    chat = message.chat if message else update.chat
    sender = message.sender if message else update.sender
    sender_name = " ".join(filter(None, (sender.first_name, sender.last_name))) if sender else ""
    entities = message.marks if message else None
    return {
        "bot_id": update.bot_id,
        "update_id": update.update_id,
        "seq": update.seq,
        "kind": update.kind,
        "disposition": disposition.value,
        "message_id": message.message_id if message else None,
        "chat_id": chat.id if chat else None,
        "chat_type": chat.type if chat else None,
        "chat_title": chat.title if chat else None,
        "topic_id": message.topic_id if message else None,
        "author_id": message.author_id if message else sender.id if sender else None,
        "author_name": (message.author_name if message else sender_name) or None,
        "author_signature": message.author_signature if message else None,
        "author_language": sender.language_code if sender else None,
        "text": message.words if message else None,
        "entities": json.dumps([entity.model_dump(exclude_none=True) for entity in entities]) if entities else None,
        "reply_to": message.reply_to_message.message_id if message and message.reply_to_message else None,
        "date": _time(message.date) if message else None,
        "received_at": update.received_at,
        "ingested_at": ingested_at,
        "source_file": source_file,
        "batch_id": batch_id,
        "raw": update.raw,
        "origin": update.origin.name if update.origin else None,
    }


def silver_row(reply: Reply, *, processed_at: datetime, batch_id: int) -> Row:
    """The row of a terminal reply."""
    question, answer = reply.question, reply.answer
    assert answer is not None
    # What was given to no model has a context at most: a question that met a ceiling was decided on and never asked.
    context = reply.context if answer.asked_at is not None else None
    charged = reply.charge.settled
    return {
        "bot_id": question.bot_id,
        "update_id": question.update_id,
        "seq": question.seq,
        "message_id": question.message_id,
        "channel_id": question.chat_id,
        "conversation_type": question.chat_type,
        "channel_title": question.chat_title,
        "topic_id": question.topic_id,
        "author_signature": question.author_signature,
        "user_message": question.text,
        "llm_response": answer.text,
        "model_name": answer.model,
        "answer_status": answer.status.value,
        "delivery_status": reply.delivery_status,
        "reply_message_ids": reply.message_ids,
        "error": reply.error,
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.completion_tokens,
        "received_at": question.received_at,
        "answered_at": answer.answered_at,
        "delivered_at": reply.delivered_at,
        "processed_at": processed_at,
        "batch_id": batch_id,
        "origin": question.identity.origin,
        "author_id": question.author_id,
        "asked_at": answer.asked_at,
        "first_token_at": answer.first_token_at,
        "context_from": context.since if context else None,
        "context_turns": context.turns if context else None,
        "request_hash": context.digest if context else None,
        "instructions_version": context.instructions if context else None,
        "charged_prompt_tokens": charged.prompt,
        "charged_completion_tokens": charged.completion,
    }


def feedback_row(update: Update, *, source_file: str, ingested_at: datetime, batch_id: int) -> Row:
    """The row of a press whose disposition is `feedback`."""
    press = update.press
    assert press is not None
    assert press.message is not None
    vote = read_vote(press.data)
    assert vote is not None
    return {
        "bot_id": update.bot_id,
        "update_id": update.update_id,
        "seq": update.seq,
        "channel_id": press.message.chat.id,
        "message_id": press.message.message_id,
        "question_update_id": vote.update_id,
        "question_message_id": vote.message_id,
        "author_id": press.sender.id,
        "vote": vote.thumb.value,
        "received_at": update.received_at,
        "ingested_at": ingested_at,
        "source_file": source_file,
        "batch_id": batch_id,
        "origin": update.origin.name if update.origin else None,
    }


def quarantine_row(malformed: Malformed, *, source_file: str, ingested_at: datetime, batch_id: int) -> Row:
    """The row of a line that is not a valid update."""
    return {
        "reason": malformed.reason,
        "raw": malformed.raw,
        "source_file": source_file,
        "ingested_at": ingested_at,
        "batch_id": batch_id,
    }


def _time(seconds: int | None) -> datetime | None:
    """A time that every reader of a table can hold. One outside these is left out; `raw` keeps it."""
    try:
        time = datetime.fromtimestamp(seconds, UTC) if seconds is not None else None
    except (OverflowError, ValueError, OSError):
        return None
    return time if time is not None and EARLIEST <= time < LATEST else None
