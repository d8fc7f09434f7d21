"""A request: exactly what the model is given for one message, decided before it is asked and the same at each attempt.

Used on the driver and, shipped by Spark, on executors. Plain values: nothing is asked here.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable
from functools import cached_property
from importlib import resources
from typing import Literal, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict

from pipeline.messages.question import Question

INSTRUCTIONS = 1
"""The version of the instructions that new requests have. A published version never changes: add the next one."""

_TOKENS_OF_A_MESSAGE = 16
"""What a model's template adds to each message, at most: its role, and where it begins and ends."""
_TOKENS_OF_A_REQUEST = 256
"""What a server adds to a request, at most: its own preamble, and the form of answer that is asked for."""


class Said(BaseModel):
    """One message of a conversation, as the model is given it."""

    model_config = ConfigDict(frozen=True)
    role: Literal["user", "assistant"]
    text: str


class Request(BaseModel):
    """The instructions by their version, and the messages after them: what was said before, then the question."""

    model_config = ConfigDict(frozen=True)
    instructions: int
    said: tuple[Said, ...]

    @property
    def messages(self) -> list[dict[str, str]]:
        """As chat completions take them. A user's text never becomes part of the instructions."""
        return [
            {"role": "system", "content": instructions(self.instructions)},
            *({"role": each.role, "content": each.text} for each in self.said),
        ]

    @property
    def question(self) -> str:
        """What the user says last."""
        return self.said[-1].text

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the messages as JSON without blanks, in hexadecimal: silver's `request_hash`."""
        form = json.dumps(self.messages, ensure_ascii=True, separators=(",", ":"), sort_keys=True)
        return hashlib.sha256(form.encode()).hexdigest()

    @property
    def most_prompt_tokens(self) -> int:
        """How many tokens the request can be counted as at most, whatever the model: a token has at least one byte."""
        texts = sum(len(message["content"].encode("utf-8", "surrogatepass")) for message in self.messages)
        return texts + _TOKENS_OF_A_MESSAGE * (1 + len(self.said)) + _TOKENS_OF_A_REQUEST


class Listener(Protocol):
    """Who follows an answer while it is written. The thread that asks calls it, and it never blocks."""

    @property
    def stopped(self) -> bool:
        """Whether the answer is to end with what has come of it."""

    def words(self, so_far: Callable[[], str]) -> None:
        """More has come. `so_far` gives the answer in it, if it has begun: now or later, on any thread."""


class Asked(NamedTuple):
    """A question, and the request that the model is given for it."""

    question: Question
    request: Request
    listener: Listener | None = None
    """Where there is one, the answer comes while it is written, if the server can do that."""


def alone(text: str) -> Request:
    """The request for a text before which nothing was said."""
    return Request(instructions=INSTRUCTIONS, said=(Said(role="user", text=text),))


@functools.cache
def instructions(version: int = INSTRUCTIONS) -> str:
    """The system message of a version. Raises ValueError for one that this release does not know."""
    file = resources.files("pipeline.model").joinpath("instructions", f"{version}.txt")
    try:
        return file.read_text(encoding="utf-8")
    except OSError:
        raise ValueError(f"the instructions of version {version} are not known to this release") from None
