"""Pulumi.yaml as it is made from the settings."""

from __future__ import annotations

import yaml

from infra.project_file import FILE, project_file
from infra.settings import StackSettings


def test_the_project_file_is_as_the_settings_make_it() -> None:
    fix = "run `.venv/bin/python -m infra.project_file`"
    assert FILE.read_text(encoding="utf-8") == project_file(), fix


def test_every_setting_is_in_it_but_the_stacks_name_and_the_secret() -> None:
    described = yaml.safe_load(project_file())["config"]
    assert [name for name in StackSettings.model_fields if name not in described] == ["environment", "telegram_token"]
    assert described.keys() <= StackSettings.model_fields.keys()


def test_a_default_has_the_type_that_the_engine_is_told() -> None:
    described = yaml.safe_load(project_file())["config"]
    assert described["protect"] | {"description": ""} == {"type": "boolean", "default": False, "description": ""}
    assert described["workers"] | {"description": ""} == {"type": "integer", "default": 0, "description": ""}
    for name in ("input_price", "alert_emails", "host"):
        assert described[name]["type"] == "string"
    assert [described[name]["default"] for name in ("input_price", "alert_emails", "host")] == ["0", "", ""]


def test_a_description_reads_well_alone() -> None:
    for name, field in StackSettings.model_fields.items():
        if name != "environment":
            assert field.description, name
            first = field.description.partition(":")[0]
            assert field.description[0].isupper() or first in str(field.annotation), name
            assert field.description.rstrip(".…") != field.description, name
