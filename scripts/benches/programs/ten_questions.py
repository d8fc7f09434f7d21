"""Ask the demo's small model ten ordinary questions through the product's own client, and print a table of the answers.

Whether an answer is sensible is for a reader to say: `python -m scripts.benches.programs.ten_questions`.
"""

from __future__ import annotations

from pydantic import SecretStr

from pipeline.model.client import Model, ModelSettings
from pipeline.model.request import alone
from pipeline.platform.credentials import ModelAccess
from pipeline.sandbox.models.embedded import LONGEST_ANSWER, EmbeddedModel
from pipeline.terminal import say

QUESTIONS = (
    "Who are you?",
    "Hi! How are you?",
    "What can you do?",
    "What is 12 x 7?",
    "What is the capital of Japan?",
    "¿Cuál es la capital de Francia?",
    "Why is the sky blue?",
    "What is a data lakehouse?",
    "Give me three ideas for dinner.",
    "What is the opposite of hot?",
)


def main() -> None:
    say("| Question | Answer | Seconds |\n|---|---|---|")
    with EmbeddedModel(own_instructions=True) as server:
        model = Model(ModelSettings(server.model, max_tokens=LONGEST_ANSWER))
        access = ModelAccess(server.base_url, SecretStr("none"))
        for question in QUESTIONS:
            outcome = model.ask(access, alone(question))
            answer = " ".join((outcome.text or f"({outcome.reason})").split())
            say(f"| {question} | {answer} | {outcome.seconds:.1f} |")
        model.close()


if __name__ == "__main__":
    main()
