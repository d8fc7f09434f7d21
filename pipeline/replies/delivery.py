"""Sending one part of a reply: what is sent, and what Telegram's answer makes of the reply."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal

from pipeline.messages.answer import Answer
from pipeline.messages.origin import Probe
from pipeline.replies.reply import OnUnknown, Part, Reply
from pipeline.telegram.client import BotApi, BotApiError, Interrupted, Refused, Unreachable
from pipeline.telegram.splitting import split

AnswerFormat = Literal["plain", "html"]

_TAG = re.compile(
    r"</?(?:b|strong|i|em|u|ins|s|strike|del|code|pre|a|span|tg-spoiler|tg-emoji|blockquote)(?:\s[^<>]*)?>"
)


class Effect(StrEnum):
    """What an attempt to send means beyond its reply."""

    NONE = "none"
    HOLD = "hold"
    """Telegram told us to wait in this chat."""
    OUT = "out"
    """Telegram can't be reached, or broke off: nothing more may be sent until it answers again."""
    TOKEN_REJECTED = "token_rejected"


@dataclass(frozen=True)
class Sending:
    """The reply after an attempt, and what the attempt means for others."""

    reply: Reply
    effect: Effect = Effect.NONE
    reason: str = ""
    wait: float | None = None
    """Seconds that Telegram told us to wait."""


def parts_of(answer: Answer, answer_format: AnswerFormat) -> tuple[Part, ...]:
    """The messages that an answer makes: at least one, since no answer is empty."""
    return tuple(Part(text=text, html=answer_format == "html") for text in split(answer.text))


def send(api: BotApi, reply: Reply, index: int) -> int:
    """Send a part into its chat and topic as a reply to its question. Raises BotApiError."""
    part, question = reply.parts[index], reply.question
    # A chat that was upgraded numbers its messages anew: the old number may be another message there.
    numbered_anew = reply.chat_id != question.chat_id
    # And a probe's message was never there.
    gone = numbered_anew or isinstance(question.origin, Probe)
    return api.send_message(
        reply.chat_id,
        part.text,
        reply_to=None if gone else question.message_id,
        topic_id=question.topic_id,
        html=part.html,
    )


def after_sent(reply: Reply, index: int, message_id: int, now: datetime | None = None) -> Sending:
    return Sending(reply.sent(index, message_id, now or datetime.now(UTC)))


def after_fault(reply: Reply, index: int, error: BotApiError, on_unknown: OnUnknown) -> Sending:
    """What becomes of a reply whose part was not confirmed."""
    reason = str(error)
    if isinstance(error, Unreachable):
        return Sending(reply.not_sent(index), Effect.OUT, reason)
    if isinstance(error, Interrupted):
        return Sending(reply.unknown(index, reason, on_unknown), Effect.OUT, reason)
    assert isinstance(error, Refused)
    if error.token_rejected:
        return Sending(reply.not_sent(index), Effect.TOKEN_REJECTED, reason)
    if error.code == 429:
        return Sending(reply.not_sent(index), Effect.HOLD, reason, error.retry_after or 1.0)
    if error.migrate_to_chat_id is not None and error.migrate_to_chat_id != reply.chat_id:
        return Sending(reply.not_sent(index).moved(error.migrate_to_chat_id))
    if error.code == 400 and reply.parts[index].html:
        plain = html.unescape(_TAG.sub("", reply.parts[index].text))
        return Sending(reply.not_sent(index).with_part(index, text=plain, html=False))
    return Sending(reply.dead(reason))
