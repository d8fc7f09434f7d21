"""Reading a method's parameters."""

import json
import re
from typing import Any

from pipeline.sandbox.json_types import Parameters, read_json
from pipeline.sandbox.telegram.errors import bad_request

_LEADING_NUMBER = re.compile(r"-?[0-9]{1,19}")


def decoded(parameters: Parameters, name: str, unreadable: str = "") -> Any:
    """An object or a list, given as it is or as JSON in a string; None when it is missing or empty.

    MethodError 400 when it isn't JSON. `unreadable`: what the server says then, if not the parameter's own name.
    """
    value = parameters.get(name)
    if not isinstance(value, str):
        return value
    if not value:
        return None
    try:
        return read_json(value)
    except ValueError:
        raise bad_request(unreadable or f"can't parse {name.replace('_', ' ')} JSON object") from None


def integer(parameters: Parameters, name: str, default: int) -> int:
    """The number that a value begins with, else 0, as the server reads it; `default` when it is missing or empty."""
    value = parameters.get(name)
    if value is None or value == "":
        return default
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    number = _LEADING_NUMBER.match(value if isinstance(value, str) else json.dumps(value, default=str))
    return int(number[0]) if number else 0


def boolean(parameters: Parameters, name: str) -> bool:
    """A Boolean, or a string that holds one; False when it is missing."""
    value = parameters.get(name)
    return value.lower() in ("true", "yes", "1", "on") if isinstance(value, str) else bool(value)
