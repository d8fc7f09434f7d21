"""Splitting an answer into messages that Telegram takes, at boundaries a reader would choose."""

from __future__ import annotations

MAX_UNITS = 4096
"""UTF-16 code units in one message: https://core.telegram.org/bots/api#sendmessage."""

_BOUNDARIES = ("\n\n", "\n", ". ", "! ", "? ", "。", "！", "？", "; ", ", ", " ")


def units(text: str) -> int:
    """Length as Telegram counts it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def split(text: str, limit: int = MAX_UNITS) -> tuple[str, ...]:
    """Parts of at most `limit` UTF-16 units; only white space at the seams is lost. An empty text gives no part."""
    parts, rest = [], text.strip()
    while units(rest) > limit:
        end = _boundary(rest, _fitting(rest, limit))
        parts.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    return (*parts, rest) if rest else tuple(parts)


def _fitting(text: str, limit: int) -> int:
    """How many characters fit: between limit/2, if all were beyond the basic plane, and limit."""
    used = 0
    for index, character in enumerate(text):
        used += 2 if ord(character) > 0xFFFF else 1
        if used > limit:
            return index
    return len(text)


def _boundary(text: str, end: int) -> int:
    """Where to cut at or before `end`: the strongest boundary that leaves the part at least half full."""
    for mark in _BOUNDARIES:
        at = text.rfind(mark, 0, end)
        # A cut keeps the mark with the part it ends; white space is trimmed at the seam.
        if at + len(mark) > end // 2 and at >= 0:
            return at + len(mark)
    return _before_joined(text, end)


def _before_joined(text: str, end: int) -> int:
    """Step back so that a sign made of several characters (an emoji with a joiner or a tone) stays whole."""
    cut = end
    while cut > max(1, end - 32) and (_joins(text[cut]) or text[cut - 1] == "\u200d"):
        cut -= 1
    return cut if cut > max(1, end - 32) else end


def _joins(character: str) -> bool:
    code = ord(character)
    return character == "\u200d" or 0xFE00 <= code <= 0xFE0F or 0x1F3FB <= code <= 0x1F3FF or 0x0300 <= code <= 0x036F
