"""Stand-ins for the Bot API, a way to ask the model, and an event loop without threads; scripted by the test."""

import threading
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from pipeline.messages.question import Question
from pipeline.model.answering import Done
from pipeline.model.outcome import Outcome, Verdict
from pipeline.model.request import Asked, Listener, Request
from pipeline.replies.event_loop import Action, EventLoop
from pipeline.telegram.bot import Bot
from pipeline.telegram.client import BotApi, BotApiError
from pipeline.telegram.progress.draft_schedule import AnswerDraft
from pipeline.telegram.progress.drafts import DraftListener, DraftSender
from pipeline.telegram.progress.typing_action import Typist


class Sent(NamedTuple):
    chat_id: int
    text: str
    reply_to: int | None = None
    topic_id: int | None = None
    html: bool = False
    buttons: Mapping[str, str] = {}


class FakeApi(BotApi):
    """Telegram, as far as sending goes: message ids rise from 1000; what is scripted for a text comes first."""

    def __init__(self) -> None:
        self.requests: list[Sent] = []
        """Every sendMessage that began, in order."""
        self.delivered: list[Sent] = []
        self.typed: list[tuple[int, int | None]] = []
        self.drafts: list[tuple[int, int, str]] = []
        """Every draft that was sent: chat, number, text."""
        self.drafts_fail_with: BotApiError | None = None
        self.script: dict[str, deque[Exception]] = defaultdict(deque)
        self.probes = 0
        self.down: Exception | None = None
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

    def send_message(
        self,
        chat_id: int,
        text: str,
        *,
        reply_to: int | None,
        topic_id: int | None,
        html: bool,
        buttons: Mapping[str, str] = {},
    ) -> int:
        sent = Sent(chat_id, text, reply_to, topic_id, html, buttons)
        with self._lock:
            self.requests.append(sent)
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            self.before_send(sent)
            assert self.open.wait(10), "the test never released this request"
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

    def send_draft(self, chat_id: int, draft_id: int, text: str, topic_id: int | None) -> None:
        self.drafts.append((chat_id, draft_id, text))
        if self.drafts_fail_with is not None:
            raise self.drafts_fail_with

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
    """Answers `re: <text>` at once, unless a text is scripted or held."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.requests: dict[str, Request] = {}
        """The last one for each text."""
        self.listeners: dict[str, Listener | None] = {}
        """Who follows the last one for each text."""
        self.script: dict[str, deque[Outcome]] = defaultdict(deque)
        self.always: dict[str, Outcome] = {}
        self.outage: Outcome | None = None
        """What every question gets."""
        self.held: set[str] = set()
        self.waiting: dict[str, tuple[Question, Done]] = {}
        self.queued: list[Question] = []
        """What it has not begun to ask."""

    def submit(self, asked: Sequence[Asked], done: Done) -> None:
        for question, request, listener in asked:
            self.requests[question.text] = request
            self.listeners[question.text] = listener
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


class ManualLoop(EventLoop):
    """An event loop on the test's own thread: the test moves its clock and runs its background jobs."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.jobs: list[tuple[str, Action]] = []
        """What would run on other threads, by the threads' names, in order."""
        super().__init__(clock=lambda: self.time, start_thread=lambda name, job: self.jobs.append((name, job)))

    @property
    def job_names(self) -> list[str]:
        return [name for name, _ in self.jobs]

    def settle(self) -> None:
        """Handle all that can be handled now."""
        while self.turn(0):
            pass

    def advance(self, seconds: float) -> None:
        """Let time pass; each timer fires at its own time."""
        self.settle()
        until = self.time + seconds
        while self._timers and self._timers[0][0] <= until:
            self.time = max(self.time, self._timers[0][0])
            self.settle()
        self.time = until

    def run_job(self, name: str) -> None:
        """Run the first background job of a name, and handle its result."""
        job = next(entry for entry in self.jobs if entry[0] == name)
        self.jobs.remove(job)
        job[1]()
        self.settle()


class FakeTypist(Typist):
    """Notes for which questions the typing action is shown, and shows nothing."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.paused: list[bool] = []

    def begin(self, question: Question) -> None:
        self.begun.append(question.text)

    def end(self, question: Question) -> None:
        self.ended.append(question.text)

    def pause(self, paused: bool) -> None:
        self.paused.append(paused)


class FakeDrafts(DraftSender):
    """Follows the answers of private chats, and shows nothing."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.stopped: list[str] = []
        self.paused: list[bool] = []

    def begin(self, question: Question) -> DraftListener | None:
        self.begun.append(question.text)
        return DraftListener(self, AnswerDraft(question))

    def end(self, question: Question) -> None:
        self.ended.append(question.text)

    def stop_writing(self, question: Question) -> None:
        self.stopped.append(question.text)

    def pause(self, paused: bool) -> None:
        self.paused.append(paused)
