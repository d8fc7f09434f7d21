"""Sending one part of a reply: what is sent, and the state of the reply after it.

Decisions are plain functions. `Sender` makes the calls that block: to the journal and to Telegram.
"""

from __future__ import annotations

import html
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal

import structlog

from pipeline.errors import OperatorError
from pipeline.messages.answer import Answer, AnswerStatus
from pipeline.messages.origin import Probe
from pipeline.messages.question import Question
from pipeline.messages.vote import vote_buttons
from pipeline.replies.journal import Journal
from pipeline.replies.reply import OnUnknown, Part, Reply
from pipeline.telegram.client import BotApi, BotApiError, Interrupted, Refused, Unreachable
from pipeline.telegram.splitting import split

log = structlog.get_logger(__name__)

AnswerFormat = Literal["plain", "html"]

_TAG = re.compile(
    r"</?(?:b|strong|i|em|u|ins|s|strike|del|code|pre|a|span|tg-spoiler|tg-emoji|blockquote)(?:\s[^<>]*)?>"
)

_OF_BUTTONS = re.compile("button|markup|keyboard", re.IGNORECASE)
"""In the description of a refusal that is for the buttons."""

_BEGUN_TAG = re.compile(r"<[^<>]{0,200}\Z")

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
"""Seconds between attempts to write the journal."""


class Effect(StrEnum):
    """What an attempt to send means beyond its own reply."""

    NONE = "none"
    HOLD = "hold"
    """Telegram asks us to wait in this chat."""
    OUTAGE = "outage"
    """Telegram can't be reached, or the connection broke: nothing more may be sent until it answers again."""
    TOKEN_REJECTED = "token_rejected"
    """Telegram refuses the bot's token: nothing more may be sent until it takes it again."""
    NOT_RECORDED = "not_recorded"
    """The journal can't be written, or the storage is not ours now: nothing was sent."""


@dataclass(frozen=True)
class Sending:
    """The reply after an attempt to send, and what the attempt means for others."""

    reply: Reply
    effect: Effect = Effect.NONE
    reason: str = ""
    """Why the part was not confirmed; empty where it was."""
    wait: float | None = None
    """Seconds that Telegram asks us to wait."""
    following: Reply | None = None
    """The chat's next reply, prepared, where the journal has it since then."""


def parts_of(answer: Answer, answer_format: AnswerFormat, *, buttons: bool = False) -> tuple[Part, ...]:
    """The messages that an answer is sent as: at least one, since no answer is empty.

    `buttons`: whether those for a vote are under the last one, if the model gave the answer.
    """
    texts = split(answer.text)
    last = len(texts) - 1 if buttons and answer.status is AnswerStatus.ANSWERED else None
    return tuple(Part(text=text, html=answer_format == "html", buttons=i == last) for i, text in enumerate(texts))


def as_plain(text: str) -> str:
    """What a reader sees of a text in HTML."""
    return html.unescape(_TAG.sub("", text))


def begun_as_plain(text: str) -> str:
    """What a reader sees of the beginning of a text in HTML, which may end within a tag."""
    return as_plain(_BEGUN_TAG.sub("", text))


def send(api: BotApi, reply: Reply, index: int) -> int:
    """Send a part into its chat and topic as a reply to its question. Raises BotApiError."""
    part, question = reply.parts[index], reply.question
    # A supergroup has its own message numbers: that of the group it was may be another message there.
    moved = reply.chat_id != question.chat_id
    # A probe's message does not exist at Telegram.
    no_such_message = moved or isinstance(question.origin, Probe)
    return api.send_message(
        reply.chat_id,
        part.text,
        reply_to=None if no_such_message else question.message_id,
        topic_id=question.topic_id,
        html=part.html,
        buttons=vote_buttons(question) if part.buttons else {},
    )


def after_sent(reply: Reply, index: int, message_id: int, now: datetime | None = None) -> Sending:
    """The reply after a part was confirmed, at `now` or at this moment."""
    return Sending(reply.sent(index, message_id, now or datetime.now(UTC)))


def after_fault(reply: Reply, index: int, error: BotApiError, on_unknown: OnUnknown) -> Sending:
    """The reply after a part was not confirmed."""
    reason = str(error)
    if isinstance(error, Unreachable):
        return Sending(reply.not_sent(index), Effect.OUTAGE, reason)
    if isinstance(error, Interrupted):
        return Sending(reply.unknown(index, reason, on_unknown), Effect.OUTAGE, reason)
    assert isinstance(error, Refused)
    if error.token_rejected:
        return Sending(reply.not_sent(index), Effect.TOKEN_REJECTED, reason)
    if error.code == 429:
        return Sending(reply.not_sent(index), Effect.HOLD, reason, error.retry_after or 1.0)
    if error.migrate_to_chat_id is not None and error.migrate_to_chat_id != reply.chat_id:
        return Sending(reply.not_sent(index).moved(error.migrate_to_chat_id))
    part = reply.parts[index]
    # An answer without its buttons is better than none. Where the reason does not say so, HTML is the likelier fault.
    if error.code == 400 and part.buttons and (not part.html or _OF_BUTTONS.search(error.description)):
        return Sending(reply.not_sent(index).with_part(index, buttons=False))
    if error.code == 400 and part.html:
        plain = as_plain(part.text)
        return Sending(reply.not_sent(index).with_part(index, text=plain, html=False))
    return Sending(reply.dead(reason))


class Sender:
    """The calls of delivery that block. Thread-safe: each call runs on a thread of its own, and none raises."""

    def __init__(
        self,
        journal: Journal,
        api: BotApi,
        on_unknown: OnUnknown,
        stopping: threading.Event,
        before_send: Callable[[Question], None] = lambda question: None,
    ) -> None:
        """`stopping`: once it is set, a journal that can't be written is tried a last time and then given up.

        `before_send` may block for a moment; it is called on any thread.
        """
        self._before_send = before_send
        self._journal = journal
        self._api = api
        self._on_unknown = on_unknown
        self._stopping = stopping

    def send(self, reply: Reply, index: int, prepare_next: Callable[[Reply], Reply | None] | None = None) -> Sending:
        """Record a reply whose part is `sending`, send that part, and record what came of it.

        `prepare_next` gets the reply if it is terminal then, and gives the chat's next reply if that is to be recorded
        with it: one write for both. It must not raise.
        """
        self._before_send(reply.question)
        try:
            # With the answer, where the journal does not have it yet: one write for both states.
            self._journal.record(reply)
            # The process may have been frozen since the write, and another run may have taken over.
            self._journal.confirm()
        except Exception as error:  # whatever it is, nothing has been sent
            return Sending(reply.not_sent(index), Effect.NOT_RECORDED, str(error))
        try:
            sending = after_sent(reply, index, send(self._api, reply, index))
        except BotApiError as error:
            sending = after_fault(reply, index, error, self._on_unknown)
        except Exception as error:  # whatever it is, the request may have left
            sending = after_fault(reply, index, Interrupted(type(error).__name__), self._on_unknown)
        following = prepare_next(sending.reply) if prepare_next is not None and sending.reply.terminal else None
        if following is None:
            self.save(sending.reply)
        elif self.save(sending.reply, following):
            return replace(sending, following=following)
        return sending

    def save(self, *replies: Reply) -> bool:
        """Record replies, for as long as that takes: a journal that lacks what was sent would send it again.

        False if it was given up: at a stop, or because the storage is another run's now.
        """
        pause = _FIRST_PAUSE
        while True:
            try:
                self._journal.record(*replies)
            except OperatorError:
                # No attempt will do. The supervisor ends the run; until then the caller has nothing better to do.
                self._stopping.wait(_LONGEST_PAUSE)
                return False
            except Exception as error:  # whatever it is, the caller's thread must come back with a result
                log.error("the journal can't be written", key=replies[0].key, replies=len(replies), error=str(error))
                if self._stopping.is_set():
                    return False
                self._stopping.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                return True

    def probe(self) -> str | None:
        """Ask Telegram something harmless. Returns why it failed, or None."""
        try:
            self._api.get_me()
        except BotApiError as error:
            return str(error)
        except Exception as error:
            return type(error).__name__
        return None
