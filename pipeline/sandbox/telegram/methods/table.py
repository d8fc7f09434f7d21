"""The table of methods that the simulated Bot API has."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from pipeline.sandbox.json_types import Parameters
from pipeline.sandbox.telegram.bot_api import documented_name
from pipeline.sandbox.telegram.errors import MethodError, bad_request
from pipeline.sandbox.telegram.state import TelegramState

Method = Callable[[TelegramState, Parameters], Any]
"""Carries out a call and returns its result; raises MethodError. It runs while Telegram's lock is held."""


@dataclass(frozen=True)
class MethodAnswer:
    """A method's result with a description. Most methods return their result alone."""

    result: Any
    description: str | None = None


_AnyMethod = TypeVar("_AnyMethod", bound=Method)

METHODS: dict[str, Method] = {}
"""By name in lower case. getUpdates is not among them: it waits, so it belongs to long polling."""


def bot_api_method(function: _AnyMethod) -> _AnyMethod:
    """Put a function into the table: `send_message` is the method sendMessage."""
    METHODS[function.__name__.replace("_", "")] = function
    return function


def find_method(name: str) -> Method:
    """The method of this name, in upper or lower case.

    MethodError 404 where Telegram has no such method, 400 where it has one that is not simulated.
    """
    method = METHODS.get(name.lower())
    if method is not None:
        return method
    documented = documented_name(name)
    if documented is None:
        raise MethodError(404, "Not Found: method not found")
    raise bad_request(f"the sandbox does not simulate {documented}: its documentation lists what it simulates")
