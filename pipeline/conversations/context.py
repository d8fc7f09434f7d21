"""The context of a question: what was said before it. It is decided once, and the journal has it before the model."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from pipeline.conversations.turns import ContextLimits, Turn, given_turns, tokens_of
from pipeline.messages.question import Question, Quoted
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
    return _with_digest(question, Context())


def context_of(question: Question, turns: Collection[Turn], limits: ContextLimits) -> Context:
    """The context of a question after these turns of its conversation."""

    def given(tokens: int) -> list[Turn]:
        return given_turns(turns, question.message_id, question.received_at, limits, tokens)

    chosen, quoted = given(0), question.replied_to
    if quoted is not None and not _is_among(quoted, chosen):
        # It counts first. With fewer turns it is not among them either.
        chosen = given(tokens_of(quoted.text))
    return context_with(question, chosen)


def context_with(question: Question, chosen: Sequence[Turn], instructions: int = INSTRUCTIONS) -> Context:
    """The context of a question that is given exactly these turns."""
    said = [Said(role=role, text=text) for turn in chosen for role, text in _exchange(turn)]
    quoted = question.replied_to
    if quoted is not None and not _is_among(quoted, chosen):
        said.insert(0, Said(role="assistant" if quoted.by_bot else "user", text=quoted.text))
    return _with_digest(
        question,
        Context(
            instructions=instructions,
            said=tuple(said),
            since=min((turn.seq for turn in chosen), default=None),
            turns=len(chosen),
        ),
    )


def _exchange(turn: Turn) -> Iterable[tuple[Literal["user", "assistant"], str]]:
    return ("user", turn.question), ("assistant", turn.answer or "")


def _is_among(quoted: Quoted, turns: Iterable[Turn]) -> bool:
    return any(quoted.message_id == turn.message_id or quoted.message_id in turn.reply_ids for turn in turns)


def _with_digest(question: Question, context: Context) -> Context:
    return context.model_copy(update={"digest": request_of(question, context).digest})
