"""Questions, answers and replies in every state."""

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from pipeline.conversations.context import without_context
from pipeline.conversations.memory import Memory
from pipeline.limits.ledger import Ledger
from pipeline.messages.answer import Answer, AnswerStatus
from pipeline.messages.question import Question
from pipeline.model.request import Asked, Request, alone
from pipeline.replies.lanes import Lanes
from pipeline.replies.preparation import Preparation
from pipeline.replies.reply import Part, PartState, Reply
from pipeline.replies.work import ready_answer

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def question(text: str = "hi", *, chat_id: int = 7, seq: int = 1, **more: Any) -> Question:
    """A question of a private chat, the `seq`-th that ever came."""
    return Question(
        **{
            "bot_id": 42,
            "update_id": seq,
            "chat_id": chat_id,
            "message_id": 100 + seq,
            "seq": seq,
            "chat_type": "private",
            "text": text,
            "received_at": NOON,
            **more,
        }
    )


def request(text: str = "hi") -> Request:
    """What the model is given for a text that stands alone."""
    return alone(text)


def asked(text: str = "hi", *, chat_id: int = 7, seq: int = 1, **more: Any) -> Asked:
    """A question that stands alone, with its request."""
    return Asked(question(text, chat_id=chat_id, seq=seq, **more), request(text))


def preparation() -> Preparation:
    """One without memory and without ceilings."""
    return Preparation(Memory(), Ledger(), 512)


def accepted(text: str = "hi", *, chat_id: int = 7, seq: int = 1, **more: Any) -> Reply:
    """A reply as the stream accepts it: its question stands alone, and it is ready to be asked for."""
    reply = Reply.accepted(question(text, chat_id=chat_id, seq=seq, **more))
    return reply if ready_answer(reply.question) else reply.with_context(without_context(reply.question))


def answer(text: str = "hello", **more: Any) -> Answer:
    return Answer(**{"text": text, "status": AnswerStatus.ANSWERED, "answered_at": NOON, **more})


def answered(*parts: Part | str, **more: Any) -> Reply:
    """A reply with its answer in these parts; `more` are the question's fields."""
    in_parts = tuple(part if isinstance(part, Part) else Part(text=part) for part in parts or ("hello",))
    return accepted(**more).with_answer(answer(" ".join(part.text for part in in_parts)), in_parts)


def part(text: str, state: PartState, message_id: int | None = None, error: str | None = None) -> Part:
    return Part(text=text, state=state, message_id=message_id, error=error)


def wait_for_replies(lanes: Lanes, keys: Iterable[str], timeout: float) -> bool:
    """Wait until none of these replies is open in the lanes; False after `timeout` seconds."""
    wanted, until = set(keys), time.monotonic() + timeout
    while not wanted.isdisjoint(lanes._open._keys):
        if time.monotonic() >= until:
            return False
        time.sleep(0.002)
    return True
