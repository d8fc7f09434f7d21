"""Made-up rows of the tables: a month of a bot that some people write to. The same seed gives the same month.

The pictures of the dashboard are taken over these rows. A table that is missing here is empty in the pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from pipeline.conversations.context import without_context
from pipeline.limits.charge import Charge, Tokens
from pipeline.messages.answer import Answer, AnswerStatus
from pipeline.messages.origin import Replay, StoredAnswer
from pipeline.messages.question import Question
from pipeline.replies.reply import Part, PartState, Reply
from pipeline.stream.delta import DeltaTable
from pipeline.stream.rows import Row, silver_row
from pipeline.tables import FEEDBACK, SILVER, TABLES

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

_DAYS = 30
_BOT = 42
_MODEL = "example-model-70b"
_ASKED = (
    (
        "When does the library open on Sundays?",
        "At ten, and it closes at six. The reading room stays open until eight.",
    ),
    ("Wie lange ist ein Paket nach Oslo unterwegs?", "In der Regel drei bis fünf Werktage."),
    ("Translate to French: the meeting is moved to Friday.", "La réunion est reportée à vendredi."),
    ("¿Qué significa «idempotente»?", "Que repetir la operación no cambia el resultado."),
    ("Summarise the notes in three points.", "1. The date is set. 2. The budget is open. 3. Ann writes the minutes."),
)
_FAILURES = {
    "fallback": ("the answer is empty", "the model refused the request (400)"),
    "unknown": ("no response within 30 s",),
    "dead": ("Forbidden: bot was blocked by the user", "Bad Request: chat not found"),
}


def write_tables(spark: SparkSession, storage: Path, now: datetime) -> None:
    """Create every table in the storage, with the made-up rows of the month that ends at `now`."""
    for table in TABLES:
        delta = DeltaTable(table, str(storage / table.name), spark)
        delta.ensure()
        delta.append(ROWS[table.name](now) if table.name in ROWS else [])


def silver_rows(now: datetime) -> Sequence[Row]:
    """Rows of silver, oldest first."""
    random = Random(20)
    rows = []
    for number, reply in enumerate(_replies(now, random)):
        answer = reply.answer
        done = reply.delivered_at or (answer.answered_at if answer else now)
        rows.append(silver_row(reply, processed_at=done + timedelta(seconds=2), batch_id=number // 3))
    return rows


def feedback_rows(now: datetime) -> Sequence[Row]:
    """Rows of feedback, oldest first: some people press a button under the answer, most of them 👍."""
    random = Random(21)
    rows: list[Row] = []
    for reply in _replies(now, Random(20)):
        question, answer, at = reply.question, reply.answer, reply.delivered_at
        if answer is None or at is None or answer.status is not AnswerStatus.ANSWERED or random.random() > 0.22:
            continue
        pressed = at + timedelta(seconds=random.lognormvariate(2.2, 0.7))
        slow = at - question.received_at > timedelta(seconds=3)
        press = {
            "bot_id": _BOT,
            "update_id": 700_000 + len(rows),
            "seq": int(pressed.timestamp() * 1e6),
            "channel_id": question.chat_id,
            "message_id": reply.parts[-1].message_id,
            "question_update_id": question.update_id,
            "question_message_id": question.message_id,
            "author_id": question.author_id,
            "vote": "down" if random.random() < (0.45 if slow else 0.12) else "up",
            "received_at": pressed,
            "ingested_at": pressed + timedelta(seconds=1),
            "source_file": f"{int(pressed.timestamp() * 1e6)}.jsonl",
            "batch_id": len(rows) // 2,
            "origin": None,
        }
        rows.append({name: press.get(name) for name in FEEDBACK.column_names})
    return rows


ROWS: dict[str, Callable[[datetime], Sequence[Row]]] = {SILVER.name: silver_rows, FEEDBACK.name: feedback_rows}
"""The made-up rows of each table that has some: its name, and a function of the time at which the month ends."""


def _replies(now: datetime, random: Random) -> Iterator[Reply]:
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    number = 0
    for day in range(_DAYS):
        morning = today - timedelta(days=_DAYS - 1 - day)
        # Fewer people write at the weekend, and a few more each week.
        busy = (0.45 if morning.weekday() >= 5 else 1.0) * (44 + 1.6 * day)
        slow = 2.2 if day == 17 else 1.0
        seconds = sorted(random.triangular(6, 23.9, 14) * 3600 for _ in range(int(random.gauss(busy, busy / 12))))
        for second in seconds:
            received = morning + timedelta(seconds=second)
            if received >= now - timedelta(minutes=1):
                break
            number += 1
            reply = _reply(number, received, random, slow)
            yield reply
            if reply.answer is not None and reply.delivery_status == "unknown" and day < _DAYS - 1:
                yield _replayed(reply, reply.answer, received + timedelta(minutes=40))


def _reply(number: int, received: datetime, random: Random, slow: float) -> Reply:
    author = 1000 + min(int(random.expovariate(0.09)), 60)
    asked, said = random.choice(_ASKED)
    question = Question(
        bot_id=_BOT,
        update_id=500_000 + number,
        chat_id=author,
        message_id=10 + number,
        seq=int(received.timestamp() * 1e6),
        chat_type="private",
        author_id=author,
        language="en",
        text=asked,
        received_at=received,
    )
    chance = random.random()
    if chance < 0.04:
        answered = received + timedelta(milliseconds=random.randint(4, 30))
        answer = Answer(text="Hello! Write me a question.", status=AnswerStatus.FIXED, answered_at=answered)
    else:
        answered = received + timedelta(seconds=0.35 + slow * random.lognormvariate(0.1, 0.5))
        failed = chance > 0.988
        answer = Answer(
            text="I can't answer this one. Please ask it differently." if failed else said,
            status=AnswerStatus.FALLBACK if failed else AnswerStatus.ANSWERED,
            model=_MODEL,
            reason=random.choice(_FAILURES["fallback"]) if failed else None,
            prompt_tokens=random.randint(180, 420),
            completion_tokens=int(random.lognormvariate(4.4, 0.5)),
            asked_at=received + timedelta(milliseconds=60),
            first_token_at=received + (answered - received) * 0.4,
            answered_at=answered,
        )
    reply = Reply.accepted(question)
    if answer.prompt_tokens is not None and answer.completion_tokens is not None:
        spent = Tokens(prompt=answer.prompt_tokens, completion=answer.completion_tokens)
        reply = reply.with_context(without_context(question)).with_charge(Charge(settled=spent))
    reply = reply.with_answer(answer, (Part(text=answer.text),))
    outcome = random.random()
    if outcome < 0.004:
        return reply.sending(0).unknown(0, _FAILURES["unknown"][0], "hold")
    if outcome < 0.010:
        return reply.dead(random.choice(_FAILURES["dead"]))
    return reply.sent(0, 20 + number, answered + timedelta(seconds=random.uniform(0.05, 0.2)))


def _replayed(reply: Reply, answer: Answer, at: datetime) -> Reply:
    """An operator delivers the stored answer of a reply whose outcome is unknown once more."""
    stored = StoredAnswer.model_validate(answer.model_dump())
    origin = Replay(id=f"r{reply.question.update_id}", mode="deliver", answer=stored)
    question = reply.question.model_copy(update={"origin": origin, "received_at": at})
    parts = tuple(part.model_copy(update={"state": PartState.PENDING, "error": None}) for part in reply.parts)
    again = reply.model_copy(update={"question": question, "parts": parts})
    return again.sent(0, 900_000 + question.message_id, at + timedelta(seconds=0.6))
