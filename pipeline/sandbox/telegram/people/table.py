"""The table of what people can do in the simulated Telegram: each action is a path of the control API."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, get_type_hints

from pydantic import BaseModel

from pipeline.sandbox.json_types import Json
from pipeline.sandbox.telegram.state import TelegramState

Action = Callable[[TelegramState, Any], Json]
"""Carries out an action, which a pydantic model describes, and returns what the control API answers.

ValueError and KeyError say why it can't be carried out. It runs while Telegram's lock is held.
"""

_AnyAction = TypeVar("_AnyAction", bound=Action)


@dataclass(frozen=True)
class PersonAction:
    path: str
    """Below /sandbox/."""
    model: type[BaseModel]
    """The JSON object that describes the action."""
    carry_out: Action


ACTIONS: dict[str, PersonAction] = {}
"""By path."""


def person_action(path: str) -> Callable[[_AnyAction], _AnyAction]:
    """Put a function into the table. Its second parameter is annotated with the model of the action."""

    def register(function: _AnyAction) -> _AnyAction:
        hints = get_type_hints(function).values()
        model = next(hint for hint in hints if isinstance(hint, type) and issubclass(hint, BaseModel))
        ACTIONS[path] = PersonAction(path, model, function)
        return function

    return register
