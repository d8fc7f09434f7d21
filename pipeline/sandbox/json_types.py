"""The JSON that the Bot API and OpenAI's API exchange: its types, and how it is read."""

import json
import math
from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]
"""A JSON object."""

Parameters = Mapping[str, Any]
"""A method's parameters as they arrive: a number or an object may be a string that holds it as JSON."""

_DEEPEST = 100
"""As in Telegram's server."""


def read_json(text: str | bytes) -> Any:
    """ValueError for what is no JSON, among it NaN and infinite numbers, and for more than 100 levels."""
    try:
        value = json.loads(text, parse_constant=_refuse_number, parse_float=_finite)
    except RecursionError:
        raise ValueError(f"it has more than {_DEEPEST} levels") from None
    level, levels = [value], 0
    while level := [each for each in level if isinstance(each, dict | list)]:
        levels += 1
        if levels > _DEEPEST:
            raise ValueError(f"it has more than {_DEEPEST} levels")
        level = [part for each in level for part in (each.values() if isinstance(each, dict) else each)]
    return value


def _refuse_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse_number(text)
