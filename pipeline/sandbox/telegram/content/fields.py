"""Reading the fields of an object that a bot sends, with the server's own words for what is wrong with them."""

import math
from typing import Any

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.errors import MethodError, bad_request


class FieldError(ValueError):
    """What the server says is wrong with an object, before it puts the object's place in front of it."""


def refused(reason: object) -> MethodError:
    """Status 400 for a reason as the server keeps it: like the server, it begins in lower case unless it is a code."""
    text = str(reason)
    is_code = text[1:2] == "_" or text[1:2].isupper()
    return bad_request(text if is_code else text[:1].lower() + text[1:])


def required_string(given: Json, name: str) -> str:
    if given.get(name) is None:
        raise FieldError(f'Can\'t find field "{name}"')
    return optional_string(given, name)


def optional_string(given: Json, name: str) -> str:
    """Empty when it is missing. A number is taken for a text, as the server does."""
    value = given.get(name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise FieldError(f'Field "{name}" must be of type String')
    return str(value)


def optional_boolean(given: Json, name: str) -> bool:
    value = given.get(name)
    if value is not None and not isinstance(value, bool):
        raise FieldError(f'Field "{name}" must be of type Boolean')
    return bool(value)


def required_integer(given: Json, name: str) -> int:
    value = given.get(name)
    if value is None:
        raise FieldError(f'Can\'t find field "{name}"')
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        raise FieldError(f'Field "{name}" must be a valid Number') from None


def required_number(given: Json, name: str) -> float:
    value = given.get(name)
    if value is None:
        raise FieldError(f'Can\'t find field "{name}"')
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise FieldError(f'Field "{name}" must be of type Number')
    return number


def required_object(given: Json, name: str) -> Json:
    value: Any = given.get(name)
    if value is None:
        raise FieldError(f'Can\'t find field "{name}"')
    if not isinstance(value, dict):
        raise FieldError(f'Field "{name}" must be of type Object')
    return value


def optional_array(given: Json, name: str) -> list[Any]:
    """Empty when it is missing."""
    value: Any = given.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise FieldError(f'Field "{name}" must be of type Array')
    return value
