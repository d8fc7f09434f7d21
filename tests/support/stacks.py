"""Settings of a stack, read from its configuration as the program reads them."""

from __future__ import annotations

import pytest

from infra.settings import PROJECT, StackSettings
from infra.stack_config import read_stack_settings
from pipeline.errors import OperatorError, SettingsError

GIVEN = {"host": "https://dbc-1.cloud.databricks.com", "account_id": "acc"}
"""The least that a stack needs."""

UNUSABLE = [
    ("host", "dbc-1.cloud.databricks.com", "give the address alone, as https://dbc-1234.cloud.databricks.com"),
    ("host", "https://dbc-1.cloud.databricks.com/?o=1", "give the address alone"),
    ("host", "http://dbc-1.cloud.databricks.com", "give the address alone"),
    ("account_host", "accounts", "give the address alone"),
    ("openai_base_url", "http://models.example.org:99999", "give an address that begins with https://"),
    ("openai_base_url", "models.example.org", "give an address that begins with https://, without credentials"),
    ("telegram_api_url", "ftp://example.org", "give an address that begins with https://"),
    ("catalog", "main.telegram", "give a name of letters, digits, dashes and underscores"),
    ("schema_name", "tele gram", "give a name of letters, digits, dashes and underscores"),
    ("folder", "/Shared/bot", "give a path that begins with /Workspace/"),
    ("schedule", "*/15 * * * *", "give a Quartz cron expression of six fields, as 0 0/15 * * * ?"),
    ("alert_emails", "ada@example.org,ada", "give addresses with commas between them"),
    ("tags", "team", "give key=value pairs with commas between them"),
    ("tags", "team=", "give key=value pairs with commas between them"),
    ("mode", "sometimes", "it should be 'continuous' or 'triggered'"),
    ("workspace", "new", "it should be 'existing' or 'create'"),
    ("on_unknown", "drop", "it should be 'hold' or 'resend'"),
    ("answer_format", "markdown", "it should be 'plain' or 'html'"),
    ("model_permissions", "all", "it should be '', 'manage' or 'given'"),
    ("protect", "perhaps", "it should be a valid boolean"),
    ("workers", "-1", "it should be greater than or equal to 0"),
    ("workers", "101", "it should be less than or equal to 100"),
    ("workers", "two", "it should be a valid integer"),
    ("backlog_seconds", "59", "it should be greater than or equal to 60"),
    ("max_run_seconds", "299", "it should be greater than or equal to 300"),
    ("max_tokens", "0", "it should be greater than or equal to 1"),
    ("concurrency", "1001", "it should be less than or equal to 1000"),
    ("distribute_above", "-5", "it should be greater than or equal to 0"),
    ("input_price", "-1", "it should be greater than or equal to 0"),
    ("output_price", "cheap", "it should be a valid number"),
    ("user_tokens_a_day", "-1", "it should be greater than or equal to 0"),
    ("chat_tokens_a_day", "many", "it should be a valid integer"),
    ("tokens_a_day", "-1", "it should be greater than or equal to 0"),
    ("price_a_month", "-0.5", "it should be greater than or equal to 0"),
    ("context_turns", "101", "it should be less than or equal to 100"),
    ("context_tokens", "0", "it should be greater than or equal to 1"),
    ("context_hours", "0", "it should be greater than 0"),
    ("context_hours", "721", "it should be less than or equal to 720"),
    ("drafts", "true", "it should be 'on' or 'off'"),
    ("feedback", "no", "it should be 'on' or 'off'"),
    ("allowed_chats", "1,x", "it should be a valid integer"),
    ("privacy_contact", "Ada\nBob", "give one line of at most 200 characters"),
    ("allowed_users", "@ann", "it should be a valid integer"),
    ("smoke_chat", "@chat", "give a chat's id, a number other than 0"),
    ("smoke_chat", "0", "give a chat's id, a number other than 0"),
]
"""Values that can't be used: the setting, its value, and how the line that refuses it begins to say the fix."""


def read(environment: str = "dev", secret: str = "", **changes: str) -> StackSettings:
    """The settings of a stack with `changes` beside the least. `secret`: the key that the engine keeps as a secret."""
    config = {f"{PROJECT}:{key}": value for key, value in {**GIVEN, **changes}.items()}
    return read_stack_settings(environment, config, {f"{PROJECT}:{secret}"})


def refused(environment: str = "dev", secret: str = "", **changes: str) -> str:
    """The one line that refuses such settings."""
    with pytest.raises(SettingsError) as fault:
        read(environment, secret, **changes)
    assert isinstance(fault.value, OperatorError)
    # Neither pydantic's report, which may quote a value, nor anything else is shown with it.
    assert fault.value.__cause__ is None
    assert fault.value.__context__ is None or fault.value.__suppress_context__
    line = str(fault.value)
    assert "\n" not in line
    return line
