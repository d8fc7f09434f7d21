"""The work on one open reply, as a state machine; and a chat's lane of such works.

    WAITING ─▶ PREPARING ─▶ READY ─▶ ASKED or AHEAD ─▶ WAITING ─▶ UNSAVED ─▶ SAVING ─▶ SAVED
    SAVED ─▶ SENDING ─▶ SAVED, for each part

What was prepared when the reply was accepted is READY at once. An attempt that ends leads back to WAITING, from where
an answer leads on; a write that fails leads back to the state before it. From UNSAVED a part may be sent at once: the
answer and the request then share a record.

The journal holds the replies themselves. What is here is known to this run only, and a restart begins without it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from pipeline.messages.answer import Answer, AnswerStatus
from pipeline.messages.origin import Replay
from pipeline.messages.phrases import fixed_answer, phrases
from pipeline.messages.question import Question
from pipeline.model.outcome import STOPPED, Outcome, Verdict
from pipeline.replies.reply import Part, Reply
from pipeline.telegram.splitting import shortened

MOST_PARTS = 8
"""Messages that an answer is sent as at most: some 32,000 characters. A chat gets five messages in five seconds."""


class WorkState(StrEnum):
    """How far the work on a reply has come."""

    WAITING = "waiting"
    """It has no answer, and nobody is being asked for one."""
    PREPARING = "preparing"
    """What the model is given, and what that may cost, is being written to the journal."""
    READY = "ready"
    """The journal has that: the model may be asked."""
    AHEAD = "ahead"
    """The cluster is being asked for its answer, possibly before it is the first of its chat."""
    ASKED = "asked"
    """The model is being asked for its answer."""
    UNSAVED = "unsaved"
    """It has an answer that the journal does not have."""
    SAVING = "saving"
    """The answer is being written to the journal. No other state of the reply may be written until that is done."""
    SAVED = "saved"
    """The journal has the reply as it is."""
    SENDING = "sending"
    """A part is being recorded and sent."""


class Work:
    """An open reply and the state of the work on it. For the event loop's owner only.

    A step that its state does not allow raises RuntimeError and changes nothing: so no part is sent while it is
    being sent, and no answer takes another's place.
    """

    def __init__(self, reply: Reply) -> None:
        """`reply` is as the journal has it."""
        self.reply = reply
        self._state = WorkState.WAITING if reply.answer is None else WorkState.SAVED
        self._recorded_charge = reply.charge
        """As the journal has it, while there is no answer."""
        self.attempts = 0
        """How many attempts at an answer count against the message."""
        self.failed_at: float | None = None
        """When the last attempt failed, in seconds of the event loop's clock."""
        self.typing_shown = False
        """Whether its chat was given the typing action, which is begun once."""
        self.stopped = False
        """Whether the person who asked wants no more of its answer."""

    @property
    def state(self) -> WorkState:
        return self._state

    @property
    def key(self) -> str:
        return self.reply.key

    @property
    def chat_id(self) -> int:
        """The chat whose order it keeps: its question's, also when the reply goes elsewhere."""
        return self.reply.question.chat_id

    @property
    def awaits_outcome(self) -> bool:
        """Whether somebody is being asked for its answer. An outcome that comes otherwise is a repetition."""
        return self._state in (WorkState.AHEAD, WorkState.ASKED)

    @property
    def unasked(self) -> bool:
        """Whether nobody has been asked for its answer since it was prepared, or it is not prepared."""
        return self._state in (WorkState.WAITING, WorkState.READY)

    @property
    def charge_changed(self) -> bool:
        """Whether it has no answer, and the journal has a reservation that has ended."""
        return self._state is WorkState.WAITING and self.reply.charge != self._recorded_charge

    @property
    def may_be_lost(self) -> bool:
        """Whether it has an answer that the journal may not have yet."""
        return self._state in (WorkState.UNSAVED, WorkState.SAVING)

    @property
    def done(self) -> bool:
        """Whether the reply is terminal, and the journal says so."""
        return self._state is WorkState.SAVED and self.reply.terminal

    def prepare(self, reply: Reply) -> None:
        """Begin to write to the journal what the model is given."""
        self._become(WorkState.PREPARING, WorkState.WAITING)
        self.reply = reply

    def not_prepared(self, reply: Reply) -> None:
        """The attempt to write that was given up. `reply`: as it was before, since the journal has no other."""
        self._become(WorkState.WAITING, WorkState.PREPARING)
        self.reply = reply

    def prepared(self) -> None:
        """The journal has what the model is given."""
        self._become(WorkState.READY, WorkState.WAITING, WorkState.PREPARING)
        self._recorded_charge = self.reply.charge

    def ask(self, *, ahead: bool = False) -> None:
        self._become(WorkState.AHEAD if ahead else WorkState.ASKED, WorkState.READY)

    def attempted(self, reply: Reply) -> None:
        """The attempt has ended, or will not be made. `reply`: as it is after that."""
        self._become(WorkState.WAITING, WorkState.READY, WorkState.AHEAD, WorkState.ASKED)
        self.reply = reply

    def taken_back(self, reply: Reply) -> None:
        """At a stop: no attempt will be made, also not at what was prepared when it was accepted."""
        self._become(WorkState.WAITING, WorkState.WAITING, WorkState.READY, WorkState.ASKED)
        self.reply = reply

    def answered(self, answer: Answer, parts: tuple[Part, ...]) -> None:
        self._become(WorkState.UNSAVED, WorkState.WAITING, WorkState.READY)
        self.reply = self.reply.with_answer(answer, parts)

    def save(self) -> Reply:
        """Begin to write the answer to the journal. Returns what to write."""
        self._become(WorkState.SAVING, WorkState.UNSAVED)
        return self.reply

    def saved(self) -> None:
        """The journal has the answer. At a stop it is written without `save` before."""
        self._become(WorkState.SAVED, WorkState.SAVING, WorkState.UNSAVED)

    def not_saved(self) -> None:
        """The attempt to write the answer to the journal was given up."""
        self._become(WorkState.UNSAVED, WorkState.SAVING)

    def send(self) -> tuple[Reply, int]:
        """Begin to send the next part. Returns the reply to record before that, and the part's index."""
        self._become(WorkState.SENDING, WorkState.UNSAVED, WorkState.SAVED)
        index = self.reply.next_part
        assert index is not None, "a terminal reply has nothing to send"
        self.reply = self.reply.sending(index)
        return self.reply, index

    def sent(self, reply: Reply) -> None:
        """The attempt to send has ended, and the journal has the reply after it."""
        self._become(WorkState.SAVED, WorkState.SENDING)
        self.reply = reply

    def not_recorded(self, reply: Reply) -> None:
        """Nothing was sent, since the journal could not be written."""
        self._become(WorkState.UNSAVED, WorkState.SENDING)
        self.reply = reply

    def _become(self, state: WorkState, *after: WorkState) -> None:
        """Change to `state`, which may follow only the states `after`."""
        if self._state not in after:
            raise RuntimeError(f"the work on reply {self.key} is {self._state} and can't become {state}")
        self._state = state


class Wait(StrEnum):
    """What the first reply of a chat waits for."""

    NOTHING = "nothing"
    ANSWER = "answer"
    """An answer, or leave to ask for one."""
    JOURNAL = "journal"
    """That the journal has its answer."""
    TELEGRAM = "telegram"
    """The end of a request, or leave to begin one."""


@dataclass
class Lane:
    """One chat: the work on its open replies in order of arrival. Only the first is sent, or asked for on the driver.

    For the event loop's owner only.
    """

    works: deque[Work] = field(default_factory=deque)
    waits_for: Wait = Wait.NOTHING

    @property
    def next_to_prepare(self) -> Reply | None:
        """The reply after the first, if the model is to be asked for it and it is not prepared for that."""
        if len(self.works) < 2:
            return None
        work = self.works[1]
        needed = work.state is WorkState.WAITING and work.reply.context is None
        return work.reply if needed and ready_answer(work.reply.question) is None else None


def ready_answer(question: Question, privacy_contact: str = "") -> Answer | None:
    """The answer that needs no model: a command's, what is said to media without a word, or a stored one.

    `privacy_contact`: whom people ask about their data.
    """
    if isinstance(question.origin, Replay) and question.origin.answer is not None:
        return question.origin.answer
    text = (
        phrases(question.language).unreadable
        if question.is_unreadable
        else fixed_answer(question.command, question.language, privacy_contact)
    )
    return Answer(text=text, status=AnswerStatus.FIXED, answered_at=datetime.now(UTC)) if text is not None else None


def deliverable(answer: Answer, language: str | None) -> Answer:
    """The answer, cut to `MOST_PARTS` messages if it is longer; its last line then says so to its reader."""
    text = shortened(answer.text, MOST_PARTS, phrases(language).cut)
    return answer if text is answer.text else answer.model_copy(update={"text": text})


def model_answer(outcome: Outcome, language: str | None) -> Answer:
    """The answer that the model gave, or what it had written of one that was stopped; its reason then says so."""
    reason = outcome.reason if outcome.verdict is Verdict.STOPPED else None
    if reason is not None and not outcome.text:
        return _answer(outcome, phrases(language).stopped, AnswerStatus.FIXED, reason)
    return _answer(outcome, outcome.text, AnswerStatus.ANSWERED, reason)


def stopped_answer(language: str | None) -> Answer:
    """The text in place of an answer that was stopped while nobody was being asked for it."""
    text = phrases(language).stopped
    return Answer(text=text, status=AnswerStatus.FIXED, reason=STOPPED, answered_at=datetime.now(UTC))


def fallback_answer(outcome: Outcome, language: str | None) -> Answer:
    """The polite text in place of an answer that the model does not give; it keeps the reason and the cost."""
    return _answer(outcome, phrases(language).fallback, AnswerStatus.FALLBACK, outcome.reason)


def _answer(outcome: Outcome, text: str, status: AnswerStatus, reason: str | None) -> Answer:
    now = datetime.now(UTC)
    asked_at = now - timedelta(seconds=outcome.seconds)
    return Answer(
        text=text,
        status=status,
        model=outcome.model,
        reason=reason,
        prompt_tokens=outcome.prompt_tokens,
        completion_tokens=outcome.completion_tokens,
        asked_at=asked_at,
        first_token_at=None if outcome.first_words is None else asked_at + timedelta(seconds=outcome.first_words),
        answered_at=now,
    )
