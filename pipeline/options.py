"""Command-line options from the settings models, so that each setting is declared once."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import typer
from pydantic.fields import FieldInfo

from pipeline.errors import OperatorError, RunFailed
from pipeline.settings import StorageSettings, UnknownVariable, env_name, read_settings

_STANDS_FOR = re.compile(r"\s*\[([^\[\]]+)\]$")
"""The end of a description that says what a setting without a default stands for."""


_SIGNS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}


def with_settings(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option for each setting to a command, which is called with the validated `settings` instead of them.

    The annotation of `settings` is the model: RunSettings, or the part of it that the command uses. There is no option
    for a secret: every process of the machine can read a command line. An error that is about a setting names the
    option, if it was given as one.
    """
    # The annotations may be text, with names that only the command's own module knows.
    hints = get_type_hints(command, include_extras=True)
    model: type[StorageSettings] = hints["settings"]
    own = [
        parameter.replace(annotation=hints[parameter.name])
        for parameter in inspect.signature(command).parameters.values()
        if parameter.name != "settings"
    ]

    @functools.wraps(command)
    def wrapped(**values: Any) -> Any:
        overrides = {name: values.pop(name) for name in model.model_fields}
        try:
            return command(settings=read_settings(model, overrides), **values)
        except UnknownVariable:
            raise  # what is to be renamed is a variable, whatever was typed
        except (OperatorError, RunFailed) as error:
            error.args = (as_typed(str(error), overrides),)
            raise

    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_annotation(name, field))
        for name, field in model.model_fields.items()
    ]
    parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
    signature = inspect.Signature([*parameters, *options])
    wrapped.__signature__ = signature  # type: ignore[attr-defined]
    wrapped.__annotations__ = {name: p.annotation for name, p in signature.parameters.items()}
    return wrapped


def as_typed(line: str, given: Mapping[str, object]) -> str:
    """An error's line with the options that were typed in place of the variables that stand for the same settings."""
    for name, value in given.items():
        if value is not None:
            line = re.sub(rf"\b{env_name(name)}\b", option_name(name), line)
    return line


def option_name(setting: str) -> str:
    """The option of a setting."""
    return f"--{setting.replace('_', '-')}"


def stands_for(field: FieldInfo) -> str:
    """What the absence of a setting stands for, where its description ends with that; else empty."""
    found = _STANDS_FOR.search(field.description or "")
    return found[1] if found else ""


def default_of(field: FieldInfo) -> str:
    """The value of a setting that is not given; empty if it has none."""
    default = field.get_default()
    if default is None or default in ("", (), frozenset()):
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, float) else str(default)


def meaning_of(field: FieldInfo) -> str:
    """The description of a setting, without its default."""
    return _STANDS_FOR.sub("", (field.description or "").strip())


def choices_of(field: FieldInfo) -> list[str]:
    """The values of a setting that has a list of them; empty if it has none."""
    return [str(value) for value in get_args(field.annotation)] if get_origin(field.annotation) is Literal else []


def range_of(field: FieldInfo) -> str:
    """The numbers that a setting may have, as `1<=x<=20` or `x>0`; empty if it has no bounds."""
    bounds = {name: f"{getattr(each, name):g}" for each in field.metadata for name in _SIGNS if hasattr(each, name)}
    lower = next((name for name in ("ge", "gt") if name in bounds), None)
    upper = next((name for name in ("le", "lt") if name in bounds), None)
    if lower is None or upper is None:
        return "".join(f"x{_SIGNS[name]}{bound}" for name, bound in bounds.items())
    return f"{bounds[lower]}{_SIGNS[lower].replace('>', '<')}x{_SIGNS[upper]}{bounds[upper]}"


def _annotation(name: str, field: FieldInfo) -> Any:
    option = typer.Option(
        option_name(name),
        # In the form that the command line's own options have.
        help=" ".join([meaning_of(field), *_limits(field)]).replace("[", "\\["),
        metavar=env_name(name),
        show_default=False,
        rich_help_panel="Settings (each also from the environment)",
    )
    # Text for every type: the settings model checks the value and says what is wrong with it.
    return Annotated[str | None, option]


def _limits(field: FieldInfo) -> Iterator[str]:
    if choices := choices_of(field):
        yield f"<{'|'.join(choices)}>"
    if numbers := range_of(field):
        yield f"[{numbers}]"
    if words := stands_for(field):
        yield f"[default: ({words})]"
    elif default := default_of(field):
        yield f"[default: {default}]"
