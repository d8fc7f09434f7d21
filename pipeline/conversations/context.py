"""The context of a question: what was said before it. It is decided once, and the journal has it before the model."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from pipeline.messages.question import Question
from pipeline.model.request import INSTRUCTIONS, Request, Said


class Context(BaseModel):
    """What the model is given beside the question."""

    model_config = ConfigDict(frozen=True)
    instructions: int = INSTRUCTIONS
    """The version of the instructions."""
    said: tuple[Said, ...] = ()
    """Earlier messages, the oldest first; left out once there is an answer, since silver has them."""
    since: int | None = None
    """`seq` of the first turn that the model is given: silver's `context_from`. None: there is none."""
    turns: int | None = None
    """How many turns the model is given: silver's `context_turns`. None: the conversation was not looked at."""
    digest: str = ""
    """`Request.digest`: silver's `request_hash`."""


def request_of(question: Question, context: Context) -> Request:
    """The request for a question in its context."""
    return Request(instructions=context.instructions, said=(*context.said, Said(role="user", text=question.prompt)))


def without_context(question: Question) -> Context:
    """The context of a question that stands alone."""
    context = Context()
    return context.model_copy(update={"digest": request_of(question, context).digest})
