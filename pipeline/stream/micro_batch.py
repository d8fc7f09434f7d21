"""A micro-batch as values: what it reads, which of it may be known already, and which questions it asks.

Plain functions on typed values, without Spark, files or a clock.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Collection, Container, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from pipeline.messages.identity import Identity
from pipeline.messages.question import MOST_QUOTED, Question, Quoted
from pipeline.storage.done import file_seq
from pipeline.storage.landing import is_injected
from pipeline.telegram.bot import Bot
from pipeline.telegram.routing import Disposition, command, disposition
from pipeline.telegram.update import Malformed, Message, Tick, Update, read_line

Key = TypeVar("Key", bound=Hashable)

_REMEMBERED = 200_000
_ALBUMS = 10_000


class LandedUpdate(NamedTuple):
    update: Update
    file: str


class LineKey(NamedTuple):
    """What a malformed line is known by."""

    file: str
    raw: str


class MalformedLine(NamedTuple):
    malformed: Malformed
    file: str

    @property
    def key(self) -> LineKey:
        return LineKey(self.file, self.malformed.raw)

    @property
    def digest(self) -> bytes:
        """The key in few bytes, whatever the line's length: it is kept for long."""
        return hashlib.blake2b("\n".join(self.key).encode("utf-8", "surrogatepass"), digest_size=16).digest()


@dataclass(frozen=True)
class Batch:
    """What a micro-batch read."""

    updates: list[LandedUpdate] = field(default_factory=list)
    """In order of arrival, each identity once."""
    malformed: list[MalformedLine] = field(default_factory=list)
    files: frozenset[str] = frozenset()


def read_batch(lines: Iterable[tuple[str, str]], bot_id: int) -> Batch:
    """Parse the (line, source file) pairs of a micro-batch, which come in any order."""
    updates: dict[Identity, LandedUpdate] = {}
    malformed: list[MalformedLine] = []
    files = set()
    for line, file in lines:
        files.add(file)
        if not line.strip():
            continue
        match read_line(line, bot_id):
            case Malformed() as bad:
                malformed.append(MalformedLine(bad, file))
            case Update() as update:
                identity = update.identity
                kept = updates.get(identity)
                if kept is None or update.seq < kept.update.seq:
                    updates[identity] = LandedUpdate(update, file)
            case Tick():
                pass
    return Batch(sorted(updates.values(), key=lambda landed: landed.update.seq), malformed, frozenset(files))


class RoutedUpdate(NamedTuple):
    """An update with what the bot does about it."""

    update: Update
    file: str
    identity: Identity
    disposition: Disposition

    @property
    def vote_identity(self) -> Identity | None:
        """What identifies its row in feedback; None if it gets none. In bronze a press has no message of its own."""
        press = self.update.press
        if self.disposition is not Disposition.FEEDBACK or press is None or press.message is None:
            return None
        return self.identity._replace(message_id=press.message.message_id)

    @property
    def album(self) -> tuple[int, str] | None:
        """The album that its message is a part of. Injected lines are on their own."""
        message = self.update.message
        if message is None or message.media_group_id is None or self.update.origin is not None:
            return None
        return message.chat.id, message.media_group_id

    @property
    def is_unreadable(self) -> bool:
        """Whether its message has media, and no words."""
        message = self.update.message
        return self.update.media is not None and message is not None and not (message.words or "").strip()


def routed(
    batch: Batch, bot: Bot, allowed_chats: Collection[int], allowed_users: Collection[int]
) -> list[RoutedUpdate]:
    """The updates of a batch, each with its disposition, in order of arrival."""
    return [
        RoutedUpdate(update, file, update.identity, disposition(update, bot, allowed_chats, allowed_users))
        for update, file in batch.updates
    ]


class Albums:
    """Which message of an album is answered: what has words, or else the first that this run reads. For one thread."""

    def __init__(self, most: int = _ALBUMS) -> None:
        self._most = most
        self._first: OrderedDict[tuple[int, str], Identity] = OrderedDict()

    def answered_once(self, updates: Iterable[RoutedUpdate]) -> list[RoutedUpdate]:
        """The updates, of which media without words are not answered where another message of their album is.

        The same for the same updates, however often they come.
        """
        return [
            item._replace(disposition=Disposition.NO_TEXT)
            if item.disposition is Disposition.ANSWER and self._is_other(item) and item.is_unreadable
            else item
            for item in updates
        ]

    def _is_other(self, item: RoutedUpdate) -> bool:
        """Whether an earlier message of its album is answered. Notes this one, if there is none."""
        if item.album is None:
            return False
        first = self._first.setdefault(item.album, item.identity)
        while len(self._first) > self._most:
            self._first.popitem(last=False)
        return first != item.identity


def question_of(update: Update, bot: Bot) -> Question:
    """The question that an update to be answered asks."""
    message = update.message
    assert message is not None
    words = message.words or ""
    return Question(
        bot_id=update.bot_id,
        update_id=update.update_id,
        chat_id=message.chat.id,
        message_id=message.message_id,
        seq=update.seq,
        chat_type=message.chat.type,
        chat_title=message.chat.title,
        topic_id=message.topic_id,
        author_id=message.author_id,
        author_signature=message.author_signature,
        language=message.sender.language_code if message.sender else None,
        text=words,
        media=update.media,
        command=command(words, bot),
        replied_to=_replied_to(message, update.bot_id),
        received_at=update.received_at,
        origin=update.origin,
    )


def _replied_to(message: Message, bot_id: int) -> Quoted | None:
    replied = message.reply_to_message
    words = (replied.words or "")[:MOST_QUOTED] if replied else ""
    if replied is None or not words.strip():
        return None
    by_bot = replied.sender is not None and replied.sender.id == bot_id
    return Quoted(message_id=replied.message_id, text=words, by_bot=by_bot)


# What may be in the tables already.


def may_be_known(file: str, run_began: int) -> bool:
    """Whether rows of a landing file may be in the tables, so that these have to be asked.

    What this run has landed itself, with a first seq of at least `run_began`, is known to it. A file from before may
    have been read by an earlier run, and anybody may have injected a line before, at any time.
    """
    return is_injected(file) or file_seq(file) < run_began


class Recent(Generic[Key]):
    """What this run has taken last: what comes twice within a run is recognised by it."""

    def __init__(self, most: int = _REMEMBERED) -> None:
        self._most = most
        self._keys: OrderedDict[Key, None] = OrderedDict()

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def add(self, keys: Iterable[Key]) -> None:
        for key in keys:
            self._keys[key] = None
        while len(self._keys) > self._most:
            self._keys.popitem(last=False)


# Which questions are accepted.


def questions(
    updates: Iterable[RoutedUpdate],
    bot: Bot,
    *,
    recent: Container[Identity],
    in_journal: Callable[[str], bool],
) -> list[Question]:
    """The questions among the updates that neither this run nor the journal has taken.

    `in_journal` says whether the journal has a question's key.
    """
    asked = [
        question_of(item.update, bot)
        for item in updates
        if item.disposition is Disposition.ANSWER and item.identity not in recent
    ]
    return [question for question in asked if not in_journal(question.key)]


def is_distributed(new: Sequence[Question], distribute_above: int | None) -> bool:
    """Whether the executors are asked for a batch's answers."""
    return distribute_above is not None and len(new) > distribute_above
