"""Pulumi.yaml, made from the model of the settings: `python -m infra.project_file` writes it, a test compares it."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic.fields import FieldInfo

from infra.settings import PROJECT, TOKEN, StackSettings

FILE = Path(__file__).resolve().parents[1] / "Pulumi.yaml"

_HEAD = f"""\
name: {PROJECT}
description: An AI assistant on Telegram that runs as a lakehouse pipeline
runtime:
  name: python
  options:
    toolchain: pip
    virtualenv: .venv
main: infra
# The settings of a stack. This file is generated from infra/settings.py: change them there, then run
# `.venv/bin/python -m infra.project_file`. An empty text means that a setting is not given. Lists are texts with
# commas, so that `pulumi config set` takes them. The first token, {TOKEN}, is not listed, since it is a
# secret: set it with `pulumi config set --secret {TOKEN}`, or not at all.
"""


def project_file() -> str:
    """The text of Pulumi.yaml."""
    fields = {name: field for name, field in StackSettings.model_fields.items() if name not in ("environment", TOKEN)}
    described = {name: _described(field) for name, field in fields.items()}
    return _HEAD + yaml.safe_dump({"config": described}, sort_keys=False, allow_unicode=True, width=200)


def _described(field: FieldInfo) -> dict[str, object]:
    kind, default = _configured(field.default)
    return {"type": kind, "default": default, "description": field.description}


def _configured(default: object) -> tuple[str, object]:
    """The type of a setting in Pulumi.yaml, and its default there."""
    if isinstance(default, bool):
        return "boolean", default
    if isinstance(default, int):
        return "integer", default
    if isinstance(default, float):
        return "string", f"{default:g}"  # the engine has no type for it
    return "string", "" if default == () else default


if __name__ == "__main__":
    FILE.write_text(project_file(), encoding="utf-8")
