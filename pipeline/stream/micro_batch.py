"""A micro-batch as values: what it reads, and what is to be done about it.

Plain functions on typed values, without Spark, files or a clock. Two groups of decisions do not depend on each other:
which questions are accepted, and which rows the tables get.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Container, Iterable, Sequence, Set
from dataclasses import dataclass, field
from typing import NamedTuple

from pipeline.messages.identity import Identity
from pipeline.messages.question import Question
from pipeline.storage.landing import file_seq, is_injected, is_tick
from pipeline.telegram.bot import Bot
from pipeline.telegram.routing import Disposition, command, disposition
from pipeline.telegram.update import Malformed, Tick, Update, read_line

SILVER_LAG = 3.0
"""Seconds that silver may lag behind while messages stream in."""

_REMEMBERED = 200_000


class LandedUpdate(NamedTuple):
    update: Update
    file: str


class MalformedLine(NamedTuple):
    malformed: Malformed
    file: str


@dataclass(frozen=True)
class Batch:
    """What a micro-batch read."""

    updates: list[LandedUpdate] = field(default_factory=list)
    """In order of arrival, each identity once."""
    malformed: list[MalformedLine] = field(default_factory=list)
    files: frozenset[str] = frozenset()

    @property
    def oldest_seq(self) -> int:
        """The lowest first seq of the files; 0 where there are none."""
        return min(map(file_seq, self.files), default=0)

    @property
    def newest_seq(self) -> int:
        """The highest first seq of the files; 0 where there are none."""
        return max(map(file_seq, self.files), default=0)


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


def routed(batch: Batch, bot: Bot, allowed_chats: Collection[int]) -> list[RoutedUpdate]:
    """The updates of a batch, each with its disposition, in order of arrival."""
    return [
        RoutedUpdate(update, file, update.identity, disposition(update, bot, allowed_chats))
        for update, file in batch.updates
    ]


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


# What may be in the tables already.


@dataclass(frozen=True)
class EarlierWork:
    """What was there before a query started: its rows may be in the tables already."""

    planned: int = -1
    """The highest batch id that Spark may call again."""
    files: frozenset[str] = frozenset()
    """Landing files that an earlier query may have read."""
    run_began: int = 0
    """This run's own landing files have a first seq of at least this."""

    def may_include(self, batch: Batch, batch_id: int) -> bool:
        """Whether rows of a batch may be in the tables, so that these have to be asked."""
        # A file from before this run that was not there when the query started was put back from the done ones.
        put_back = any(file_seq(file) < self.run_began for file in batch.files)
        return batch_id <= self.planned or not self.files.isdisjoint(batch.files) or put_back


def files_of_earlier_queries(names: Iterable[str], own_from: float) -> frozenset[str]:
    """Those of the waiting files that an earlier query may have read.

    Files with a first seq of at least `own_from` were landed by this run after its last query; injected files have the
    numbers of whoever wrote them, so they always count.
    """
    return frozenset(name for name in names if file_seq(name) < own_from or is_injected(name))


def identities_to_look_up(batch: Batch, earlier: bool) -> list[Identity]:
    """The messages to look up in the tables. `earlier` says whether rows of the batch may be there already.

    An injected line is always looked up: anybody may have injected it before, at any time.
    """
    return [update.identity for update, _ in batch.updates if earlier or update.origin is not None]


class RecentIdentities:
    """The messages that this run has put into bronze last: what is landed twice within a run is recognised by it."""

    def __init__(self, most: int = _REMEMBERED) -> None:
        self._most = most
        self._identities: OrderedDict[Identity, None] = OrderedDict()

    def __contains__(self, identity: object) -> bool:
        return identity in self._identities

    def add(self, identities: Iterable[Identity]) -> None:
        for identity in identities:
            self._identities[identity] = None
        while len(self._identities) > self._most:
            self._identities.popitem(last=False)


# Which questions are accepted.


@dataclass(frozen=True)
class Questions:
    open: list[Question] = field(default_factory=list)
    """Those without a row in silver, as far as known: the micro-batch gives their answers a moment."""
    new: list[Question] = field(default_factory=list)
    """Those of them that the journal does not have either: to be accepted."""


def questions(
    updates: Iterable[RoutedUpdate],
    bot: Bot,
    *,
    in_silver: Set[Identity],
    recent: Container[Identity],
    in_journal: Callable[[str], bool],
) -> Questions:
    """The questions among the updates. `in_journal` says whether the journal has a question's key."""
    asked = [
        question_of(item.update, bot)
        for item in updates
        if item.disposition is Disposition.ANSWER and item.identity not in in_silver and item.identity not in recent
    ]
    return Questions(asked, [question for question in asked if not in_journal(question.key)])


# Which rows the tables get.


def new_updates(
    updates: Iterable[RoutedUpdate], *, in_bronze: Set[Identity], recent: Container[Identity]
) -> list[RoutedUpdate]:
    """The updates that bronze lacks."""
    return [item for item in updates if item.identity not in in_bronze and item.identity not in recent]


def new_malformed(batch: Batch, in_quarantine: Set[tuple[str, str]]) -> list[MalformedLine]:
    """The malformed lines that quarantine lacks, which is known by (file, raw text)."""
    return [line for line in batch.malformed if (line.file, line.malformed.raw) not in in_quarantine]


def malformed_files(batch: Batch) -> set[str]:
    return {line.file for line in batch.malformed}


def injected_without_rows(batch: Batch, new: Iterable[RoutedUpdate]) -> set[str]:
    """Injected files that brought nothing new.

    They leave no row by which a later run could tell that they were read, so they are finished at once.
    """
    with_rows = {item.file for item in new} | malformed_files(batch)
    return {file for file in batch.files - with_rows if is_injected(file)}


def split_left_files(names: Iterable[str], batch: Batch, most: int = 1000) -> tuple[list[str], list[str]]:
    """Files that a former run may have left although their batch is committed: ticks that are done, files to look up.

    A tick has no row; one from before the batch's files was read before them. Others are done if the tables know them.
    """
    ticks = [name for name in names if is_tick(name) and file_seq(name) < batch.oldest_seq]
    return ticks, sorted(set(names).difference(ticks))[:most]


# When to wait, and when silver is written.


def more_landed(batch: Batch, newest_landed: int) -> bool:
    """Whether more was landed while this batch was being processed. `newest_landed` is the last file's first seq."""
    return newest_landed > batch.newest_seq


def may_settle(*, named: bool, others_wait: bool, since_settled: float) -> bool:
    """Whether the batch appends to silver. An append takes longer than many an answer, so silver may lag a little.

    `named`: the journal names this batch's replies already, since it is called again. `since_settled`: seconds.
    """
    return named or not others_wait or since_settled > SILVER_LAG


def is_distributed(new: Sequence[Question], distribute_above: int | None) -> bool:
    """Whether the executors are asked for a batch's answers."""
    return distribute_above is not None and len(new) > distribute_above
