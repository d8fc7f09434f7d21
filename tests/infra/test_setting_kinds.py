"""The kinds of a stack's values: what is accepted, and the one line for what is not."""

from __future__ import annotations

import pytest

from tests.support.stacks import UNUSABLE, read, refused


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("host", "https://dbc-1.cloud.databricks.com/", "https://dbc-1.cloud.databricks.com"),
        ("host", "https://adb-12.3.azuredatabricks.net", "https://adb-12.3.azuredatabricks.net"),
        ("host", "http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("host", "http://localhost:8080/", "http://localhost:8080"),
        ("account_host", "https://accounts.azuredatabricks.net/", "https://accounts.azuredatabricks.net"),
        ("openai_base_url", "https://models.example.org/v1/", "https://models.example.org/v1"),
        ("telegram_api_url", "http://127.0.0.1:8081/", "http://127.0.0.1:8081"),
        ("protect", "true", True),
        ("spot", "false", False),
        ("paused", "True", True),
        ("backlog_seconds", "60", 60),
        ("max_run_seconds", "300", 300),
        ("concurrency", "1000", 1000),
        ("input_price", "0.07", 0.07),
        ("alert_emails", "ada@example.org, bob@example.org", ("ada@example.org", "bob@example.org")),
        ("alert_emails", "", ()),
        ("allowed_chats", "1, -100  3", (1, -100, 3)),
        ("catalog", "main", "main"),
        ("schema_name", "tele-gram_2", "tele-gram_2"),
        ("schema_name", "Telegram", "telegram"),
        ("catalog", "Main", "main"),
        ("folder", "/Workspace/Shared/bot/", "/Workspace/Shared/bot"),
        ("schedule", "0 0 8 ? * MON-FRI 2027", "0 0 8 ? * MON-FRI 2027"),
        ("mode", "triggered", "triggered"),
        ("on_unknown", "resend", "resend"),
        ("answer_format", "html", "html"),
        ("privacy_contact", " Ada {x}, ada@example.org ", "Ada {x}, ada@example.org"),
        ("privacy_contact", "", ""),
        ("mode", "", "continuous"),
        ("workers", "", 0),
    ],
)
def test_a_setting_is_read_from_its_text(key: str, text: str, value: object) -> None:
    assert getattr(read(**{key: text}), key) == value


@pytest.mark.parametrize(("key", "value", "fix"), UNUSABLE)
def test_an_invalid_value_is_named_with_its_fix(key: str, value: str, fix: str) -> None:
    assert refused(**{key: value}).startswith(f"{key} is {value!r}: {fix}")


@pytest.mark.parametrize("environment", ["Dev", "dev_1", "1dev", "", "a" * 21, "dev/eu", "dev\n"])
def test_the_stacks_name_must_fit_into_names_of_resources(environment: str) -> None:
    fix = "name the stack with up to 20 lower-case letters, digits and dashes"
    assert refused(environment) == f"the stack's name can't be used: {fix}"
    assert read("a" * 20).environment == "a" * 20


def test_credentials_in_an_address_are_refused_and_not_shown() -> None:
    for key in ("openai_base_url", "telegram_api_url", "host"):
        line = refused(**{key: "https://ada:hunter22@models.example.org"})
        assert line.startswith(f"{key} is ")
        assert "hunter22" not in line


@pytest.mark.parametrize(
    ("key", "value", "fix"),
    [
        ("openai_base_url", "https://models.example.org/v1/chat/completions", "leave out /chat/completions"),
        ("openai_base_url", "https://models.example.org/v1?version=1", "leave out what begins with ? or #"),
        ("telegram_api_url", "https://api.telegram.org/bot", "leave out /bot"),
    ],
)
def test_an_address_that_the_run_would_refuse_is_refused_before_it_is_deployed(key: str, value: str, fix: str) -> None:
    assert fix in refused(**{key: value})
