"""Which answers are shown while they are written, and when each draft is sent. Plain decisions, without threads."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from pipeline.messages.question import Question

MOST_SHOWN = 10
"""Answers that are shown while they are written, at a time: each of them gets a draft a second at least."""
MOST_ASKED = 20
"""While more questions than this are being asked, no further answer is shown: to read an answer piece by piece takes
time that many waiting answers need, and few of them could be shown."""
_FIRST_AFTER = 0.1
"""Seconds from its first piece to the first draft: an answer that is whole by then needs none, and its reply would
wait for the end of that request."""
AT_ONCE = 10
"""Drafts without a pause, and requests under way."""
_APART = 0.1
"""Seconds between two drafts over all chats, after `AT_ONCE` without a pause."""
_EVERY = 0.5
"""Seconds between two drafts in one chat."""
_STANDS = 20.0
"""Seconds after which a draft without new words is sent again, since Telegram shows it for 30:
https://core.telegram.org/bots/api#sendmessagedraft."""
_STANDS_FOR = 60.0
"""Seconds since its last words for which a draft stands."""
_CHATS_BETWEEN_CLEANUPS = 1000


@dataclass(eq=False)
class AnswerDraft:
    """The draft of one answer. Times are seconds of any steady clock."""

    question: Question
    so_far: Callable[[], str] = lambda: ""
    """What has come of the answer."""
    began_at: float | None = None
    """When its first piece came, which need not have a word."""
    words_at: float = -math.inf
    """When words came last."""
    unsent: bool = False
    """Whether words have come since the last request began."""
    due: float = math.inf
    under_way: bool = False
    """Whether a request is."""
    shown: str = ""
    """What Telegram shows; empty before the first."""
    stopped: bool = False
    """Whether the person stopped the answer."""
    over: bool = False
    """Whether nothing more is to be sent: the answer is whole, or a request failed."""


class DraftSchedule:
    """Not thread-safe."""

    def __init__(self) -> None:
        self._asked: set[str] = set()
        """The questions that are being asked."""
        self._drafts: dict[str, AnswerDraft] = {}
        self._under_way: set[str] = set()
        """The questions whose draft is being sent."""
        self._sent_at: dict[int, float] = {}
        """When each chat got its last draft."""
        self._next = 0.0

    def begin(self, question: Question) -> AnswerDraft | None:
        """The question is being asked from now on. Its draft, or None where its answer is not to be shown."""
        self._asked.add(question.key)
        draft = self._drafts.get(question.key)
        if draft is None and _may_be_shown(question) and self._has_room:
            draft = self._drafts[question.key] = AnswerDraft(question)
        return draft

    @property
    def _has_room(self) -> bool:
        return len(self._drafts) < MOST_SHOWN and len(self._asked) <= MOST_ASKED

    def of(self, question: Question) -> AnswerDraft | None:
        return self._drafts.get(question.key)

    def words(self, draft: AnswerDraft, so_far: Callable[[], str], now: float) -> None:
        """More of the answer has come, possibly no word yet."""
        if draft.began_at is None:
            draft.began_at = now
        if draft.words_at == -math.inf and not so_far():
            return
        draft.so_far, draft.words_at = so_far, now
        if not draft.unsent:
            draft.unsent = True
            if not draft.under_way:
                self._set_due(draft, now)

    def end(self, question: Question) -> None:
        """The question is not asked any more: no request begins for it."""
        self._asked.discard(question.key)
        draft = self._drafts.pop(question.key, None)
        if draft is not None:
            draft.over = True

    def is_under_way(self, question: Question) -> bool:
        """Whether a request for the question's draft is under way."""
        return question.key in self._under_way

    @property
    def next_due(self) -> float | None:
        """When `take` has something to do; None if nothing is due, or as many requests as may be are under way."""
        due = min((draft.due for draft in self._drafts.values()), default=math.inf)
        if due == math.inf or len(self._under_way) >= AT_ONCE:
            return None
        return max(due, self._next - (AT_ONCE - 1) * _APART)

    def take(self, now: float) -> AnswerDraft:
        """The draft to send now, at or after `next_due`. `returned` must follow."""
        draft = min(self._drafts.values(), key=lambda draft: draft.due)
        assert draft.due <= now
        draft.due, draft.unsent, draft.under_way = math.inf, False, True
        self._under_way.add(draft.question.key)
        self._next = max(self._next, now) + _APART
        if len(self._sent_at) >= _CHATS_BETWEEN_CLEANUPS:
            self._sent_at = {chat: at for chat, at in self._sent_at.items() if at > now - _EVERY}
        self._sent_at[draft.question.chat_id] = now
        return draft

    def returned(self, draft: AnswerDraft, now: float) -> None:
        """Its request has ended."""
        draft.under_way = False
        self._under_way.discard(draft.question.key)
        self._set_due(draft, now)

    def hold(self, until: float) -> None:
        """Send nothing before `until`: Telegram asks for that."""
        self._next = max(self._next, until + (AT_ONCE - 1) * _APART)

    def _set_due(self, draft: AnswerDraft, now: float) -> None:
        sent_at = self._sent_at.get(draft.question.chat_id, -math.inf)
        if draft.over or draft.stopped:
            draft.due = math.inf
        elif draft.unsent:
            draft.due = max(now, (draft.began_at or now) + _FIRST_AFTER, sent_at + _EVERY)
        elif draft.shown and now + _STANDS < draft.words_at + _STANDS_FOR:
            draft.due = now + _STANDS
        else:
            draft.due = math.inf


def _may_be_shown(question: Question) -> bool:
    return question.chat_type == "private" and not question.is_probe and not question.withheld
