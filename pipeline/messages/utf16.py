"""Texts in UTF-16 code units, in which Telegram counts: https://core.telegram.org/bots/api#messageentity."""

from __future__ import annotations


def utf16_length(text: str) -> int:
    """The number of code units; a lone surrogate counts as one."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def utf16_slice(text: str, offset: int, length: int) -> str:
    """The part of a text that an entity names; half a character at an edge becomes U+FFFD."""
    units = text.encode("utf-16-le")
    return units[2 * max(offset, 0) : 2 * max(offset + length, 0)].decode("utf-16-le", "replace")
