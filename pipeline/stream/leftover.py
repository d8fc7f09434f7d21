"""What earlier runs left in the landing: their micro-batches may have read these files, and no table has their rows.

Spark reads no file again whose micro-batch it has committed. So the files are read here, once, and their rows go to the
table writer. A file with a question that was never accepted is left to Spark, which then has not committed its
micro-batch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Container, Sequence

import structlog

from pipeline.messages.identity import Identity
from pipeline.replies.journal import Journal
from pipeline.storage.landing import Landing
from pipeline.stream.micro_batch import RoutedUpdate, may_be_known, questions, read_batch, routed
from pipeline.stream.processor import KnownMessages, Rows
from pipeline.stream.table_writer import EARLIER
from pipeline.telegram.bot import Bot
from pipeline.telegram.routing import Disposition

log = structlog.get_logger(__name__)

_FILES = 50
"""Files of one step."""


class Leftover:
    """Hands the rows of such files to the table writer, step by step. For the writer's thread only."""

    def __init__(
        self,
        landing: Landing,
        bot: Bot,
        journal: Journal,
        silver: KnownMessages,
        rows: Rows,
        *,
        allowed_chats: Collection[int] = (),
        allowed_users: Collection[int] = (),
    ) -> None:
        """Note which files are there. Raises OSError."""
        self._landing = landing
        self._bot = bot
        self._journal = journal
        self._silver = silver
        self._rows = rows
        self._allowed_chats = allowed_chats
        self._allowed_users = allowed_users
        names = sorted(path.name for path in landing.waiting())
        self._files = deque(name for name in names if may_be_known(name, landing.first_seq))

    @property
    def done(self) -> bool:
        return not self._files

    def step(self) -> None:
        """Take the next files. Raises OSError and what `silver` raises; these files then are taken again."""
        names = [self._files[i] for i in range(min(_FILES, len(self._files)))]
        lines = [(name, read) for name in names if (read := self._landing.read(name)) is not None]
        batches = {name: read_batch([(line, name) for line in read], self._bot.id) for name, read in lines}
        updates = {
            name: routed(batch, self._bot, self._allowed_chats, self._allowed_users) for name, batch in batches.items()
        }
        not_accepted = self._not_accepted([item for some in updates.values() for item in some])
        left = 0
        for name, batch in batches.items():
            if any(item.identity in not_accepted and not _may_follow(item) for item in updates[name]):
                left += 1
            else:
                self._rows.add(_as_accepted(updates[name], not_accepted), batch.malformed, [name], EARLIER)
        for _ in names:
            self._files.popleft()
        log.info("files of earlier runs", files=len(batches), left_to_the_stream=left)

    def _not_accepted(self, updates: Sequence[RoutedUpdate]) -> set[Identity]:
        """The questions that neither the journal nor silver has."""
        asked = questions(updates, self._bot, recent=(), in_journal=lambda key: self._journal.get(key) is not None)
        identities = {question.identity for question in asked}
        # After the journal: a reply leaves it only once silver has its row.
        return identities - self._silver.known(identities) if identities else identities


def _may_follow(item: RoutedUpdate) -> bool:
    """Whether an earlier run may have answered another message of its album in its place: that run alone knew."""
    return item.album is not None and item.is_unreadable


def _as_accepted(updates: Sequence[RoutedUpdate], not_accepted: Container[Identity]) -> list[RoutedUpdate]:
    """The updates as the run decided that read them."""
    return [
        item._replace(disposition=Disposition.NO_TEXT) if item.identity in not_accepted else item for item in updates
    ]
