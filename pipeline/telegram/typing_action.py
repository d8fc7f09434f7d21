"""The "typing…" that a person sees while the model works. It never takes time or limits from the replies."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from pipeline.messages.question import Question
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
        self._next = 0.0

    def __len__(self) -> int:
        return len(self._waiting)

    def begin(self, question: Question, now: float) -> None:
        """The question waits for its answer from now on."""
        self._waiting[question.key] = _WaitingQuestion(question, now + _FIRST_AFTER, now + _FOR)

    def end(self, question: Question) -> None:
        """The question waits no more; nothing happens when it did not."""
        self._waiting.pop(question.key, None)

    @property
    def next_due(self) -> float | None:
        """When `take` has something to do; None when no question waits."""
        return min((waiting.due for waiting in self._waiting.values()), default=None)

    def take(self, now: float) -> Question | None:
        """One question that is due; None when it has waited its minute or others were shown just before."""
        waiting = next(waiting for waiting in self._waiting.values() if waiting.due <= now)
        del self._waiting[waiting.question.key]
        if now >= waiting.until:
            return None
        waiting.due = now + _EVERY
        self._waiting[waiting.question.key] = waiting
        return waiting.question if self._next - now < _AT_ONCE * _APART else None

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

    def begin(self, question: Question) -> None:
        """The question waits for its answer. The first call starts the thread."""
        if question.chat_type == "channel":
            return
        with self._changed:
            self._schedule.begin(question, time.monotonic())
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="typing", daemon=True)
                self._thread.start()
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
                    self._changed.wait(None if due is None else due - now)
                    continue
                question = self._schedule.take(now)
                # An action that can't be sent now is left out: actions must never pile up.
                show = question is not None and not self._paused and self._requests.acquire(blocking=False)
                if show:
                    self._schedule.shown(now)
            if question is not None and show:
                threading.Thread(target=self._show, args=(question,), name="typing", daemon=True).start()

    def _show(self, question: Question) -> None:
        try:
            self._api.send_typing(question.chat_id, question.topic_id)
        except Exception:  # whatever it is, nobody waits for a typing action
            self.end(question)
        finally:
            self._requests.release()
