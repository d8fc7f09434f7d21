"""Entities that a bot gives."""

from typing import Any

import pytest

from pipeline.sandbox.telegram.text.given_entities import given_entities
from tests.support.simulated import refused

BOLD = {"type": "bold", "offset": 0, "length": 2}


def test_entities_are_cut_sorted_and_cleaned() -> None:
    """MessageEntity: fields that a kind does not have are ignored, and what Telegram finds itself is left to it."""
    given = [
        {"type": "text_link", "offset": 3, "length": 99, "url": "http://x.org/", "language": "py"},
        {"type": "italic", "offset": 4, "length": 0},
        BOLD | {"url": "http://x.org/"},
        {"type": "hashtag", "offset": 0, "length": 2},
        {"type": "bold", "offset": 9, "length": 1},
        {"type": "pre", "offset": 2, "length": 1, "language": "py"},
    ]
    assert given_entities("🎉abc", given) == [
        BOLD,
        {"type": "pre", "offset": 2, "length": 1, "language": "py"},
        {"type": "text_link", "offset": 3, "length": 2, "url": "http://x.org/"},
    ]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ([1], "can't parse MessageEntity: expected an Object"),
        ([{"type": "bold", "length": 1}], "can't parse MessageEntity: Can't find field \"offset\""),
        ([BOLD | {"length": "1"}], 'can\'t parse MessageEntity: Field "length" must be of type Number'),
        ([BOLD | {"type": "loud"}], "can't parse MessageEntity: unsupported type specified"),
        ([BOLD | {"type": "text_link"}], "can't parse MessageEntity: Can't find field \"url\""),
        ([BOLD | {"type": "text_mention", "user": {}}], "can't parse MessageEntity: Can't find field \"id\""),
        ([BOLD | {"offset": -1}], "receive an entity with incorrect offset -1"),
        ([BOLD | {"length": -1}], "receive an entity with incorrect length -1"),
        ([BOLD | {"offset": 1}], "entity begins in a middle of a UTF-16 symbol at byte offset 1"),
        ([BOLD | {"length": 1}], "entity ends in a middle of a UTF-16 symbol at byte offset 1"),
    ],
)
def test_a_wrong_entity_is_refused(given: Any, reason: str) -> None:
    """sendMessage: entities is a JSON-serialized list of MessageEntity; offsets are in UTF-16 code units."""
    assert refused(lambda: given_entities("🎉abc", given))[:2] == (400, f"Bad Request: {reason}")
