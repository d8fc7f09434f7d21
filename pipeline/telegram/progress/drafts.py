"""Drafts: an answer is shown in its private chat while the model writes it, with a button that stops it."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from functools import partial

from pipeline.messages.question import Question
from pipeline.peers.workers import Workers
from pipeline.redaction import without_begun_secret
from pipeline.telegram.client import BotApi, Refused
from pipeline.telegram.progress.draft_schedule import AnswerDraft, DraftSchedule
from pipeline.telegram.splitting import split

_LONGEST_WAIT = 0.5
"""Seconds that a reply waits at most for the end of a draft's request."""
_HOLD = 1.0
"""Seconds for which nothing is sent if Telegram asks for a wait and does not say how long, or no thread is left."""


def draft_id_of(question: Question) -> int:
    """The number of a question's draft: the same after a restart, so that the draft goes on where it stands."""
    return question.message_id


class DraftSender:
    """Sends the drafts of answers. A request that fails is not made again, and ends the drafts of its answer.

    Threads: any thread may call any method; only `wait_for_last` waits for Telegram. The schedule, its drafts and the
    flags are used with the lock held. The thread "drafts" decides what is due, and each request has a thread of its
    own, of which there are a few at most.
    """

    def __init__(
        self,
        api: BotApi,
        *,
        enabled: bool,
        as_shown: Callable[[str], str] = str,
        first_shown: Callable[[Question], None] = lambda question: None,
    ) -> None:
        """`as_shown`: what is shown of a text that the model wrote. `first_shown` is called on any thread."""
        self._api = api
        self._enabled = enabled
        self._as_shown = as_shown
        self._first_shown = first_shown
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        """Something may be due earlier than the thread "drafts" knows."""
        self._returned = threading.Condition(self._lock)
        """A request has ended."""
        self._schedule = DraftSchedule()
        self._paused = False
        self._stopped = False
        self._thread: threading.Thread | None = None
        self._sleeps_until = math.inf
        """When the thread "drafts" looks at the schedule again, if nothing wakes it."""
        self._workers = Workers()

    def begin(self, question: Question) -> DraftListener | None:
        """The model is asked now. Who is to follow its answer, or None where nobody is. The first starts the thread."""
        if not self._enabled:
            return None
        with self._lock:
            draft = self._schedule.begin(question)
            if draft is None:
                return None
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="drafts", daemon=True)
                try:
                    thread.start()
                except RuntimeError:  # the machine has no thread left; nobody waits for a draft
                    return None
                self._thread = thread
        return DraftListener(self, draft)

    def end(self, question: Question) -> None:
        """The answer is there, or is given up: no request begins for its draft after this."""
        with self._lock:
            self._schedule.end(question)

    def wait_for_last(self, question: Question) -> None:
        """Wait until the last request for a question's draft has ended, for half a second at most.

        A draft that reached Telegram after the reply would stand below it for 30 seconds.
        """
        with self._lock:
            self._returned.wait_for(lambda: not self._schedule.is_under_way(question), _LONGEST_WAIT)

    def stop_writing(self, question: Question) -> None:
        """The person who asked wants no more of the answer. Nothing happens if it is not followed."""
        with self._lock:
            draft = self._schedule.of(question)
            if draft is not None:
                draft.stopped, draft.due = True, math.inf

    def pause(self, paused: bool) -> None:
        """Send nothing while Telegram is unavailable; then what there is by that time."""
        with self._lock:
            self._paused = paused
            self._changed.notify()

    def stop(self) -> None:
        """Send nothing any more; requests under way are not waited for."""
        with self._lock:
            self._stopped = True
            self._changed.notify()

    def take_words(self, draft: AnswerDraft, so_far: Callable[[], str]) -> None:
        """More of a draft's answer has come."""
        with self._lock:
            self._schedule.words(draft, so_far, time.monotonic())
            if draft.due < self._sleeps_until:
                self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._lock:
                if self._stopped:
                    return
                now, due = time.monotonic(), None if self._paused else self._schedule.next_due
                if due is None or due > now:
                    self._sleeps_until = math.inf if due is None else due
                    self._changed.wait(None if due is None else due - now)
                    continue
                draft = self._schedule.take(now)
            try:
                self._workers.start("draft", partial(self._send, draft))
            except RuntimeError:  # the machine has no thread left; nobody waits for a draft
                self._end_request(draft, hold=_HOLD)

    def _send(self, draft: AnswerDraft) -> None:
        question, before = draft.question, draft.shown
        hold = None
        try:
            parts = split(self._as_shown(without_begun_secret(draft.so_far())))
            # An empty one would say "Thinking…". What has not changed is sent again, so that it stands on.
            if parts and not draft.over:
                self._api.send_draft(question.chat_id, draft_id_of(question), parts[-1], question.topic_id)
                draft.shown = parts[-1]
        except Exception as error:  # whatever it is, nobody waits for a draft
            draft.over = True
            if isinstance(error, Refused) and error.code == 429:
                hold = error.retry_after or _HOLD
        self._end_request(draft, hold)
        if draft.shown and not before:
            self._first_shown(question)

    def _end_request(self, draft: AnswerDraft, hold: float | None) -> None:
        with self._lock:
            now = time.monotonic()
            if hold is not None:
                self._schedule.hold(now + hold)
            self._schedule.returned(draft, now)
            self._changed.notify()
            self._returned.notify_all()


class DraftListener:
    """Follows one answer: a `model.request.Listener`. It only notes what it is told."""

    def __init__(self, drafts: DraftSender, draft: AnswerDraft) -> None:
        self._drafts = drafts
        self._draft = draft

    @property
    def stopped(self) -> bool:
        return self._draft.stopped

    def words(self, so_far: Callable[[], str]) -> None:
        self._drafts.take_words(self._draft, so_far)
