"""What a micro-batch reads, and the questions in it. Plain functions on typed values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pipeline.messages.identity import Identity
from pipeline.messages.question import Question
from pipeline.telegram.bot import Bot
from pipeline.telegram.routing import command
from pipeline.telegram.update import Malformed, Tick, Update, read_line


@dataclass(frozen=True)
class Batch:
    """What a micro-batch read."""

    updates: list[tuple[Update, str]] = field(default_factory=list)
    """Each with its source file, in order of arrival, each identity once."""
    malformed: list[tuple[Malformed, str]] = field(default_factory=list)
    files: frozenset[str] = frozenset()


def read_batch(lines: Iterable[tuple[str, str]], bot_id: int) -> Batch:
    """Parse the (line, source file) pairs of a micro-batch, which come in any order."""
    updates: dict[Identity, tuple[Update, str]] = {}
    malformed: list[tuple[Malformed, str]] = []
    files = set()
    for line, file in lines:
        files.add(file)
        if not line.strip():
            continue
        match read_line(line, bot_id):
            case Malformed() as bad:
                malformed.append((bad, file))
            case Update() as update:
                kept = updates.get(update.identity)
                if kept is None or update.seq < kept[0].seq:
                    updates[update.identity] = (update, file)
            case Tick():
                pass
    return Batch(sorted(updates.values(), key=lambda item: item[0].seq), malformed, frozenset(files))


def question_of(update: Update, bot: Bot) -> Question:
    """The question that an update to be answered asks."""
    message = update.message
    assert message is not None
    assert message.words is not None
    return Question(
        bot_id=update.bot_id,
        update_id=update.update_id,
        chat_id=message.chat.id,
        message_id=message.message_id,
        seq=update.seq,
        chat_type=message.chat.type,
        chat_title=message.chat.title,
        topic_id=message.topic_id,
        author_signature=message.author_signature,
        text=message.words,
        command=command(message.words, bot),
        received_at=update.received_at,
        origin=update.origin,
    )
