"""From a stack's configuration, which holds texts, to its settings."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping

from pydantic import ValidationError

from infra.mismatch import Mismatch, check_together
from infra.settings import PROJECT, TOKEN, StackSettings
from pipeline.errors import SettingsError
from pipeline.redaction import scrub

RENAMED = {"model_url": "openai_base_url"}
"""Settings of earlier versions, and their names now."""


def read_stack_settings(
    environment: str, config: Mapping[str, str], secret_keys: Collection[str] = ()
) -> StackSettings:
    """Settings from a stack's whole configuration, its keys as `project:key`. Raises SettingsError for the first fault.

    `secret_keys` are the keys that the engine keeps as secrets: the token must be one of them.
    """
    prefix = f"{PROJECT}:"
    own = {key.removeprefix(prefix): value for key, value in config.items() if key.startswith(prefix)}
    known = [key for key in StackSettings.model_fields if key != "environment"]
    if unknown := sorted(own.keys() - set(known)):
        raise SettingsError(_unknown(unknown[0], known))
    given = {key: value for key, value in own.items() if value != ""}
    if TOKEN in given and f"{prefix}{TOKEN}" not in secret_keys:
        raise SettingsError(f"{TOKEN} is held in plain text: set it again with `pulumi config set --secret {TOKEN}`")
    try:
        settings = StackSettings.model_validate({"environment": environment, **given})
        check_together(settings)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        cause = fault.get("ctx", {}).get("error") or fault["msg"].replace("Input should", "it should", 1)
        raise SettingsError(_line(str(fault["loc"][0]), str(cause), given)) from None
    except Mismatch as error:
        raise SettingsError(_line(error.key, str(error), given)) from None
    return settings


def _unknown(key: str, known: Collection[str]) -> str:
    if key in RENAMED:
        return f"{key} is now {RENAMED[key]}: rename it in the stack's configuration"
    near = difflib.get_close_matches(key, known, n=1)
    fix = f"did you mean {near[0]}?" if near else "Pulumi.yaml lists the settings there are"
    return f"{key} is no setting: {fix}"


def _line(key: str, fix: str, given: Mapping[str, object]) -> str:
    fix = fix[:1].lower() + fix[1:]
    if key == "environment":
        return f"the stack's name can't be used: {fix}"
    if key not in given:
        return f"{key} is not set: {fix}"
    shown = "<secret>" if key == TOKEN else scrub(repr(given[key]))[:200]
    return f"{key} is {shown}: {fix}"
