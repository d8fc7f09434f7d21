"""The memory: what was said in each conversation lately, as this run knows it.

A conversation is warm once it was read; from then on its replies keep it so, and a question costs no look into a table.
A cold one is read from the journal's finished replies and from silver, in this order: a reply leaves the journal only
once silver has its row.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from pipeline.conversations.context import Context, context_of, without_context
from pipeline.conversations.history import AsksSilver, KeyedTurn, recent_chats, recent_turns, turns_of_chats
from pipeline.conversations.turns import ContextLimits, ConversationKey, Turn, fresh, reachable, turn_from
from pipeline.messages.answer import Answer
from pipeline.messages.origin import Replay
from pipeline.messages.question import Question

OFF = ContextLimits(turns=0, tokens=0, age=timedelta())

_MOST_CONVERSATIONS = 20_000
_MOST_CHARACTERS = 50_000_000
"""Conversations, and characters of their turns, that are kept warm. Those with open questions always are."""
_MOST_AT_THE_START = 5_000
"""Turns that are read at the start. If silver has more within `context_hours`, only the chats that have some are."""
_LOOK_BACK = timedelta(hours=1)
"""How much further back the start reads: for messages that landed before it."""
_MOST_CHATS = 1_000_000
"""Chats that are known to be cold. With more, each chat is cold that is not warm."""
_MOST_OF_A_REPLAY = 1_000
"""Messages of a conversation that are read for a message that is replayed, which is not among the newest."""


class KnownReply(Protocol):
    """What the memory needs of a reply. `replies.reply.Reply` is one."""

    @property
    def key(self) -> str: ...

    @property
    def question(self) -> Question: ...

    @property
    def context(self) -> Context | None: ...

    @property
    def answer(self) -> Answer | None: ...

    @property
    def delivery_status(self) -> str: ...

    @property
    def message_ids(self) -> Sequence[int]: ...


@dataclass
class _Conversation:
    turns: dict[int, Turn] = field(default_factory=dict)
    """By seq. Two turns are of the same message if it was replayed."""
    since: datetime | None = None
    """Every turn received since then is among them, but for those below `floor`. None: the conversation is cold."""
    floor: int | None = None
    """The message below which turns may be missing."""
    open: dict[str, bool] = field(default_factory=dict)
    """The open questions, and whether each is a replay."""
    characters: int = 0


class Memory:
    """What was said in each conversation. Thread-safe.

    Spark's callback thread calls `read`, the thread "memory" `begin`, any thread the rest, which wait for no table.
    """

    def __init__(
        self, limits: ContextLimits = OFF, finished: Callable[[], Collection[KnownReply]] = lambda: ()
    ) -> None:
        """`limits` of 0 turns: the memory is off. `finished` gives the journal's terminal replies, on any thread."""
        self.looks_back = limits.turns > 0
        """Whether what the model is given depends on earlier answers."""
        self._limits = limits
        self._finished = finished
        self._conversations: OrderedDict[ConversationKey, _Conversation] = OrderedDict()
        """The one that was used last at the end."""
        self._characters = 0
        self._cold: set[int] | None = None
        """Chats with turns that are not here. None: any chat may have some."""
        self._began_with: datetime | None = None
        """A chat that is neither cold nor here has no turn received since then."""
        self._evicted = False
        """Whether a conversation was evicted before it was known which chats are cold."""
        self._asking = threading.Lock()
        """Held while silver is asked: whoever wants a conversation that another thread is reading waits for it."""
        self._lock = threading.Lock()
        """Held for moments."""

    def begin(self, replies: Iterable[KnownReply], silver: AsksSilver, now: datetime | None = None) -> None:
        """Read what the open ones of these replies need, and as much more as is cheap.

        Until then a conversation is known only to those who had it read. Raises what `silver` raises: then it is to be
        called again, or each conversation is read when it is asked for.
        """
        if not self.looks_back:
            return
        undecided = [reply.question for reply in replies if reply.answer is None and reply.context is None]
        asked_at = [now or datetime.now(UTC), *(question.received_at for question in undecided)]
        since = min(asked_at) - self._limits.age - _LOOK_BACK
        self._expect(undecided)
        with self._asking:
            finished = _turns_of(self._finished())
            recent = recent_turns(silver, since, _MOST_AT_THE_START)
            cold = set[int]() if recent is not None else recent_chats(silver, since, _MOST_CHATS)
            with self._lock:
                self._cold, self._began_with = None if self._evicted else cold, since
                for key, turn in (*finished, *(recent or ())):
                    self._conversation(key).turns[turn.seq] = turn
                for key in list(self._conversations):
                    conversation = self._conversations[key]
                    # Some may have been read before.
                    conversation.since = _earliest(conversation.since, self._since_if_new(key))
                    self._tidy(conversation)
                self._evict()
            self._read(undecided, silver)

    def read(self, questions: Iterable[Question], silver: AsksSilver) -> None:
        """Read the cold ones of these questions' conversations; they stay warm until the questions are answered.

        For questions that are about to be accepted, and before it is known which of their chats have open replies.
        Raises what `silver` raises: then it is to be called again.
        """
        if not self.looks_back:
            return
        asked = [question for question in questions if not question.is_probe]
        self._expect(asked)
        if self._wanted(asked)[0]:
            with self._asking:
                self._read(asked, silver)

    def context_of(self, question: Question) -> Context | None:
        """What the model is given with a question; None while it is not known, because silver has not been read yet."""
        if not self.looks_back:
            return without_context(question)
        with self._lock:
            conversation = self._conversations.get(_key(question))
            if conversation is None or not _reaches(conversation, question.received_at - self._limits.age):
                return None
            turns = list(conversation.turns.values())
        return context_of(question, turns, self._limits)

    def remember(self, reply: KnownReply) -> None:
        """Take a terminal reply as a turn of its conversation. To take it again changes nothing."""
        if not self.looks_back:
            return
        key, turn = _key(reply.question), turn_of(reply)
        with self._lock:
            conversation = self._conversation(key)
            if turn is not None and conversation.turns.get(turn.seq) == turn and reply.key not in conversation.open:
                return
            conversation.open.pop(reply.key, None)
            if turn is not None and (conversation.floor is None or turn.message_id >= conversation.floor):
                conversation.turns[turn.seq] = turn
            self._tidy(conversation)
            self._evict()

    # With the lock held

    def _conversation(self, key: ConversationKey) -> _Conversation:
        found = self._conversations.get(key)
        if found is None:
            found = self._conversations[key] = _Conversation(since=self._since_if_new(key))
        self._conversations.move_to_end(key)
        return found

    def _since_if_new(self, key: ConversationKey) -> datetime | None:
        """From when on a conversation of which nothing was read is known to have no turn; None if it may have some."""
        return None if self._cold is None or key.chat_id in self._cold else self._began_with

    def _tidy(self, conversation: _Conversation) -> None:
        """Drop what no later question can be given, and count what is left."""
        # A message that is replayed is given older turns.
        if conversation.since is not None and not any(conversation.open.values()):
            young = fresh(conversation.turns.values(), self._limits)
            kept = reachable(young, self._limits)
            messages = {turn.message_id for turn in kept}
            if dropped := {turn.message_id for turn in young} - messages:
                conversation.floor = max(dropped) + 1
            conversation.turns = {turn.seq: turn for turn in kept}
        before = conversation.characters
        conversation.characters = sum(
            len(turn.question) + len(turn.answer or "") for turn in conversation.turns.values()
        )
        self._characters += conversation.characters - before

    def _evict(self) -> None:
        """Make the conversations cold that were used longest ago."""
        for _ in range(len(self._conversations)):
            if len(self._conversations) <= _MOST_CONVERSATIONS and self._characters <= _MOST_CHARACTERS:
                return
            key = next(iter(self._conversations))
            if self._conversations[key].open:
                self._conversations.move_to_end(key)
                continue
            self._characters -= self._conversations.pop(key).characters
            self._evicted = self._evicted or self._began_with is None
            if self._cold is not None:
                self._cold.add(key.chat_id)
                self._cold = self._cold if len(self._cold) <= _MOST_CHATS else None

    # Without it

    def _expect(self, questions: Iterable[Question]) -> None:
        """Keep the conversations of these questions until they are answered."""
        with self._lock:
            for question in questions:
                self._conversation(_key(question)).open[question.key] = isinstance(question.origin, Replay)

    def _wanted(self, questions: Iterable[Question]) -> tuple[dict[ConversationKey, datetime], int]:
        """Which conversations of these questions are to be read, from when on, and how many messages of each.

        None of a question that was answered meanwhile.
        """
        wanted: dict[ConversationKey, datetime] = {}
        most = self._limits.turns + 1
        with self._lock:
            for question in questions:
                key, since = _key(question), question.received_at - self._limits.age
                conversation = self._conversation(key)
                replay = conversation.open.get(question.key)
                if replay is not None and (
                    not _reaches(conversation, since) or (replay and conversation.floor is not None)
                ):
                    wanted[key] = min(since, wanted.get(key, since))
                    most = _MOST_OF_A_REPLAY if replay else most
        return wanted, most

    def _read(self, questions: Collection[Question], silver: AsksSilver) -> None:
        """Read what these questions want, if they still do. By the thread that may ask silver."""
        wanted, most = self._wanted(questions)
        if not wanted:
            return
        # The journal first: a reply leaves it only once silver has its row.
        found = _turns_of(self._finished())
        since = min(wanted.values())
        found += turns_of_chats(silver, {key.chat_id for key in wanted}, since, most)
        with self._lock:
            # One whose questions were answered meanwhile may have been evicted.
            wanted = {key: since for key, since in wanted.items() if key in self._conversations}
            for key, turn in found:
                if key in wanted:
                    self._conversations[key].turns[turn.seq] = turn
            for key in wanted:
                conversation = self._conversations[key]
                conversation.since = _earliest(conversation.since, since)
                messages = {turn.message_id for turn in conversation.turns.values()}
                conversation.floor = min(messages) if len(messages) >= most else None
                self._tidy(conversation)
            self._evict()


def turn_of(reply: KnownReply) -> Turn | None:
    """The turn that a terminal reply is, if it is one."""
    question, answer = reply.question, reply.answer
    if answer is None or question.is_probe:
        return None
    return turn_from(
        question.message_id,
        question.seq,
        question.received_at,
        question.text,
        answer.text,
        answer.status,
        reply.delivery_status,
        tuple(reply.message_ids),
    )


def _turns_of(replies: Iterable[KnownReply]) -> list[KeyedTurn]:
    return [KeyedTurn(_key(reply.question), turn) for reply in replies if (turn := turn_of(reply)) is not None]


def _key(question: Question) -> ConversationKey:
    return ConversationKey(question.chat_id, question.topic_id)


def _earliest(first: datetime | None, second: datetime | None) -> datetime | None:
    return min((moment for moment in (first, second) if moment is not None), default=None)


def _reaches(conversation: _Conversation, since: datetime) -> bool:
    """Whether all turns from then on are known that a question may be given."""
    return conversation.since is not None and conversation.since <= since
