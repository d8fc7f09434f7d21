"""The dispatcher: decides what each open reply does next. In order within a chat, concurrently across chats."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial

import structlog

from pipeline.messages.answer import Answer, AnswerStatus
from pipeline.messages.question import Question
from pipeline.model.answering import Answering
from pipeline.model.outcome import Next, Outcome
from pipeline.replies.delivery import AnswerFormat, Effect, Sender, Sending, parts_of
from pipeline.replies.event_loop import EventLoop
from pipeline.replies.gates.held import HeldChats
from pipeline.replies.gates.model import ModelGate
from pipeline.replies.gates.telegram import Admission, TelegramGate
from pipeline.replies.preparation import Preparation, asked_of
from pipeline.replies.reply import Reply
from pipeline.replies.work import (
    Lane,
    Wait,
    Work,
    WorkState,
    deliverable,
    fallback_answer,
    model_answer,
    ready_answer,
    stopped_answer,
)
from pipeline.telegram.progress.drafts import DraftSender, draft_id_of
from pipeline.telegram.progress.typing_action import Typist

log = structlog.get_logger(__name__)


class Dispatcher:
    """Takes replies to their terminal states.

    For the event loop's owner only, but for `post_outcome`. Nothing here blocks: calls that may block run in the
    background, and their results come back as events.
    """

    def __init__(
        self,
        loop: EventLoop,
        answering: Answering,
        preparation: Preparation,
        sender: Sender,
        typist: Typist,
        drafts: DraftSender,
        *,
        send_rate: float,
        model_attempts: int,
        answer_format: AnswerFormat,
        feedback: bool,
        privacy_contact: str,
        model_alive: Callable[[], bool],
        report: Callable[[str, str | None], None],
        finished: Callable[[str], None],
        stopping: Callable[[], bool],
    ) -> None:
        """As `Lanes`, and: `finished` gets the key of a reply that is terminal and recorded; once `stopping` is true
        no call begins.
        """
        self._loop = loop
        self._answering = answering
        self._preparation = preparation
        self._sender = sender
        self._typist = typist
        self._drafts = drafts
        self._answer_format = answer_format
        self._feedback = feedback
        self._privacy_contact = privacy_contact
        self._report = report
        self._finished = finished
        self._stopping = stopping
        self._works: dict[str, Work] = {}
        self._lanes: dict[int, Lane] = {}
        self._held = HeldChats(loop, resume=partial(self._resume, reason=Wait.ANSWER))
        self._model = ModelGate(
            loop,
            most_attempts=model_attempts,
            alive=model_alive,
            report=partial(report, "model"),
            withdraw=self._withdraw,
            resume=partial(self._resume, reason=Wait.ANSWER),
            give_up=self._give_up,
        )
        self._telegram = TelegramGate(
            loop,
            send_rate=send_rate,
            probe=sender.probe,
            report=self._report_telegram,
            resume=partial(self._resume, reason=Wait.TELEGRAM),
        )

    def accept(self, replies: Sequence[Reply], ahead: Collection[str] = ()) -> None:
        """Begin with replies that the journal has. For those in `ahead`, which are prepared, the cluster is asked."""
        assert self._loop.owned
        for reply in replies:
            work = self._works[reply.key] = Work(reply)
            if reply.key in ahead:
                work.prepared()
                work.ask(ahead=True)
            self._lanes.setdefault(work.chat_id, Lane()).works.append(work)
        for chat in dict.fromkeys(reply.question.chat_id for reply in replies):
            self._loop.guard(partial(self._advance, chat))

    def post_outcome(self, question: Question, outcome: Outcome) -> None:
        """Any thread: hand over what came of asking."""
        self._loop.post(partial(self._take_outcome, question, outcome))

    def stop_writing(self, chat: int, draft_id: int) -> None:
        """A person wants no more of the answer whose draft this is. Nothing happens if the answer is there."""
        assert self._loop.owned
        lane = self._lanes.get(chat)
        work = lane.works[0] if lane is not None else None
        if work is None or work.reply.answer is not None or draft_id_of(work.reply.question) != draft_id:
            return
        log.info("stopped by the person who asked", key=work.key, state=work.state)
        work.stopped = True
        self._drafts.stop_writing(work.reply.question)
        if work.state in (WorkState.WAITING, WorkState.READY):
            self._resume(chat, Wait.ANSWER)

    def look_again(self) -> None:
        """Look again at the chats whose first reply could not be prepared: what that needs has changed."""
        self._held.look_again()

    @property
    def requests(self) -> int:
        """How many requests to Telegram are under way, and writes of what was prepared, for which a stop waits too."""
        return self._telegram.requests + sum(work.state is WorkState.PREPARING for work in self._works.values())

    def save_answers(self) -> None:
        """Record every answer that the journal may not have. Blocks, so it is for a stop only."""
        assert self._loop.owned
        works = [work for work in self._works.values() if work.may_be_lost]
        if works and self._sender.save(*(work.reply for work in works)):
            for work in works:
                work.saved()

    def take_back(self) -> None:
        """Give back what was reserved for calls that will not be made: the next run would take them for made.

        Blocks, so it is for a stop only.
        """
        assert self._loop.owned
        withdrawn = {question.key for question in self._answering.withdraw()}
        for work in self._works.values():
            if work.reply.charge.reserved is not None and (work.unasked or work.key in withdrawn):
                work.taken_back(self._preparation.taken_back(work.reply))
        changed = [work.reply for work in self._works.values() if work.charge_changed]
        if changed:
            self._sender.save(*changed)

    # A chat's order

    def _advance(self, chat: int) -> None:
        """Begin what the first reply of a chat needs next, unless it waits for something."""
        assert self._loop.owned
        lane = self._lanes.get(chat)
        if lane is None or lane.waits_for is not Wait.NOTHING or self._stopping():
            return
        while lane.works and lane.works[0].done:
            work = lane.works.popleft()
            del self._works[work.key]
            # First: who sees that the chat has no open reply may rely on what was said in it.
            self._preparation.finished(work.reply)
            self._finished(work.key)
        if not lane.works:
            del self._lanes[chat]
            return
        work = lane.works[0]
        match work.state:
            case WorkState.WAITING | WorkState.PREPARING | WorkState.READY | WorkState.AHEAD | WorkState.ASKED:
                lane.waits_for = Wait.ANSWER
                self._ask(chat, work)
            case WorkState.SAVING:
                lane.waits_for = Wait.JOURNAL
            case WorkState.UNSAVED if work.reply.terminal:
                # A withheld answer: nothing is sent, so no other state is recorded with it.
                lane.waits_for = Wait.JOURNAL
                self._save(work)
            case _:
                lane.waits_for = Wait.TELEGRAM
                self._send(work)

    def _resume(self, chat: int, reason: Wait) -> None:
        """What a chat waited for has come. An error in its next step does not reach the caller, who has others."""
        lane = self._lanes.get(chat)
        if lane is not None and lane.waits_for is reason:
            lane.waits_for = Wait.NOTHING
            self._loop.guard(partial(self._advance, chat))

    # Answers

    def _ask(self, chat: int, work: Work) -> None:
        question = work.reply.question
        ready = ready_answer(question, self._privacy_contact)
        if ready is None and work.stopped and work.state in (WorkState.WAITING, WorkState.READY):
            if work.state is WorkState.READY:
                work.attempted(self._preparation.taken_back(work.reply))
            ready = stopped_answer(question.language)
        if ready is None and work.state is WorkState.WAITING:
            ready = self._prepare(chat, work)
        if ready is not None:
            self._answered(work, ready)
            self._resume(chat, Wait.ANSWER)
            return
        if not work.typing_shown and not question.withheld:
            work.typing_shown = True
            self._typist.begin(question)
        if work.state is WorkState.READY and self._model.admits(chat):
            work.ask()
            asked = asked_of(work.reply)._replace(listener=self._drafts.begin(question))
            self._answering.submit([asked], self.post_outcome)

    def _prepare(self, chat: int, work: Work) -> Answer | None:
        """Have the reply prepared. Returns an answer where the model is not to be asked."""
        prepared = self._preparation.prepare(work.reply)
        if isinstance(prepared, Answer):
            return prepared
        if prepared is None:
            self._held.add(chat)
        elif prepared is work.reply:
            work.prepared()
        else:
            before = work.reply
            work.prepare(prepared)
            self._loop.in_background(
                "prepare", partial(self._sender.save, prepared), partial(self._take_prepared, work, before)
            )
        return None

    def _take_prepared(self, work: Work, before: Reply, saved: bool) -> None:
        if saved:
            work.prepared()
        else:
            work.not_prepared(before)
        self._resume(work.chat_id, Wait.ANSWER)

    def _take_outcome(self, question: Question, outcome: Outcome) -> None:
        work = self._works.get(question.key)
        if work is None or not work.awaits_outcome:
            return
        chat, ahead = work.chat_id, work.state is WorkState.AHEAD
        first = self._lanes[chat].works[0] is work
        reply = self._preparation.attempted(work.reply, outcome)
        self._held.look_at_next()
        step = self._model.judge(work, outcome)
        if step in (Next.DELIVER, Next.FALL_BACK):
            delivers = step is Next.DELIVER
            answer = (
                model_answer(outcome, question.language) if delivers else fallback_answer(outcome, question.language)
            )
            work.attempted(reply)
            self._answered(work, answer)
            if first:
                self._resume(chat, Wait.ANSWER)
            else:
                self._save(work)
            return
        work.attempted(reply)
        if not first:
            # The cluster brought no answer: the model is asked for it when it is the first of its chat.
            return
        if step is Next.WAIT:
            self._model.park(chat)
        else:
            log.info("asking again", key=work.key, verdict=outcome.verdict, reason=outcome.reason, ahead=ahead)
            pause = self._model.pause(work)
            self._loop.at(self._loop.now() + pause, partial(self._resume, chat, Wait.ANSWER))

    def _answered(self, work: Work, given: Answer) -> None:
        answer = deliverable(given, work.reply.question.language)
        if answer is not given:
            log.warning("answer cut", key=work.key, characters=len(given.text), kept=len(answer.text))
        question = work.reply.question
        buttons = self._feedback and not question.is_probe
        work.answered(answer, parts_of(answer, self._answer_format, buttons=buttons))
        self._typist.end(question)
        self._drafts.end(question)
        if answer.status is AnswerStatus.FALLBACK and not answer.withheld:
            log.warning("fallback", key=work.key, reason=answer.reason)

    def _give_up(self, work: Work, outcome: Outcome) -> None:
        """A message was found to be at fault while its chat was parked."""
        if work.state not in (WorkState.WAITING, WorkState.READY):
            # It is being asked for again, and the outcome of that decides.
            return
        if work.state is WorkState.READY:
            work.attempted(self._preparation.taken_back(work.reply))
        self._answered(work, fallback_answer(outcome, work.reply.question.language))
        self._save(work)

    def _withdraw(self) -> list[int]:
        """Take back what was not asked yet. Returns its chats."""
        withdrawn = self._answering.withdraw()
        for question in withdrawn:
            work = self._works[question.key]
            work.attempted(self._preparation.taken_back(work.reply))
        return [question.chat_id for question in withdrawn]

    # Delivery

    def _send(self, work: Work) -> None:
        admission = self._telegram.admit(work.reply)
        if admission is Admission.NOW:
            reply, index = work.send()
            following = self._lanes[work.chat_id].next_to_prepare
            prepare_next = partial(self._preparation.following, reply=following) if following is not None else None
            job = partial(self._sender.send, reply, index, prepare_next)
            self._loop.in_background("send", job, self._take_sending)
        elif admission is not Admission.PLACE:
            # It may wait for long. A place is free when one of the requests under way ends.
            self._save(work)

    def _take_sending(self, sending: Sending) -> None:
        work = self._works[sending.reply.key]
        if sending.effect is Effect.NOT_RECORDED:
            work.not_recorded(sending.reply)
        else:
            work.sent(sending.reply)
        if sending.following is not None:
            following = self._works[sending.following.key]
            following.prepare(sending.following)
            following.prepared()
        self._telegram.ended(sending)

    def _save(self, work: Work) -> None:
        """Have the answer recorded in the background, unless that is done or under way."""
        if work.state is WorkState.UNSAVED:
            reply = work.save()
            self._loop.in_background("save", partial(self._sender.save, reply), partial(self._take_saved, work))

    def _take_saved(self, work: Work, saved: bool) -> None:
        if work.state is WorkState.SAVING:
            if saved:
                work.saved()
            else:
                work.not_saved()
        self._resume(work.chat_id, Wait.JOURNAL)

    def _report_telegram(self, reason: str | None) -> None:
        self._report("telegram", reason)
        self._typist.pause(reason is not None)
        self._drafts.pause(reason is not None)
