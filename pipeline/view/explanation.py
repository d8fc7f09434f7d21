"""What an answer was based on: the request that the model was given, made again from the tables and checked."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel

from pipeline.conversations.context import Context, context_with, request_of, without_context
from pipeline.conversations.turns import Turn, TurnRow, UtcTime, newest_first
from pipeline.errors import OperatorError
from pipeline.messages.answer import AnswerStatus
from pipeline.messages.question import Question
from pipeline.model.request import Request
from pipeline.stream.micro_batch import question_of
from pipeline.telegram.bot import Bot
from pipeline.telegram.update import Update, read_line
from pipeline.terminal import plain, say_json, terminal
from pipeline.view.data import DataView, ViewError
from pipeline.view.query import Query, Value
from pipeline.view.rows import named_message

_MOST_ROWS = 100
"""Rows of one message that are looked at: its replays."""


class AnswerRow(TurnRow):
    """A row of silver, with what says how its answer came about."""

    bot_id: int
    update_id: int
    origin: str | None
    model_name: str | None
    answered_at: UtcTime
    delivered_at: UtcTime | None
    asked_at: UtcTime | None
    context_from: int | None
    context_turns: int | None
    request_hash: str | None
    instructions_version: int | None

    @property
    def ended_at(self) -> UtcTime:
        """When a question that came after it could be given it. What a replay delivers was answered earlier."""
        return max(self.received_at, self.answered_at, self.delivered_at or self.answered_at)


_COLUMNS = ", ".join(AnswerRow.model_fields)
_ANSWERS = """
SELECT $columns FROM $silver
WHERE channel_id = :chat AND message_id = :message AND $no_probes
ORDER BY processed_at DESC, batch_id DESC, seq DESC
LIMIT :most
"""
_TURNS = """
SELECT $columns FROM $silver
WHERE channel_id = :chat AND seq >= :since AND message_id < :message AND $no_probes
"""
_UPDATE = """
SELECT raw FROM $bronze
WHERE bot_id = :bot AND update_id = :update AND chat_id = :chat AND message_id = :message
  AND coalesce(origin, '') = :origin
LIMIT 1
"""


class ExplainedAnswer(BaseModel):
    """A request as the tables have it."""

    chat_id: int
    message_id: int
    origin: str | None
    """None for the message itself; the name of a replay of it."""
    model: str | None
    instructions_version: int
    context_from: int | None
    context_turns: int | None
    messages: list[dict[str, str]]
    request_hash: str
    """Of the request that was made."""
    hash_of_tables: str
    """Of these messages."""
    reproduced: bool
    """Whether both are the same."""


def named(message: str) -> tuple[int, int]:
    """Chat and message of a name that was typed. Raises OperatorError."""
    try:
        return named_message(message)
    except ValueError as fault:
        raise OperatorError(f"the message is {message!r}: {fault}") from None


def explained(view: DataView, chat: int, message: int) -> ExplainedAnswer:
    """The request of a message's latest answer that the model was asked for.

    Raises OperatorError where there is none, and what the view raises.
    """
    values = {"chat": chat, "message": message, "most": _MOST_ROWS}
    found = view.ask(Query(_ANSWERS, values, {"columns": _COLUMNS}))
    rows = [AnswerRow.model_validate(row) for row in found]
    if not rows:
        raise OperatorError(f"{chat}/{message} is not in silver: only what was answered can be explained")
    asked = next((row for row in rows if row.request_hash is not None), None)
    if asked is None:
        raise OperatorError(f"{chat}/{message} {_why_none(rows[0])}: there is no request to explain")
    return explanation_of(view, asked)


def explanation_of(view: DataView, row: AnswerRow) -> ExplainedAnswer:
    """The request of a row of silver that has a hash. Raises ViewError, and what the view raises."""
    assert row.request_hash is not None
    if row.instructions_version is None:
        raise ViewError(f"{row.channel_id}/{row.message_id} has a hash and no version of the instructions")
    question = _question_of(view, row)
    request = _request(question, row, _turns(view, row))
    return ExplainedAnswer(
        chat_id=row.channel_id,
        message_id=row.message_id,
        origin=row.origin,
        model=row.model_name,
        instructions_version=row.instructions_version,
        context_from=row.context_from,
        context_turns=row.context_turns,
        messages=request.messages,
        request_hash=row.request_hash,
        hash_of_tables=request.digest,
        reproduced=request.digest == row.request_hash,
    )


def print_explanation(explanation: ExplainedAnswer, *, as_json: bool = False) -> None:
    if as_json:
        say_json(explanation.model_dump_json(indent=2))
        return
    console = terminal(soft_wrap=True)
    for message in explanation.messages:
        console.print(f"[bold]{message['role']}[/bold]\n{plain(message['content'])}\n")
    turns = explanation.context_turns
    told = f"{turns} earlier {'turn' if turns == 1 else 'turns'}"
    if turns is None:
        told = "no earlier turns, since the memory was off"
    began = "" if explanation.context_from is None else f", from seq {explanation.context_from} on"
    about = f"instructions {explanation.instructions_version}; {told}{began}; model {explanation.model or 'unknown'}"
    console.print(plain(f"{explanation.chat_id}/{explanation.message_id}: {about}"))
    if explanation.reproduced:
        console.print(f"[green]SHA-256 {explanation.hash_of_tables}, as the model was asked")
    else:
        console.print(
            f"[red]SHA-256 {explanation.hash_of_tables}, and the model was asked {plain(explanation.request_hash)}: "
            "these are not the same messages"
        )


def _why_none(row: AnswerRow) -> str:
    if row.answer_status == AnswerStatus.FIXED:
        return "has a fixed answer, and no model was asked"
    if row.asked_at is None and row.answer_status == AnswerStatus.FALLBACK:
        return "has a fallback, and no model was asked"
    return "was answered by an earlier release, which kept no hash"


def _question_of(view: DataView, row: AnswerRow) -> Question:
    """The question again, from the update that Telegram delivered: silver lacks what it replies to."""
    values: dict[str, Value] = {
        "bot": row.bot_id,
        "update": row.update_id,
        "chat": row.channel_id,
        "message": row.message_id,
        "origin": row.origin or "",
    }
    found = view.ask(Query(_UPDATE, values))
    if not found:
        raise ViewError(f"the update of {row.channel_id}/{row.message_id} is not in bronze: its request can't be made")
    envelope: dict[str, Any] = {
        "seq": row.seq,
        "bot_id": row.bot_id,
        "received_at": row.received_at.isoformat(),
        "update": json.loads(found[0]["raw"]),
    }
    update = read_line(json.dumps(envelope), row.bot_id)
    if not isinstance(update, Update):
        raise ViewError(f"the update of {row.channel_id}/{row.message_id} in bronze can't be read")
    # Whom a command is for changes nothing of what the model is given.
    return question_of(update, Bot(row.bot_id, ""))


def _turns(view: DataView, row: AnswerRow) -> list[Turn]:
    """The turns that the question was given: the last of those that had ended before the model was asked."""
    if not row.context_turns or row.context_from is None:
        return []
    values = {"chat": row.channel_id, "since": row.context_from, "message": row.message_id}
    rows = [AnswerRow.model_validate(each) for each in view.ask(Query(_TURNS, values, {"columns": _COLUMNS}))]
    asked_at = row.asked_at or row.answered_at
    turns = [each.turn for each in rows if each.key == row.key and each.ended_at <= asked_at]
    known = [turn for turn in newest_first(turn for turn in turns if turn is not None) if turn.answer is not None]
    return known[: row.context_turns][::-1]


def _request(question: Question, row: AnswerRow, turns: list[Turn]) -> Request:
    assert row.instructions_version is not None
    context: Context = (
        without_context(question)
        if row.context_turns is None
        else context_with(question, turns, row.instructions_version)
    )
    return request_of(question, context.model_copy(update={"instructions": row.instructions_version}))
