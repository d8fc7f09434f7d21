"""Splitting an answer into messages that Telegram takes, at boundaries that a reader would choose."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from pipeline.messages.utf16 import utf16_length

MAX_UNITS = 4096
"""UTF-16 code units in one message: https://core.telegram.org/bots/api#sendmessage."""

_BOUNDARIES = ("\n\n", "\n", ". ", "! ", "? ", "。", "！", "？", "; ", ", ", " ")
"""From the strongest to the weakest."""

_LONGEST_SIGN = 32
"""Characters. A sign that looks longer is cut, so that a text of joiners alone can't stop the splitting."""


def split(text: str, limit: int = MAX_UNITS) -> tuple[str, ...]:
    """Parts of at most `limit` UTF-16 units. Only white space at the cuts is lost; an empty text gives no part."""
    return tuple(text[start:end] for start, end in _pieces(text, limit))


def shortened(text: str, most_parts: int, note: str, limit: int = MAX_UNITS) -> str:
    """A text that is split into at most `most_parts`: as it is, or its beginning with `note` as the last line.

    `note` is one line, and much shorter than `limit`.
    """
    pieces = list(islice(_pieces(text, limit), most_parts + 1))
    if len(pieces) <= most_parts:
        return text
    start, _ = pieces[most_parts - 1]
    last = text[start : start + limit]
    end = _boundary(last, _fitting(last, limit - utf16_length(note) - 2))
    return f"{text[: start + end].strip()}\n\n{note}"


def _pieces(text: str, limit: int) -> Iterator[tuple[int, int]]:
    """Where each part begins and ends. Looks at no more of the text than the parts that are asked for need."""
    start, stop = 0, len(text.rstrip())
    while (start := _after_white_space(text, start)) < stop:
        # One character more than a part can have: whether it all fits shows that nothing follows.
        rest = text[start : min(start + limit + 1, stop)]
        if utf16_length(rest) <= limit:
            yield start, stop
            return
        end = _boundary(rest, _fitting(rest, limit))
        yield start, start + len(rest[:end].rstrip())
        start += end


def _after_white_space(text: str, start: int) -> int:
    while text[start : start + 1].isspace():
        start += 1
    return start


def _fitting(text: str, limit: int) -> int:
    """How many characters fit into `limit` units."""
    used = 0
    for index, character in enumerate(text):
        used += 2 if ord(character) > 0xFFFF else 1
        if used > limit:
            return index
    return len(text)


def _boundary(text: str, end: int) -> int:
    """Where to cut, at or before `end`: after the strongest boundary that leaves the part at least half full."""
    for mark in _BOUNDARIES:
        at = text.rfind(mark, 0, end)
        # The mark stays with the part that it ends; white space is trimmed at the cut.
        if at + len(mark) > end // 2 and at >= 0:
            return at + len(mark)
    return _before_sign(text, end)


def _before_sign(text: str, end: int) -> int:
    """`end`, or earlier where it would cut a sign made of several characters (an emoji with a joiner or a tone)."""
    first = max(1, end - _LONGEST_SIGN)
    cut = end
    while cut > first and (_joins(text[cut]) or text[cut - 1] == "\u200d"):
        cut -= 1
    return cut if cut > first else end


def _joins(character: str) -> bool:
    """Whether a character belongs to the one before it: joiner, variation, skin tone or combining accent."""
    code = ord(character)
    return character == "\u200d" or 0xFE00 <= code <= 0xFE0F or 0x1F3FB <= code <= 0x1F3FF or 0x0300 <= code <= 0x036F
