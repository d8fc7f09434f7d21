"""What the model is given."""

import hashlib
import json

import pytest

from pipeline.model.request import INSTRUCTIONS, Request, Said, instructions

PUBLISHED = {1: "b9c0c45dd888cdeaf945d94d7cc63d33b237aa66c525a7cae0812924beffe3f8"}
"""SHA-256 of each version of the instructions, as it was published."""


def request(*texts: str) -> Request:
    """A conversation in which user and assistant take turns."""
    said = [Said(role="assistant" if i % 2 else "user", text=text) for i, text in enumerate(texts)]
    return Request(instructions=INSTRUCTIONS, said=tuple(said))


def test_the_instructions_come_first_and_the_question_last() -> None:
    asked = request("hi", "hello", "and now?")
    assert asked.messages == [
        {"role": "system", "content": instructions()},
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "hello"},
        {"role": "user", "content": "and now?"},
    ]
    assert asked.question == "and now?"


def test_the_digest_is_that_of_the_messages_as_json_without_blanks() -> None:
    asked = request("¿qué?")
    form = json.dumps(asked.messages, separators=(",", ":"), sort_keys=True)
    assert asked.digest == hashlib.sha256(form.encode()).hexdigest()


def test_whatever_differs_in_a_request_changes_its_digest() -> None:
    different = [request("a"), request("b"), request("a", "b", "c"), request("a", "bc", ""), request("a", "b", "")]
    assert len({asked.digest for asked in different}) == len(different)


def test_a_request_is_counted_as_at_least_one_token_for_each_byte() -> None:
    # A lone surrogate has three bytes in the encoding that lets it pass.
    longer = request("日本語 🎉 \ud83d")
    assert longer.most_prompt_tokens - request("").most_prompt_tokens == 9 + 1 + 4 + 1 + 3


@pytest.mark.parametrize("version", PUBLISHED)
def test_published_instructions_never_change(version: int) -> None:
    assert hashlib.sha256(instructions(version).encode()).hexdigest() == PUBLISHED[version]


def test_every_version_of_the_instructions_is_listed_here() -> None:
    assert max(PUBLISHED) == INSTRUCTIONS


def test_unknown_instructions_are_named() -> None:
    with pytest.raises(ValueError, match=r"^the instructions of version 99 are not known to this release$"):
        instructions(99)
