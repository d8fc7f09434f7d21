"""The job's parameters: the options of `pipeline run`, made from the stack's settings and from what it has created."""

from __future__ import annotations

import pulumi

from infra.settings import StackSettings
from pipeline.settings import RunSettings

SHARED = tuple(name for name in StackSettings.model_fields if name in RunSettings.model_fields)
"""The settings that reach the run: those that stack and run both have, under the same name."""


def job_parameters(settings: StackSettings, created: dict[str, pulumi.Input[str]]) -> list[pulumi.Output[str]]:
    """The options of `pipeline run`, sorted. `created` has values of resources, by the names of the run's settings.

    A shared setting that is not given is left out, and the run's default applies.
    """
    given = {name: value for name in SHARED if _is_given(name, value := getattr(settings, name))}
    values = {
        **{name: _text(value) for name, value in given.items()},
        "model_source": settings.model_source,
        **created,
    }
    options = sorted((f"--{name.replace('_', '-')}", value) for name, value in values.items())
    parameters = [pulumi.Output.concat(option, "=", value) for option, value in options]
    if settings.mode == "triggered":
        parameters.append(pulumi.Output.from_input("--once"))
    return parameters


def _is_given(name: str, value: object) -> bool:
    """Whether a stack's value says something: an empty text or list never does.

    A 0 does where the run's own default is another number: `context_turns: 0` is memory off, and not 10 turns.
    """
    if value:
        return True
    default = RunSettings.model_fields[name].get_default()
    return value == 0 and isinstance(default, int | float) and default != 0


def _text(value: object) -> str:
    """A setting's value as the run reads it from its command line."""
    return ",".join(map(str, sorted(value))) if isinstance(value, tuple) else str(value)
