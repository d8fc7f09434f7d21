"""The table of what the control API can do: each entry is a path under /sandbox/."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, TypeAdapter

from pipeline.sandbox.telegram.people.table import ACTIONS, PersonAction
from pipeline.sandbox.telegram.simulator import Telegram
from pipeline.sandbox.web.call_log import CallLog
from pipeline.sandbox.web.faults import Faults

Verb = Literal["GET", "POST", "DELETE"]


@dataclass(frozen=True)
class Controlled:
    """What the control API works on."""

    telegram: Telegram
    faults: Faults
    calls: CallLog


@dataclass(frozen=True)
class ControlRequest:
    """A request that was read and found valid."""

    body: Any
    """Of the entry's type; None without one."""
    path: Mapping[str, Any]
    query: Mapping[str, str]

    def number(self, name: str, default: str = "") -> int:
        """A whole number of the path or the query. ValueError for anything else."""
        given = self.path.get(name, self.query.get(name, default))
        if re.fullmatch("-?[0-9]{1,20}", given) is None:
            raise ValueError(f"{name} must be a whole number")
        return int(given)


Handler = Callable[[Controlled, ControlRequest], Any]
"""Carries out a request and returns the JSON to answer with. ValueError and KeyError say why it can't be done."""

_AnyHandler = TypeVar("_AnyHandler", bound=Handler)


@dataclass(frozen=True)
class ControlCall:
    """An entry of the table."""

    verb: Verb
    path: str
    """Below /sandbox/, with its parameters as {name}."""
    handler: Handler
    rule: str
    """What it does, in a sentence."""
    body: TypeAdapter[Any] | None = None
    model: type[BaseModel] | None = None
    """Describes the fields of the body, where it is one object."""
    example: Any = None
    """A body that works in a chat that has a message 1. None: made from the fields that are required."""


_CALLS: list[ControlCall] = []


def control_call(
    verb: Verb, path: str, body: Any = None, *, model: type[BaseModel] | None = None, example: Any = None
) -> Callable[[_AnyHandler], _AnyHandler]:
    """Put a function into the table. `body` is the type of its request's JSON, `model` that of the object in it."""

    def register(function: _AnyHandler) -> _AnyHandler:
        if model is None and isinstance(body, type) and issubclass(body, BaseModel):
            described: type[BaseModel] | None = body
        else:
            described = model
        rule = (function.__doc__ or "").partition("\n")[0]
        adapter = None if body is None else TypeAdapter(body)
        _CALLS.append(ControlCall(verb, path, function, rule, adapter, described, example))
        return function

    return register


def all_calls() -> list[ControlCall]:
    """Every entry of the table, and one for each action of people."""
    return _CALLS + [_call_of(action) for action in ACTIONS.values()]


def _call_of(action: PersonAction) -> ControlCall:
    def perform(controlled: Controlled, asked: ControlRequest) -> Any:
        return controlled.telegram.perform(action, asked.body)

    rule = (action.carry_out.__doc__ or "").partition("\n")[0]
    extra = action.model.model_config.get("json_schema_extra")
    examples = extra.get("examples") if isinstance(extra, dict) else None
    example = examples[0] if isinstance(examples, list) and examples else None
    return ControlCall("POST", action.path, perform, rule, TypeAdapter(action.model), action.model, example)
