"""What people asked and what the bot sent, counted from Telegram's side alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from pipeline.sandbox.telegram.simulator import Telegram


class Reconciliation(NamedTuple):
    """Counts over all private chats, of questions that a bot has to answer: those with words."""

    asked: int
    answered: int
    twice: int
    """Questions with more than one answer."""
    unknown: int = 0
    """Of those without an answer: how many the pipeline itself reports as of unknown outcome."""

    @property
    def lost(self) -> int:
        return max(0, self.asked - self.answered - self.unknown)

    @property
    def good(self) -> bool:
        return self.lost == 0 and self.twice == 0

    @property
    def line(self) -> str:
        unknown = f", {self.unknown} reported as unknown" if self.unknown else ""
        return f"asked {self.asked}, answered {self.answered}{unknown}, lost {self.lost}, twice {self.twice}"


def reconciled(telegram: Telegram) -> Reconciliation:
    """What the chats of a simulated Telegram hold."""
    chats = [chat["id"] for chat in telegram.chats() if chat["type"] == "private"]
    return counted(telegram.transcript(chat_id) for chat_id in chats)


def counted(transcripts: Iterable[list[dict[str, Any]]]) -> Reconciliation:
    """The same from the messages of each chat. The first part of an answer is a reply to its question."""
    asked = answered = twice = 0
    for messages in transcripts:
        questions = {m["message_id"] for m in messages if not _of_bot(m) and (m.get("text") or m.get("caption"))}
        replies = Counter(
            message["reply_to_message"]["message_id"]
            for message in messages
            if _of_bot(message) and "reply_to_message" in message
        )
        asked += len(questions)
        answered += sum(question in replies for question in questions)
        twice += sum(replies[question] > 1 for question in questions)
    return Reconciliation(asked, answered, twice)


def _of_bot(message: dict[str, Any]) -> bool:
    return bool(message.get("from", {}).get("is_bot"))
