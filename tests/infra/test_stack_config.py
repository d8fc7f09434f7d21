"""A stack's configuration: unknown, renamed and secret settings, and the one line for what can't be used."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from typing import Any

import pytest

from infra.settings import PROJECT, TOKEN, StackSettings
from infra.stack_config import RENAMED, read_stack_settings
from pipeline.errors import SettingsError
from tests.support.stacks import GIVEN, UNUSABLE, read, refused

SECRET = "42:" + "AAtokenof35characters" + "x" * 14


def test_settings_of_other_projects_are_left_alone() -> None:
    config = {f"{PROJECT}:{key}": value for key, value in GIVEN.items()}
    others = {"pulumi:disable-default-providers": '["aws"]', "aws:region": "eu-west-1", "databricks:host": "x"}
    assert read_stack_settings("dev", {**config, **others}) == read()


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("hosts", "hosts is no setting: did you mean host?"),
        ("node-type", "node-type is no setting: did you mean node_type?"),
        ("colour", "colour is no setting: Pulumi.yaml lists the settings there are"),
    ],
)
def test_an_unknown_setting_is_named_even_if_it_is_empty(key: str, line: str) -> None:
    assert refused(**{key: "x"}) == line
    assert refused(**{key: ""}) == line


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_a_setting_of_an_earlier_version_is_refused_with_its_new_name(old: str, new: str) -> None:
    assert (
        refused(**{old: "https://models.example.org/v1"})
        == f"{old} is now {new}: rename it in the stack's configuration"
    )
    assert old not in StackSettings.model_fields
    assert new in StackSettings.model_fields


def test_the_address_of_the_model_has_the_name_that_the_run_has() -> None:
    line = "model_url is now openai_base_url: rename it in the stack's configuration"
    assert refused(model="gpt", model_url="https://models.example.org/v1") == line


def test_the_environment_is_the_stacks_name_and_no_setting() -> None:
    with pytest.raises(SettingsError, match=r"^environment is no setting: "):
        read_stack_settings("dev", {f"{PROJECT}:environment": "prod"})


def test_a_token_that_the_engine_keeps_as_a_secret_is_accepted_and_never_shown() -> None:
    settings = read(secret=TOKEN, telegram_token=SECRET)
    assert settings.telegram_token is not None
    assert settings.telegram_token.get_secret_value() == SECRET
    for shown in (repr(settings), str(settings), str(settings.model_dump()), settings.model_dump_json()):
        assert SECRET not in shown
    assert read().telegram_token is None
    assert read(telegram_token="").telegram_token is None


@pytest.mark.parametrize("secret", ["", "host"])
def test_a_token_in_plain_text_is_refused_without_showing_it(secret: str) -> None:
    line = "telegram_token is held in plain text: set it again with `pulumi config set --secret telegram_token`"
    assert refused(secret=secret, telegram_token=SECRET) == line


FAULTS: list[Mapping[str, Any]] = [
    *({"key": key, "text": value} for key, value, _ in UNUSABLE),
    {"key": "hosts", "text": "x"},
    {"key": "host", "text": ""},
    {"key": "protect", "text": "false", "environment": "prod"},
    {"key": "tags", "text": "", "environment": "Not A Name"},
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault['key']}={fault['text']}")
def test_no_fault_of_another_setting_shows_the_token(fault: Mapping[str, Any]) -> None:
    try:
        read(fault.get("environment", "dev"), TOKEN, **{TOKEN: SECRET, fault["key"]: fault["text"]})
    except SettingsError as error:
        printed = "".join(traceback.format_exception(error)) + repr(error)
    assert SECRET not in printed
    assert "pydantic" not in printed


@pytest.mark.parametrize(
    "key", ["host", "schedule", "schema_name", "workers", "mode", "openai_base_url", "allowed_chats", "allowed_users"]
)
def test_a_token_put_into_the_wrong_setting_is_not_shown(key: str) -> None:
    line = refused(**{key: SECRET})
    assert line.startswith(f"{key} is ")
    assert SECRET not in line
    assert SECRET[3:] not in line


def test_a_long_value_is_cut_short() -> None:
    assert len(refused(mode="x" * 5000)) < 300
