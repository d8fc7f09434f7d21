"""Texts that tables, messages and terminals can hold."""

from __future__ import annotations

import re

_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Characters that steer a terminal, turn the direction of a text around, break a line, or have no form at all."""


def storable(text: str) -> str:
    """A text without the characters that no table and no message can hold: lone surrogates and NUL."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "")


def printable(text: str, keep: str = "") -> str:
    """A text that can do no more to a terminal than be read: what would steer it is shown as `\\x1b` or `\\u202e`.

    `keep` are the characters that the caller lays out itself, such as the end of a line.
    """
    return _STEERING.sub(lambda found: found[0] if found[0] in keep else _escape(found[0]), text)


def printable_json(text: str) -> str:
    """The same for JSON, whose meaning stays as it is: the characters become escapes within its strings."""
    return _STEERING.sub(lambda found: found[0] if found[0] == "\n" else f"\\u{ord(found[0]):04x}", text)


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
