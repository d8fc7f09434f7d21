"""The table of methods that the simulated Bot API has."""

from collections.abc import Callable
from typing import Any, TypeVar

from pipeline.sandbox.json_types import Parameters
from pipeline.sandbox.telegram.state import TelegramState

Method = Callable[[TelegramState, Parameters], Any]
"""Carries out a call and returns its result; raises MethodError. It runs while Telegram's lock is held."""

_AnyMethod = TypeVar("_AnyMethod", bound=Method)

_METHODS: dict[str, Method] = {}


def bot_api_method(function: _AnyMethod) -> _AnyMethod:
    """Put a function into the table: `send_message` is the method sendMessage."""
    _METHODS[function.__name__.replace("_", "")] = function
    return function


def find_method(name: str) -> Method | None:
    """The method of this name, in upper or lower case."""
    return _METHODS.get(name.lower())
