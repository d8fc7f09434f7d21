"""Texts as tables and messages can hold them."""

from __future__ import annotations


def holdable(text: str) -> str:
    """A text without what no table and no message can hold: lone surrogates and NUL."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "")
