"""The outcome of asking the model once, and what to do next. Plain decisions: no call is made here."""

from __future__ import annotations

import json
from enum import StrEnum
from string import ascii_letters
from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator

from pipeline.messages.text import storable
from pipeline.redaction import quoted, without_secrets

_MOST_OF_A_NAME = 200
_MOST_OF_A_REASON = 400
"""Characters."""
_MOST_TOKENS = 10**9
"""Of one request or answer, whatever a server says: so that sums over billions of rows fit into a bigint."""

STOPPED = "stopped by the person who asked"
"""The reason of an outcome of that verdict."""


class Verdict(StrEnum):
    """What one attempt says about the message or about the model."""

    ANSWERED = "answered"
    REJECTED = "rejected"
    """The model refuses this message, and will again."""
    UNREADABLE = "unreadable"
    """An answer came that can't be read; another attempt may succeed."""
    FAILING = "failing"
    """The model failed at this attempt: 5xx, or no answer in time."""
    BUSY = "busy"
    """429: the model wants us to wait."""
    UNREACHABLE = "unreachable"
    """No connection: the request never left."""
    UNAUTHORISED = "unauthorised"
    """401: the model refuses the credential, or none could be resolved."""
    FORBIDDEN = "forbidden"
    """403 and similar: the credential lacks a permission, or a gateway refuses the message."""
    UNKNOWN_MODEL = "unknown_model"
    """404: no model of this name, or nothing at this address."""
    STOPPED = "stopped"
    """The person who asked has stopped it."""


OUTAGES = frozenset({Verdict.BUSY, Verdict.UNREACHABLE, Verdict.UNAUTHORISED})
"""Verdicts that are never one message's fault: the message waits."""

SUSPICIOUS = frozenset({Verdict.FAILING, Verdict.FORBIDDEN, Verdict.UNKNOWN_MODEL})
"""Verdicts that are one message's fault only if the model answers others meanwhile."""


_FREE = OUTAGES | {Verdict.FORBIDDEN, Verdict.UNKNOWN_MODEL}


class Outcome(BaseModel):
    """The result of one attempt. Executors return it as JSON, so every field survives that."""

    model_config = ConfigDict(frozen=True)
    verdict: Verdict
    text: str = ""
    """The answer, or what was written of one that was stopped; empty where the verdict is another."""
    as_asked: bool = False
    """Whether the answer came as the JSON that was asked for, and not in another form that could be read."""
    reason: str = ""
    """Why there is no answer; short, and without a secret."""
    model: str | None = None
    """The name by which the model calls itself."""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    retry_after: float | None = None
    """Seconds that the model asks us to wait."""
    first_words: float | None = None
    """After how many seconds the first words came; None where they did not come one after the other."""
    seconds: float = 0.0
    """How long the call took."""

    @property
    def free_of_charge(self) -> bool:
        """Whether the attempt can't have cost anything: no model was reached, or none has answered."""
        return self.verdict in _FREE

    @field_validator("text", "model", mode="before")
    @classmethod
    def _without_secrets(cls, value: object) -> object:
        """What the server said, as it can be stored: it may quote the key that it was asked with."""
        return without_secrets(storable(value)) if isinstance(value, str) else value

    @field_validator("model")
    @classmethod
    def _short_name(cls, value: str | None) -> str | None:
        return value and value[:_MOST_OF_A_NAME]

    @field_validator("reason", mode="before")
    @classmethod
    def _quoted(cls, value: object) -> object:
        return quoted(storable(value), _MOST_OF_A_REASON) if isinstance(value, str) else value

    @field_validator("prompt_tokens", "completion_tokens")
    @classmethod
    def _storable_count(cls, value: int | None) -> int | None:
        """A count that no request can have becomes None."""
        return value if value is not None and 0 <= value <= _MOST_TOKENS else None


class Next(StrEnum):
    """What to do with a message after an attempt."""

    DELIVER = "deliver"
    FALL_BACK = "fall_back"
    ASK_AGAIN = "ask_again"
    WAIT = "wait"
    """Until the model answers again: this attempt doesn't count."""


def counts(outcome: Outcome, others_answered: bool) -> bool:
    """Whether an attempt counts against its message. In an outage none does, however many there are."""
    return outcome.verdict is Verdict.UNREADABLE or (outcome.verdict in SUSPICIOUS and others_answered)


def next_step(outcome: Outcome, attempts: int, most_attempts: int, others_answered: bool) -> Next:
    """Decide after an attempt. `attempts`: how many count, this one included.

    `others_answered`: whether the model answered another message since this one's last failure, or, at its first,
    since it was asked. Only then can a failure be this message's fault. Otherwise it is an outage, and no
    message is lost to an outage.
    """
    if outcome.verdict in (Verdict.ANSWERED, Verdict.STOPPED):
        return Next.DELIVER
    if outcome.verdict is Verdict.REJECTED:
        return Next.FALL_BACK
    if not counts(outcome, others_answered):
        return Next.WAIT
    return Next.ASK_AGAIN if attempts < most_attempts else Next.FALL_BACK


_FENCE = "```"


def read_answer(content: Any) -> str | None:
    """The answer in a completion's content, or None where no answer can be read.

    Reads `{"answer": …}` as asked for, alone or in a code fence; a plain string; and the text blocks of a list of
    content blocks (gpt-oss sends reasoning blocks too). JSON that is cut off or has another shape is unreadable.
    """
    text = _text_of(content)
    if text is None:
        return None
    if text[:1] in ("{", "["):
        try:
            value = json.loads(text, strict=False)
        except RecursionError:
            return None
        except ValueError:
            return None if text[0] == "{" else _clean(text)
        answer = value.get("answer") if isinstance(value, dict) else None
        return _clean(answer) if isinstance(answer, str) else None
    return _clean(text)


def is_json_answer(content: Any) -> bool:
    """Whether a content is read as the JSON that was asked for, and not in another form."""
    text = _text_of(content)
    return text is not None and text[:1] == "{" and read_answer(content) is not None


def _text_of(content: Any) -> str | None:
    """The text of a content: its text blocks joined, its code fence removed."""
    if isinstance(content, list):
        texts = [
            block["text"]
            for block in content
            if isinstance(block, dict) and block.get("type") == "text" and isinstance(block.get("text"), str)
        ]
        content = "".join(texts)
    if not isinstance(content, str):
        return None
    text = content.strip()
    # No regular expression: those that find a fence take hours for a long run of newlines, and hold all threads.
    if len(text) >= 2 * len(_FENCE) and text.startswith(_FENCE) and text.endswith(_FENCE):
        return text[len(_FENCE) : -len(_FENCE)].lstrip(ascii_letters).strip()
    return text


def _clean(text: str) -> str | None:
    return storable(text).strip() or None
