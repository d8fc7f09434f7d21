"""Asking the model about many questions: on the driver in threads, or over the executors of a cluster.

Both ways make one attempt at each question and pass each outcome on as soon as it comes. What to do then (deliver, ask
again, wait, fall back) is decided in `pipeline.replies`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from pipeline.messages.question import Question
from pipeline.model.client import Model
from pipeline.model.outcome import Outcome, Verdict
from pipeline.model.request import Asked, Listener, Request
from pipeline.platform.credentials import ModelAccess

REFUSALS = frozenset({Verdict.UNAUTHORISED, Verdict.FORBIDDEN})
"""Verdicts after which the credential is resolved again: some servers answer 403 to one that has expired."""

Done = Callable[[Question, Outcome], None]


class Answering(Protocol):
    """A way to ask the model. Thread-safe."""

    def submit(self, asked: Sequence[Asked], done: Done) -> None:
        """Ask for answers, and return at once. `done` is called once for each question, on any thread."""
        ...

    def withdraw(self) -> list[Question]:
        """Take back the questions that have not been asked yet; `done` is not called for them."""
        ...


def ask_once(model: Model, access: ModelAccess, request: Request, listener: Listener | None = None) -> Outcome:
    """One attempt. Whatever goes wrong is an outcome: it never raises."""
    try:
        return model.ask(access, request, listener)
    except Exception as error:  # one message's error must not end the thread that others wait for
        return Outcome(verdict=Verdict.FAILING, reason=f"asking failed: {type(error).__name__}")
