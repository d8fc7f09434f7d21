"""The memory: what was said in each conversation lately, as this run knows it."""

from __future__ import annotations

from pipeline.conversations.context import Context, without_context
from pipeline.messages.question import Question
from pipeline.replies.reply import Reply


class Memory:
    """What was said in each conversation. Thread-safe."""

    looks_back = False
    """Whether what the model is given depends on earlier answers."""

    def context_of(self, question: Question) -> Context | None:
        """What the model is given with a question; None while it is not known, because silver has not been read yet."""
        return without_context(question)

    def remember(self, reply: Reply) -> None:
        """Take a terminal reply as a turn of its conversation."""
