"""Command-line options from the settings model, so that each setting is declared once."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any, get_type_hints

import typer

from pipeline.settings import RunSettings, env_name, read_run_settings


def with_settings(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option for each setting to a command, which is called with the validated `settings` instead of them.

    There is no option for a secret: every process of the machine can read a command line.
    """
    # The annotations may be text, with names that only the command's own module knows.
    hints = get_type_hints(command, include_extras=True)
    own = [
        parameter.replace(annotation=hints[parameter.name])
        for parameter in inspect.signature(command).parameters.values()
        if parameter.name != "settings"
    ]

    @functools.wraps(command)
    def wrapped(**values: Any) -> Any:
        overrides = {name: values.pop(name) for name in RunSettings.model_fields}
        return command(settings=read_run_settings(overrides), **values)

    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_annotation(name))
        for name in RunSettings.model_fields
    ]
    parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
    signature = inspect.Signature([*parameters, *options])
    wrapped.__signature__ = signature  # type: ignore[attr-defined]
    wrapped.__annotations__ = {name: p.annotation for name, p in signature.parameters.items()}
    return wrapped


def _annotation(name: str) -> Any:
    field = RunSettings.model_fields[name]
    default = field.get_default()
    shown = "" if default in (None, frozenset()) or field.is_required() else f"  [{default}]"
    option = typer.Option(
        f"--{name.replace('_', '-')}",
        help=f"{field.description}{shown}".replace("[", "\\["),
        metavar=env_name(name),
        show_default=False,
        rich_help_panel="Settings (each also from the environment)",
    )
    # Text for every type: the settings model checks the value and says what is wrong with it.
    return Annotated[str | None, option]
