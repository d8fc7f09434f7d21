"""The "typing…" that a person sees while the model works. It never takes time or limits from the replies."""

from __future__ import annotations

import heapq
import itertools
import math
import threading
import time
from dataclasses import dataclass
from functools import partial

from pipeline.messages.question import Question
from pipeline.peers.workers import Workers
from pipeline.telegram.client import BotApi

_FIRST_AFTER = 0.4
"""Seconds: an answer that comes sooner needs no "typing…"."""
_EVERY = 4.5
"""Seconds; Telegram shows the action for five: https://core.telegram.org/bots/api#sendchataction."""
_FOR = 60.0
_AT_ONCE = 4
_APART = 0.1
"""Seconds between two actions over all chats, after `_AT_ONCE` without a pause."""


@dataclass
class _WaitingQuestion:
    question: Question
    due: float
    until: float


class TypingSchedule:
    """When to show "typing…" for which question, in seconds of any steady clock. Not thread-safe."""

    def __init__(self) -> None:
        self._waiting: dict[str, _WaitingQuestion] = {}
        self._due: list[tuple[float, int, _WaitingQuestion]] = []
        """A heap of those that wait, and of some that wait no more."""
        self._numbers = itertools.count()
        self._next = 0.0

    def __len__(self) -> int:
        return len(self._waiting)

    def begin(self, question: Question, now: float) -> float:
        """The question waits for its answer from now on. Returns when it is due."""
        waiting = self._waiting[question.key] = _WaitingQuestion(question, now + _FIRST_AFTER, now + _FOR)
        self._push(waiting)
        return waiting.due

    def end(self, question: Question) -> None:
        """The question waits no more; nothing happens when it did not."""
        self._waiting.pop(question.key, None)

    @property
    def next_due(self) -> float | None:
        """When `take` has something to do; None when no question waits."""
        while self._due:
            due, _, waiting = self._due[0]
            if self._waiting.get(waiting.question.key) is waiting:
                return due
            heapq.heappop(self._due)
        return None

    def take(self, now: float) -> Question | None:
        """The question that is due; None when it has waited its minute or others were shown just before."""
        due = self.next_due
        assert due is not None
        assert due <= now
        waiting = heapq.heappop(self._due)[2]
        if now >= waiting.until:
            del self._waiting[waiting.question.key]
            return None
        waiting.due = now + _EVERY
        self._push(waiting)
        return waiting.question if self._next - now < _AT_ONCE * _APART else None

    def _push(self, waiting: _WaitingQuestion) -> None:
        heapq.heappush(self._due, (waiting.due, next(self._numbers), waiting))

    def shown(self, now: float) -> None:
        """An action is sent now."""
        self._next = max(self._next, now) + _APART


class Typist:
    """Repeats the typing action for every question that waits for its answer, for a minute at most.

    Threads: any thread may call any method; none of them waits for Telegram. The schedule and `_stopped` are used
    with the lock held. The thread "typing" decides what is due, and each request has a thread of its own, of which
    there are at most `_AT_ONCE`. `_paused` is a single flag and needs no lock.
    """

    def __init__(self, api: BotApi) -> None:
        self._api = api
        self._changed = threading.Condition()
        self._schedule = TypingSchedule()
        self._requests = threading.Semaphore(_AT_ONCE)
        self._paused = False
        self._stopped = False
        self._thread: threading.Thread | None = None
        self._sleeps_until = math.inf
        """When the thread "typing" looks at the schedule again, if nothing wakes it."""
        self._workers = Workers()

    def begin(self, question: Question) -> None:
        """The question waits for its answer. The first call starts the thread."""
        if question.chat_type == "channel":
            return
        with self._changed:
            due = self._schedule.begin(question, time.monotonic())
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="typing", daemon=True)
                try:
                    thread.start()
                except RuntimeError:  # the machine has no thread left; nobody waits for a typing action
                    self._schedule.end(question)
                    return
                self._thread = thread
            if due < self._sleeps_until:
                self._changed.notify()

    def end(self, question: Question) -> None:
        """The answer is there, or the question is given up."""
        with self._changed:
            self._schedule.end(question)

    def pause(self, paused: bool) -> None:
        """Show nothing while Telegram is unavailable."""
        self._paused = paused

    def stop(self) -> None:
        """Show nothing any more; requests in flight are not waited for."""
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                now, due = time.monotonic(), self._schedule.next_due
                if self._stopped:
                    return
                if due is None or due > now:
                    self._sleeps_until = math.inf if due is None else due
                    self._changed.wait(None if due is None else due - now)
                    continue
                question = self._schedule.take(now)
                # An action that can't be sent now is left out: actions must never pile up.
                show = question is not None and not self._paused and self._requests.acquire(blocking=False)
                if show:
                    self._schedule.shown(now)
            if question is not None and show:
                try:
                    self._workers.start("typing", partial(self._show, question))
                except RuntimeError:  # the machine has no thread left; nobody waits for a typing action
                    self._requests.release()

    def _show(self, question: Question) -> None:
        try:
            self._api.send_typing(question.chat_id, question.topic_id)
        except Exception:  # whatever it is, nobody waits for a typing action
            self.end(question)
        finally:
            self._requests.release()
