"""Lanes: every open reply on its way to a terminal state, in order within a chat, concurrently across chats.

One thread owns all state here and only decides; calls to the model, to Telegram and to the journal run on threads of
their own, which post what came of them. So a chat that waits, for a slow answer or a flood limit, holds nobody else.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from pipeline.messages.answer import Answer, AnswerStatus
from pipeline.messages.origin import Replay
from pipeline.messages.phrases import FALLBACK, fixed_answer
from pipeline.messages.question import Question
from pipeline.model.answering import Answering
from pipeline.model.outcome import OUTAGES, SUSPICIOUS, Next, Outcome, Verdict, counts, next_step
from pipeline.replies.delivery import AnswerFormat, Effect, Sending, after_fault, after_sent, parts_of, send
from pipeline.replies.journal import Journal
from pipeline.replies.outage import LONGEST_WAIT, Outage
from pipeline.replies.reply import OnUnknown, Reply
from pipeline.telegram.client import BotApi, BotApiError, Interrupted
from pipeline.telegram.pacing import Pace
from pipeline.telegram.typing_action import Typist

log = structlog.get_logger(__name__)

_MOST_SENDS = 32
"""Requests to Telegram at once; also the most outcomes that one fault can leave unknown."""


@dataclass
class _Work:
    """An open reply, and what only this run knows of it."""

    reply: Reply
    ahead: bool = False
    """Whether the cluster is asked for its answer, so that the lane waits for that."""
    durable: bool = True
    """Whether the journal has this state of the reply."""
    keeping: bool = False
    """Whether the journal is being given this state; nothing else may be until that is done."""
    kept: Callable[[], None] | None = None
    """What goes on then."""
    attempts: int = 0
    asked_at: float | None = None
    failed_at: float | None = None
    """When the last attempt failed."""


@dataclass
class _Lane:
    """One chat: its open replies in order of arrival. Only the first is worked on."""

    keys: deque[str] = field(default_factory=deque)
    busy: bool = False
    """Whether something is under way for the first, or a timer set."""


class Lanes:
    """Takes accepted replies to their terminal states. Public methods are for any thread."""

    def __init__(
        self,
        journal: Journal,
        answering: Answering,
        api: BotApi,
        *,
        send_rate: float,
        model_attempts: int,
        answer_format: AnswerFormat = "plain",
        on_unknown: OnUnknown = "hold",
        model_alive: Callable[[], bool] = lambda: False,
        report: Callable[[str, str | None], None] = lambda service, reason: None,
    ) -> None:
        """`model_attempts`: how often one message is asked for.

        `report` is called with a service and the reason when it fails, and with None when it answers again.

        `model_alive` asks the model something harmless: if it answers, a message that fails alone is itself at fault.
        """
        self._journal = journal
        self._answering = answering
        self._api = api
        self._pace = Pace(send_rate)
        self._model_attempts = model_attempts
        self._answer_format = answer_format
        self._on_unknown = on_unknown
        self._model_alive = model_alive
        self._report = report
        self._suspects: dict[str, Outcome] = {}
        """Messages that failed while nobody knew whether the model answers others, and how."""
        self._asking_whether_alive = False
        self._typist = Typist(api)
        self._works: dict[str, _Work] = {}
        self._lanes: dict[int, _Lane] = {}
        self._events: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._model = Outage()
        self._telegram = Outage()
        self._parked_for_model: deque[int] = deque()
        self._parked_for_telegram: deque[int] = deque()
        self._parked_for_place: deque[int] = deque()
        self._trial_at = float("inf")
        """When the next parked lane is to be woken."""
        self._last_answered = float("-inf")
        self._sends = 0
        self._finished = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="lanes", daemon=True)

    def start(self) -> None:
        """Begin, with the replies that a former run left open."""
        left = [reply for reply in self._journal.replies().values() if not reply.terminal]
        resumed = [reply.resumed(self._on_unknown) for reply in left]
        changed = [after for before, after in zip(left, resumed, strict=True) if before != after]
        if changed:
            self._journal.record(*changed)
            log.warning("replies of unknown outcome", count=len(changed), on_unknown=self._on_unknown)
        self._thread.start()
        self.accept(reply for reply in resumed if not reply.terminal)

    def accept(self, replies: Iterable[Reply], ahead: Answering | None = None) -> None:
        """Take over replies that the journal has. `ahead` is asked for all their answers at once."""
        works = [_Work(reply) for reply in sorted(replies, key=lambda reply: reply.question.seq)]
        with self._finished:
            works = [work for work in works if work.reply.key not in self._works]
            self._works.update((work.reply.key, work) for work in works)
        questions = []
        if ahead is not None:
            for work in works:
                if work.reply.answer is None and _ready_answer(work.reply.question) is None:
                    work.ahead = True
                    questions.append(work.reply.question)
        self._events.put(lambda: self._enqueue(works))
        if ahead is not None and questions:
            ahead.submit(questions, self._post_outcome)

    @property
    def open(self) -> int:
        """How many replies are not yet terminal."""
        return len(self._works)

    def wait(self, keys: Iterable[str], timeout: float) -> bool:
        """Wait until all of `keys` are terminal; False after `timeout` seconds."""
        wanted = set(keys)
        with self._finished:
            return self._finished.wait_for(lambda: self._stopping or wanted.isdisjoint(self._works), timeout)

    def wait_for_room(self, most: int, timeout: float) -> bool:
        """Wait until fewer than `most` replies are open."""
        with self._finished:
            return self._finished.wait_for(lambda: self._stopping or len(self._works) < most, timeout)

    def stop(self, grace: float) -> None:
        """Begin nothing more; wait up to `grace` seconds for sends under way, and keep answers that are there."""
        self._stopping = True
        self._typist.stop()
        with self._finished:
            self._finished.notify_all()
        self._events.put(lambda: None)
        if self._thread.is_alive():
            self._thread.join(grace)

    # Everything below runs on the lanes' own thread, but for what is named _post_… and _in_thread_….

    def _run(self) -> None:
        while not (self._stopping and self._sends == 0):
            wait = None
            if self._stopping:
                wait = 0.05
            elif self._timers:
                wait = max(0.0, self._timers[0][0] - time.monotonic())
            try:
                event = self._events.get(timeout=wait)
            except queue.Empty:
                event = None
            try:
                if self._stopping:
                    self._keep_what_is_answered()
                if event is not None:
                    event()
                while self._timers and self._timers[0][0] <= time.monotonic() and not self._stopping:
                    heapq.heappop(self._timers)[2]()
            except Exception as error:  # one message's trouble must not end the thread that all others need
                log.error("lane failed", error=type(error).__name__, at=_where(error))
        while not self._events.empty():
            with contextlib.suppress(Exception):  # one event's trouble must not cost the answers behind it
                self._events.get_nowait()()
        with contextlib.suppress(OSError):
            self._keep_what_is_answered()

    def _keep_what_is_answered(self) -> None:
        """At a stop: what the model was paid for is kept for the next run."""
        with self._finished:
            works = [work for work in self._works.values() if not work.durable and not work.keeping]
        # A part that is being sent is in the journal already, by the thread that sends it.
        works = [work for work in works if work.reply.stage != "sending"]
        if works:
            self._journal.record(*(work.reply for work in works))
            for work in works:
                work.durable = True

    def _at(self, when: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._timers, (when, next(self._numbers), action))

    def _enqueue(self, works: list[_Work]) -> None:
        for work in works:
            self._lanes.setdefault(work.reply.question.chat_id, _Lane()).keys.append(work.reply.key)
        for chat in dict.fromkeys(work.reply.question.chat_id for work in works):
            self._advance(chat)

    def _advance(self, chat: int) -> None:
        """Begin what the first reply of an idle lane needs next."""
        lane = self._lanes.get(chat)
        if lane is None or lane.busy or self._stopping:
            return
        if not lane.keys:
            del self._lanes[chat]
            return
        work = self._works[lane.keys[0]]
        lane.busy = True
        if work.reply.answer is None:
            self._answer(chat, work)
        elif work.reply.terminal:
            self._finish(chat, work)
        else:
            self._send(chat, work)

    def _resume(self, chat: int) -> None:
        """A lane's wait is over."""
        lane = self._lanes.get(chat)
        if lane is not None:
            lane.busy = False
            self._advance(chat)

    # Answering

    def _answer(self, chat: int, work: _Work) -> None:
        question, now = work.reply.question, time.monotonic()
        ready = _ready_answer(question)
        if ready is not None:
            self._answered(work, ready)
            self._resume(chat)
            return
        if work.asked_at is None:
            work.asked_at = now
            if not question.withheld:
                self._typist.begin(question)
        if work.ahead:
            return
        if self._model.admits(now):
            self._answering.submit([question], self._post_outcome)
        else:
            self._park_for_model(chat)

    def _post_outcome(self, question: Question, outcome: Outcome) -> None:
        self._events.put(lambda: self._take_outcome(question, outcome))

    def _take_outcome(self, question: Question, outcome: Outcome) -> None:
        work = self._works.get(question.key)
        if work is None or work.reply.answer is not None:
            return
        now, chat = time.monotonic(), question.chat_id
        lane = self._lanes[chat]
        first = lane.keys[0] == question.key
        was_ahead, work.ahead = work.ahead, False
        since = work.failed_at if work.failed_at is not None else now - outcome.seconds
        others_answered = self._last_answered > since
        work.failed_at = now
        work.attempts += counts(outcome, others_answered)
        step = next_step(outcome, work.attempts, self._model_attempts, others_answered)
        if step is Next.DELIVER:
            self._last_answered = now
        if outcome.verdict in OUTAGES or outcome.verdict in SUSPICIOUS:
            if step is Next.WAIT or self._model.reason is not None:
                self._model_failed(now, outcome)
            if step is Next.WAIT and outcome.verdict in SUSPICIOUS:
                self._suspect(question.key, outcome)
        else:
            self._model_answered(now - outcome.seconds)
        if step in (Next.DELIVER, Next.FALL_BACK):
            self._answered(work, _answer_of(outcome, fell_back=step is Next.FALL_BACK))
            if first:
                self._resume(chat)
            else:
                self._keep(work)
            return
        if not first:
            # The cluster's attempt brought no answer: the lane will ask when it comes to this message.
            return
        if step is Next.WAIT:
            self._park_for_model(chat)
        else:
            log.info("asking again", key=question.key, verdict=outcome.verdict, reason=outcome.reason, ahead=was_ahead)
            self._at(now + min(0.2 * 2.0**work.attempts, 5.0), lambda: self._resume(chat))

    def _answered(self, work: _Work, answer: Answer) -> None:
        work.reply = work.reply.with_answer(answer, parts_of(answer, self._answer_format))
        work.durable = False
        self._typist.end(work.reply.question)
        if answer.status is AnswerStatus.FALLBACK:
            log.warning("fallback", key=work.reply.key, reason=answer.reason)

    def _park_for_model(self, chat: int) -> None:
        self._parked_for_model.append(chat)
        self._set_trial()

    def _set_trial(self) -> None:
        """Wake a parked lane when the next trial is due; while one is under way, should it never come back."""
        now = time.monotonic()
        due = self._model.next_trial if self._model.next_trial > now else now + LONGEST_WAIT
        if due < self._trial_at:
            self._trial_at = due
            self._at(due, self._try_model)

    def _try_model(self) -> None:
        """Let the next lane try, each in its turn: a message that fails alone must not be the only trial."""
        if time.monotonic() < self._trial_at:
            # An earlier timer has done what this one was set for.
            return
        self._trial_at = float("inf")
        if self._parked_for_model:
            self._resume(self._parked_for_model.popleft())
        if self._parked_for_model:
            self._set_trial()

    def _model_failed(self, now: float, outcome: Outcome) -> None:
        if self._model.failed(now, outcome.reason, outcome.retry_after, now - outcome.seconds):
            if outcome.verdict is Verdict.BUSY:
                log.warning("the model is busy", reason=outcome.reason, retry_after=outcome.retry_after)
            else:
                log.error("the model is out; messages wait", verdict=outcome.verdict, reason=outcome.reason)
            self._report("model", outcome.reason)
            # What has not been asked yet must not run into the same wall.
            for question in self._answering.withdraw():
                self._park_for_model(question.chat_id)

    def _suspect(self, key: str, outcome: Outcome) -> None:
        self._suspects[key] = outcome
        if not self._asking_whether_alive:
            self._asking_whether_alive = True
            threading.Thread(target=self._in_thread_ask_whether_alive, name="alive", daemon=True).start()

    def _in_thread_ask_whether_alive(self) -> None:
        began, alive = time.monotonic(), False
        with contextlib.suppress(Exception):
            alive = self._model_alive()
        self._events.put(lambda: self._take_alive(began, alive))

    def _take_alive(self, began: float, alive: bool) -> None:
        """The model answers, so what failed meanwhile is the messages' own fault, and counts against them."""
        self._asking_whether_alive = False
        suspects, self._suspects = self._suspects, {}
        if not alive:
            return
        self._last_answered = time.monotonic()
        for key, outcome in suspects.items():
            work = self._works.get(key)
            if work is None or work.reply.answer is not None:
                continue
            work.attempts += 1
            # One that is being asked again meanwhile is decided on by what comes of that.
            parked = work.reply.question.chat_id in self._parked_for_model
            if work.attempts >= self._model_attempts and parked:
                self._answered(work, _answer_of(outcome, fell_back=True))
                self._keep(work)
        self._model_answered(began)

    def _model_answered(self, began: float) -> None:
        if self._model.answered(began):
            log.info("the model is back", waiting=len(self._parked_for_model))
            self._report("model", None)
            parked, self._parked_for_model = self._parked_for_model, deque()
            for chat in parked:
                self._resume(chat)

    # Delivery

    def _send(self, chat: int, work: _Work) -> None:
        if work.keeping:
            work.kept = lambda: self._resume(chat)
            return
        if self._telegram.reason is not None:
            self._parked_for_telegram.append(chat)
            self._keep(work)
            return
        if self._sends >= _MOST_SENDS:
            self._parked_for_place.append(chat)
            return
        now = time.monotonic()
        due = self._pace.take(work.reply.chat_id, work.reply.question.chat_type, now)
        if due > now:
            self._keep(work)
            self._at(due, lambda: self._resume(chat))
            return
        index = work.reply.next_part
        assert index is not None
        self._sends += 1
        work.reply = work.reply.sending(index)
        reply = work.reply
        threading.Thread(target=self._in_thread_send, args=(reply, index), name="send", daemon=True).start()

    def _keep(self, work: _Work) -> None:
        """Make an answer durable that has to wait before it is sent."""
        if work.durable or work.keeping:
            return
        work.keeping = True
        reply = work.reply

        def kept() -> None:
            work.keeping, work.durable = False, True
            proceed, work.kept = work.kept, None
            if proceed is not None:
                proceed()

        def keep() -> None:
            self._record_whatever_it_takes(reply)
            self._events.put(kept)

        threading.Thread(target=keep, name="keep", daemon=True).start()

    def _in_thread_send(self, reply: Reply, index: int) -> None:
        try:
            # With the answer, where that is not durable yet: nothing lies between the two states.
            self._journal.record(reply)
        except Exception as error:  # whatever it is, nothing has been sent
            failure = str(error)
            self._events.put(lambda: self._take_sending(Sending(reply.not_sent(index)), failure))
            return
        try:
            sending = after_sent(reply, index, send(self._api, reply, index))
        except BotApiError as error:
            sending = after_fault(reply, index, error, self._on_unknown)
        except Exception as error:  # whatever happened, the request may have left
            sending = after_fault(reply, index, Interrupted(type(error).__name__), self._on_unknown)
        self._record_whatever_it_takes(sending.reply)
        self._events.put(lambda: self._take_sending(sending, None))

    def _record_whatever_it_takes(self, reply: Reply) -> None:
        """Until the stop: a journal that lags behind what was sent would send it again after a crash."""
        wait = 0.1
        while True:
            try:
                return self._journal.record(reply)
            except Exception as error:  # whatever it is, this thread must come to tell the lanes
                log.error("the journal can't be written", key=reply.key, error=str(error))
                if self._stopping:
                    return None
                time.sleep(wait)
                wait = min(2 * wait, 5.0)

    def _take_sending(self, sending: Sending, journal_error: str | None) -> None:
        reply, now = sending.reply, time.monotonic()
        chat, work = reply.question.chat_id, self._works[reply.key]
        self._sends -= 1
        work.reply, work.durable = reply, journal_error is None
        if journal_error is not None:
            log.error("the journal can't be written; nothing is sent", key=reply.key, error=journal_error)
            self._at(now + 1.0, lambda: self._resume(chat))
        elif sending.effect is Effect.HOLD:
            until = now + (sending.wait or 1.0)
            self._pace.hold(reply.chat_id, until)
            log.info("telegram asks to wait", chat=reply.chat_id, seconds=sending.wait)
            self._at(until, lambda: self._resume(chat))
        else:
            if sending.effect in (Effect.OUT, Effect.TOKEN_REJECTED):
                self._telegram_failed(now, sending.reason)
            elif sending.reply.stage == "dead":
                log.warning("reply refused", key=reply.key, reason=reply.error)
            self._resume(chat)
        if self._parked_for_place:
            self._resume(self._parked_for_place.popleft())

    def _telegram_failed(self, now: float, reason: str) -> None:
        """Send nothing more until Telegram answers a harmless request: so only requests under way can be unknown."""
        if self._telegram.failed(now, reason):
            log.error("telegram is out; replies wait", reason=reason)
            self._report("telegram", reason)
            self._typist.pause(True)
            self._at(self._telegram.next_trial, self._probe_telegram)

    def _probe_telegram(self) -> None:
        if self._telegram.admits(time.monotonic()):
            threading.Thread(target=self._in_thread_probe, name="probe", daemon=True).start()

    def _in_thread_probe(self) -> None:
        began, reason = time.monotonic(), None
        try:
            self._api.get_me()
        except BotApiError as error:
            reason = str(error)
        except Exception as error:
            reason = type(error).__name__
        self._events.put(lambda: self._take_probe(began, reason))

    def _take_probe(self, began: float, reason: str | None) -> None:
        if reason is not None:
            self._telegram.failed(time.monotonic(), reason, None)
            self._at(self._telegram.next_trial, self._probe_telegram)
        elif self._telegram.answered(began):
            log.info("telegram is back", waiting=len(self._parked_for_telegram))
            self._report("telegram", None)
            self._typist.pause(False)
            parked, self._parked_for_telegram = self._parked_for_telegram, deque()
            for chat in parked:
                self._resume(chat)

    def _finish(self, chat: int, work: _Work) -> None:
        if not work.durable:
            # A withheld answer: nothing was sent, so nothing has been recorded either.
            self._keep(work)
            work.kept = lambda: self._resume(chat)
            return
        lane = self._lanes[chat]
        lane.keys.popleft()
        with self._finished:
            del self._works[work.reply.key]
            self._finished.notify_all()
        self._resume(chat)


def _ready_answer(question: Question) -> Answer | None:
    """The answer that needs no model: a command's, or the stored one that is delivered again."""
    if isinstance(question.origin, Replay) and question.origin.answer is not None:
        return question.origin.answer
    fixed = fixed_answer(question.command)
    return Answer(text=fixed, status=AnswerStatus.FIXED, answered_at=datetime.now(UTC)) if fixed is not None else None


def _answer_of(outcome: Outcome, *, fell_back: bool) -> Answer:
    return Answer(
        text=FALLBACK if fell_back else outcome.text,
        status=AnswerStatus.FALLBACK if fell_back else AnswerStatus.ANSWERED,
        model=outcome.model,
        reason=outcome.reason if fell_back else None,
        prompt_tokens=outcome.prompt_tokens,
        completion_tokens=outcome.completion_tokens,
        answered_at=datetime.now(UTC),
    )


def _where(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_name}:{trace.tb_lineno}" if trace else "?"
