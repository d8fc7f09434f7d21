"""Texts that tables and messages can hold."""

from __future__ import annotations


def storable(text: str) -> str:
    """A text without the characters that no table and no message can hold: lone surrogates and NUL."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "")
