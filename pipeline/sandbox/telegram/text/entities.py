"""Entities that Telegram finds in a text by itself: https://core.telegram.org/bots/api#messageentity."""

import re
from bisect import bisect_left
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from pipeline.sandbox.telegram.text.domains import TOP_LEVEL_DOMAINS
from pipeline.sandbox.telegram.text.marked import MarkedText, utf16_length

_URL = re.compile(
    r"(?<![\w@/.:$-])(?:(?P<scheme>https?|ftp|tg|ton|tonsite)://)?(?:[\w.~%+-]{1,64}(?::[^\s@/]{0,64})?@)?"
    r"(?P<host>[0-9]{1,3}(?:\.[0-9]{1,3}){3}|(?:[\w-]+\.)+(?P<top>[^\W\d_][\w-]*[^\W_]))(?![\w@])(?::[0-9]{1,5})?"
    r"(?P<path>[/?#][^\s<>«»\"“”‘’]*)?",
    re.IGNORECASE,
)
_EMAIL = re.compile(
    r"(?<![\w.+@-])[a-z0-9_-][a-z0-9_.+-]{0,63}@(?:[a-z0-9](?:[a-z0-9_-]{0,28}[a-z0-9])?\.){1,6}[a-z]{2,8}(?![\w-])",
    re.IGNORECASE,
)
_COMMAND = re.compile(r"(?<![\w/@<>])/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?(?![\w@/<>])")
_MENTION = re.compile(r"(?<![\w/@<>])@[A-Za-z0-9_]{4,32}(?![\w@/<>])")
_HASHTAG = re.compile(r"(?<![\w#&/@·])#(?=[\d_·]*[^\W\d_])[\w·]{1,256}(?![\w·#])")
_CASHTAG = re.compile(r"(?<![\w$])\$(?:1INCH|[A-Z]{1,8})(?![\w$])")
_PHONE = re.compile(r"(?<![\w+])\+[0-9](?:[ ()-]{0,2}[0-9]){6,14}(?![\w-])")
_PATTERNS = (
    ("email", _EMAIL),
    ("bot_command", _COMMAND),
    ("mention", _MENTION),
    ("hashtag", _HASHTAG),
    ("cashtag", _CASHTAG),
    ("phone_number", _PHONE),
)
_BRACKETS = {")": "(", "]": "[", "}": "{"}

UNBROKEN = frozenset({"code", "pre", "text_link", "text_mention", "custom_emoji", "date_time"})
"""Kinds inside which Telegram finds nothing."""


def automatic_entities(text: str) -> list[dict[str, Any]]:
    """What Telegram finds in a text; of two that overlap the first kind wins: links, emails, commands and so on."""
    found: list[tuple[int, int, str]] = []
    for kind, start, end in _candidates(text):
        place = bisect_left(found, (start, end, kind))
        is_free = (place == 0 or found[place - 1][1] <= start) and (place == len(found) or end <= found[place][0])
        if is_free:
            found.insert(place, (start, end, kind))
    entities, offset, until = [], 0, 0
    for start, end, kind in found:
        offset += utf16_length(text[until:start])
        entities.append({"type": kind, "offset": offset, "length": utf16_length(text[start:end])})
        until = start
    return entities


def with_automatic_entities(marked: MarkedText) -> MarkedText:
    """The text with what the bot marked, and with what Telegram finds in the rest of it.

    A style that crosses the edge of a link or a tag becomes two entities there.
    """
    taken = [_span(entity) for entity in marked.entities if entity["type"] in UNBROKEN]
    found = [
        entity
        for entity in automatic_entities(marked.text)
        if not any(start < _span(entity)[1] and end > _span(entity)[0] for start, end in taken)
    ]
    edges = [_span(entity) for entity in found]
    entities = found + [part for entity in marked.entities for part in _split(entity, edges)]
    entities.sort(key=lambda entity: (entity["offset"], -entity["length"]))
    return MarkedText(marked.text, entities)


def _split(entity: dict[str, Any], spans: list[tuple[int, int]]) -> list[dict[str, Any]]:
    start, end = _span(entity)
    crossed = [
        edge
        for span in spans
        for edge in span
        if start < edge < end and (span[0] < start or span[1] > end) and entity["type"] not in UNBROKEN
    ]
    places = [start, *sorted(crossed), end]
    return [entity | {"offset": place, "length": until - place} for place, until in pairwise(places)]


def _span(entity: dict[str, Any]) -> tuple[int, int]:
    return entity["offset"], entity["offset"] + entity["length"]


def _candidates(text: str) -> Iterator[tuple[str, int, int]]:
    for match in _URL.finditer(text):
        if _is_link(match):
            yield "url", match.start(), match.start() + len(_without_trailing_marks(match[0]))
    for kind, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            yield kind, match.start(), match.end()


def _is_link(match: re.Match[str]) -> bool:
    if match["scheme"] is not None:
        return True
    top = match["top"]
    if top is None:
        # An address of numbers alone may be a version; Telegram wants more than that to see a link.
        return match["path"] is not None and all(int(number) < 256 for number in match["host"].split("."))
    return "@" not in match[0].partition("/")[0] and top.lower() in TOP_LEVEL_DOMAINS


def _without_trailing_marks(url: str) -> str:
    """Marks that end the sentence around a link, and brackets that it doesn't open, are not part of it."""
    while url:
        last = url[-1]
        if last in ".:;,!?'`(" or (last in _BRACKETS and url.count(last) > url.count(_BRACKETS[last])):
            url = url[:-1]
        else:
            break
    return url
