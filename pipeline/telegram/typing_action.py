"""The "typing…" that a person sees while the model works: a courtesy, never in the way of a reply."""

from __future__ import annotations

import threading
import time

from pipeline.messages.question import Question
from pipeline.telegram.client import BotApi, BotApiError

_FIRST_AFTER = 0.4
"""Seconds: an answer that comes sooner needs no sign of life."""
_EVERY = 4.5
"""Seconds; Telegram shows the action for five: https://core.telegram.org/bots/api#sendchataction."""
_FOR = 60.0
_AT_ONCE = 4
_APART = 0.1
"""Seconds between signs over all chats, after a few at once: a burst's must not take time or limits from replies."""


class Typist:
    """Repeats the typing action for every question whose answer is awaited, for a minute at most. Thread-safe."""

    def __init__(self, api: BotApi) -> None:
        self._api = api
        self._lock = threading.Condition()
        self._due: dict[str, tuple[float, float, Question]] = {}
        self._calls = threading.Semaphore(_AT_ONCE)
        self._paused = False
        self._next = 0.0
        self._stopped = False
        self._thread: threading.Thread | None = None

    def begin(self, question: Question) -> None:
        if question.chat_type == "channel":
            return
        with self._lock:
            now = time.monotonic()
            self._due[question.key] = (now + _FIRST_AFTER, now + _FOR, question)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="typing", daemon=True)
                self._thread.start()
            self._lock.notify()

    def end(self, question: Question) -> None:
        with self._lock:
            self._due.pop(question.key, None)

    def pause(self, paused: bool) -> None:
        """While Telegram is out there is nobody to show it to."""
        self._paused = paused

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            self._lock.notify()

    def _run(self) -> None:
        while True:
            with self._lock:
                now = time.monotonic()
                next_due = min((due for due, _, _ in self._due.values()), default=None)
                if self._stopped:
                    return
                if next_due is None or next_due > now:
                    self._lock.wait(None if next_due is None else next_due - now)
                    continue
                key = next(key for key, (due, _, _) in self._due.items() if due <= now)
                _, until, question = self._due.pop(key)
                if now < until:
                    self._due[key] = (now + _EVERY, until, question)
            # A sign that can't be given now is left out: they must never pile up.
            in_time = self._next - now < _AT_ONCE * _APART
            if now < until and not self._paused and in_time and self._calls.acquire(blocking=False):
                self._next = max(self._next, now) + _APART
                threading.Thread(target=self._show, args=(question,), name="typing", daemon=True).start()

    def _show(self, question: Question) -> None:
        try:
            self._api.send_typing(question.chat_id, question.topic_id)
        except BotApiError:
            self.end(question)
        finally:
            self._calls.release()
