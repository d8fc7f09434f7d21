"""Stand-ins for the Bot API and for a way to ask the model, scripted by the test."""

import threading
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from pipeline.messages.question import Question
from pipeline.model.answering import Done
from pipeline.model.outcome import Outcome, Verdict
from pipeline.telegram.bot import Bot
from pipeline.telegram.client import BotApi, BotApiError


class Sent(NamedTuple):
    chat_id: int
    text: str
    reply_to: int | None = None
    topic_id: int | None = None
    html: bool = False


class FakeApi(BotApi):
    """Telegram, as far as sending goes: message ids rise from 1000; what is scripted for a text comes first."""

    def __init__(self) -> None:
        self.requests: list[Sent] = []
        """Every sendMessage that began, in order."""
        self.delivered: list[Sent] = []
        self.typed: list[tuple[int, int | None]] = []
        self.script: dict[str, deque[Exception]] = defaultdict(deque)
        self.probes = 0
        self.down: BotApiError | None = None
        """What getMe raises."""
        self.fails_with: Exception | None = None
        """What every sendMessage raises."""
        self.typing_fails_with: BotApiError | None = None
        self.open = threading.Event()
        """While it is not set, requests hang."""
        self.open.set()
        self.before_send: Callable[[Sent], None] = lambda sent: None
        self.in_flight = 0
        self.most_in_flight = 0
        self._lock = threading.Lock()

    def get_me(self) -> Bot:
        self.probes += 1
        if self.down is not None:
            raise self.down
        return Bot(42, "our_bot")

    def send_message(self, chat_id: int, text: str, *, reply_to: int | None, topic_id: int | None, html: bool) -> int:
        sent = Sent(chat_id, text, reply_to, topic_id, html)
        with self._lock:
            self.requests.append(sent)
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            self.before_send(sent)
            assert self.open.wait(10), "the test never let this request go on"
            if self.script[text]:
                raise self.script[text].popleft()
            if self.fails_with is not None:
                raise self.fails_with
            with self._lock:
                self.delivered.append(sent)
                return 999 + len(self.delivered)
        finally:
            with self._lock:
                self.in_flight -= 1

    def send_typing(self, chat_id: int, topic_id: int | None) -> None:
        self.typed.append((chat_id, topic_id))
        if self.typing_fails_with is not None:
            raise self.typing_fails_with

    @property
    def texts(self) -> list[str]:
        return [sent.text for sent in self.delivered]

    def texts_in(self, chat_id: int) -> list[str]:
        return [sent.text for sent in self.delivered if sent.chat_id == chat_id]


def said(text: str, **more: Any) -> Outcome:
    return Outcome(verdict=Verdict.ANSWERED, text=text, model="m", prompt_tokens=3, completion_tokens=2, **more)


def failed(verdict: Verdict, reason: str = "no luck", **more: Any) -> Outcome:
    return Outcome(verdict=verdict, reason=reason, **more)


class FakeAnswering:
    """Answers `re: <text>` at once, unless a text is scripted or held back."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.script: dict[str, deque[Outcome]] = defaultdict(deque)
        self.always: dict[str, Outcome] = {}
        self.outage: Outcome | None = None
        """What every question gets."""
        self.held: set[str] = set()
        self.waiting: dict[str, tuple[Question, Done]] = {}
        self.queued: list[Question] = []
        """What it has not begun to ask."""

    def submit(self, questions: Sequence[Question], done: Done) -> None:
        for question in questions:
            self.asked.append(question.text)
            if question.text in self.held:
                self.waiting[question.text] = (question, done)
            else:
                done(question, self._outcome(question.text))

    def withdraw(self) -> list[Question]:
        queued, self.queued = self.queued, []
        return queued

    def release(self, text: str, outcome: Outcome | None = None) -> None:
        """Let a held question's call end."""
        question, done = self.waiting.pop(text)
        self.held.discard(text)
        done(question, outcome or self._outcome(text))

    def _outcome(self, text: str) -> Outcome:
        if self.script[text]:
            return self.script[text].popleft()
        return self.outage or self.always.get(text) or said(f"re: {text}")
