"""Reading a method's parameters. Each function raises MethodError 400 for a value of the wrong form."""

from typing import Any

from pipeline.sandbox.json_types import Parameters, read_json
from pipeline.sandbox.telegram.errors import bad_request


def decoded(parameters: Parameters, name: str, unreadable: str = "") -> Any:
    """An object or a list, given as it is or as JSON in a string; None when it is missing or empty.

    `unreadable`: what the server says when it isn't JSON, where it doesn't use the parameter's own name.
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
    """A number, or a string that holds one; `default` when it is missing or empty."""
    value = parameters.get(name)
    if value is None or value == "":
        return default
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        raise bad_request(f"invalid {name} specified") from None


def boolean(parameters: Parameters, name: str) -> bool:
    """A Boolean, or a string that holds one; False when it is missing."""
    value = parameters.get(name)
    return value.lower() in ("true", "yes", "1", "on") if isinstance(value, str) else bool(value)
