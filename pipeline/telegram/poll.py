"""The body of a response to getUpdates: one update that can't be read does not make the others unreadable.

Python reads no number of more than 4,300 digits and no deep nesting, and other JSON readers no NaN. If the body as a
whole can't be read, its array `result` is split as text, and each update is read by itself.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
from collections.abc import Iterator
from typing import Any

from pipeline.storage.landed import Unreadable, usable_id

_MOST_NESTING = 250
"""Telegram's updates have less than 20 levels. What is within this can be read and written at every later step."""

_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|["\[\]{},]', re.DOTALL)
_NAME = re.compile(r'\s*("[^"\\]*+(?:\\.[^"\\]*+)*+")\s*:(.*)', re.DOTALL)
_CLOSES = {"]": "[", "}": "{"}


def read_poll(body: bytes) -> Any:
    """The value of a response's body, in which an update that can't be read is `Unreadable`.

    Raises ValueError if it is no JSON at all.
    """
    try:
        return _parsed(body)
    except (ValueError, RecursionError):
        members = dict(_members(body.decode("utf-8", "replace")))
        if members.get("ok", "").strip() != "true" or "result" not in members:
            raise ValueError("not a response of the Bot API") from None
        return {"ok": True, "result": [_update(text) for text in _items(members["result"], "[")]}


def strict_json(text: str | bytes) -> Any:
    """A value that can be written as JSON again. Raises ValueError, also for NaN and Infinity, and RecursionError."""
    return json.loads(text, parse_float=_finite, parse_constant=_refuse)


def _parsed(text: str | bytes) -> Any:
    """Raises ValueError or RecursionError for what can't be read here, or not at a later step."""
    value = strict_json(text)
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > _MOST_NESTING:
            raise RecursionError
        level = [
            item
            for node in level
            if isinstance(node, (dict, list))
            for item in (node.values() if isinstance(node, dict) else node)
            if isinstance(item, (dict, list))
        ]
    return value


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def _update(text: str) -> Any:
    try:
        return _parsed(text)
    except RecursionError:
        reason = "nested too deeply"
    except ValueError as error:
        reason = f"not JSON: {error}"[:300]
    shown = ""
    # What stands before the first thing that is no member counts.
    with contextlib.suppress(ValueError):
        for name, value in _members(text):
            shown = value.strip() if name == "update_id" else shown
    update_id = usable_id({"update_id": int(shown)}) if re.fullmatch(r"[0-9]{1,19}", shown) else None
    return Unreadable(reason, text.strip(), update_id)


def _members(text: str) -> Iterator[tuple[str, str]]:
    """The members of an object, each value as text. Raises ValueError."""
    for item in _items(text, "{"):
        parts = _NAME.fullmatch(item)
        if parts is None:
            raise ValueError("a member has no name")
        yield json.loads(parts[1]), parts[2]


def _items(text: str, opening: str) -> list[str]:
    """The items of an array or the members of an object, as text: what its outermost commas separate.

    Iterative, so the depth does not matter. Raises ValueError.
    """
    text = text.strip()
    if not text.startswith(opening):
        raise ValueError(f"no {opening} at the beginning")
    open_brackets: list[str] = []
    items: list[str] = []
    begin = 1
    for token in _TOKEN.finditer(text):
        sign = token[0]
        if sign in "[{":
            open_brackets.append(sign)
        elif sign == "," and len(open_brackets) == 1:
            items.append(text[begin : token.start()])
            begin = token.end()
        elif sign in _CLOSES:
            if not open_brackets or open_brackets.pop() != _CLOSES[sign]:
                raise ValueError("brackets do not match")
            if not open_brackets:
                items.append(text[begin : token.start()])
                if token.end() != len(text):
                    raise ValueError("more than one value")
                if len(items) > 1 and not all(item.strip() for item in items):
                    raise ValueError("an item is missing")
                return items if items[0].strip() else []
        elif sign == '"':
            raise ValueError("a text has no end")
    raise ValueError("a bracket is not closed")
