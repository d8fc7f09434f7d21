"""The settings of a stack: what is accepted, and the one line for what is not."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from infra.settings import PROJECT, TOKEN, StackSettings, read_stack_settings
from pipeline.errors import OperatorError, SettingsError

SECRET = "42:" + "AAtokenof35characters" + "x" * 14
GIVEN = {"host": "https://dbc-1.cloud.databricks.com", "account_id": "acc"}
CREATION = {"workspace": "create", "host": "", "region": "eu-west-1", "metastore_id": "m"}


def read(environment: str = "dev", secret: str = "", **changes: str) -> StackSettings:
    config = {f"{PROJECT}:{key}": value for key, value in {**GIVEN, **changes}.items()}
    return read_stack_settings(environment, config, {f"{PROJECT}:{secret}"})


def refused(environment: str = "dev", secret: str = "", **changes: str) -> str:
    with pytest.raises(SettingsError) as fault:
        read(environment, secret, **changes)
    assert isinstance(fault.value, OperatorError)
    # Neither pydantic's report, which may quote what was given, nor anything else is shown with it.
    assert fault.value.__cause__ is None
    assert fault.value.__context__ is None or fault.value.__suppress_context__
    line = str(fault.value)
    assert "\n" not in line
    return line


def test_a_host_and_an_account_are_all_that_a_stack_needs() -> None:
    settings = read()
    assert settings.model_dump(include={"environment", "workspace", "mode", "protect", "workers", "model"}) == {
        "environment": "dev",
        "workspace": "existing",
        "mode": "continuous",
        "protect": False,
        "workers": 0,
        "model": "databricks-gpt-oss-20b",
    }
    assert settings.name == "telegram-lakehouse-dev"
    assert settings.all_tags == {"environment": "dev", "product": "telegram-lakehouse"}


def test_settings_of_other_projects_are_left_alone() -> None:
    config = {f"{PROJECT}:{key}": value for key, value in GIVEN.items()}
    foreign = {"pulumi:disable-default-providers": '["aws"]', "aws:region": "eu-west-1", "databricks:host": "x"}
    assert read_stack_settings("dev", {**config, **foreign}) == read()


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("host", "https://dbc-1.cloud.databricks.com/", "https://dbc-1.cloud.databricks.com"),
        ("host", "https://adb-12.3.azuredatabricks.net", "https://adb-12.3.azuredatabricks.net"),
        ("host", "http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("host", "http://localhost:8080/", "http://localhost:8080"),
        ("account_host", "https://accounts.azuredatabricks.net/", "https://accounts.azuredatabricks.net"),
        ("model_url", "https://models.example.org/v1/", "https://models.example.org/v1"),
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
        ("mode", "", "continuous"),
        ("workers", "", 0),
    ],
)
def test_a_setting_is_read_from_its_text(key: str, text: str, value: object) -> None:
    assert getattr(read(**{key: text}), key) == value


def test_tags_are_added_and_can_not_take_the_place_of_our_own() -> None:
    tags = read("prod-eu", protect="true", tags="team = data,cost-center=42,environment=dev").all_tags
    assert list(tags.items()) == [
        ("cost-center", "42"),
        ("environment", "prod-eu"),
        ("product", "telegram-lakehouse"),
        ("team", "data"),
    ]


@pytest.mark.parametrize(
    ("host", "cloud"),
    [
        ("https://dbc-1.cloud.databricks.com", "aws"),
        ("https://adb-12.3.azuredatabricks.net", "azure"),
        ("https://12.3.gcp.databricks.com", "gcp"),
    ],
)
def test_the_cloud_is_told_by_the_host(host: str, cloud: str) -> None:
    assert read(host=host).cloud == cloud


def test_a_model_at_an_address_is_no_endpoint_of_the_workspace() -> None:
    assert read().model_source == "databricks"
    assert read(model="m", model_url="https://models.example.org/v1").model_source == "openai"


FITTING: list[dict[str, str]] = [
    CREATION,
    {**CREATION, "aws_role_arn": "arn:aws:iam::1:role/r", "aws_root_bucket": "b"},
    {**CREATION, "vpc_id": "vpc-1", "subnet_ids": "subnet-1,subnet-2", "security_group_ids": "sg-1"},
    {"service_principal": "app", "account_id": ""},
    {"operators": "o", "readers": "r", "create_groups": "true"},
    {"operators": "o"},
    {"workers": "2", "distribute_above": "100"},
    {"model": "ours", "model_permissions": "manage"},
    {"model": "ours", "model_permissions": "given"},
    {"model": "gpt", "model_url": "https://models.example.org/v1"},
    {"aws_secrets": "bot/dev", "aws_region": "eu-west-1"},
]


@pytest.mark.parametrize("changes", FITTING, ids=",".join)
def test_settings_that_fit_together_are_accepted(changes: dict[str, str]) -> None:
    settings = read(**changes)
    assert {key: str(getattr(settings, key)) for key in ("workspace", "service_principal")} == {
        "workspace": changes.get("workspace", "existing"),
        "service_principal": changes.get("service_principal", ""),
    }


SEVERAL: list[tuple[dict[str, str], str]] = [
    ({"host": ""}, "host is not set: set it to the workspace's address, or set workspace to create"),
    (
        {**CREATION, "host": GIVEN["host"]},
        "host is 'https://dbc-1.cloud.databricks.com': a workspace is either given or created: leave host out, "
        "or set workspace to existing",
    ),
    ({**CREATION, "account_id": ""}, "account_id is not set: a workspace to create needs it: set it"),
    ({**CREATION, "region": ""}, "region is not set: a workspace to create needs it: set it"),
    ({**CREATION, "metastore_id": ""}, "metastore_id is not set: a workspace to create needs it: set it"),
    *(
        ({key: "x"}, f"{key} is 'x': it is for a workspace to create: leave it out, or set workspace to create")
        for key in (
            "region",
            "metastore_id",
            "aws_role_arn",
            "aws_root_bucket",
            "vpc_id",
            "subnet_ids",
            "security_group_ids",
        )
    ),
    (
        {**CREATION, "vpc_id": "vpc-1", "subnet_ids": "subnet-1", "security_group_ids": "sg-1"},
        "vpc_id is 'vpc-1': a network is a vpc_id, two subnet_ids and security_group_ids: give all or none",
    ),
    (
        {**CREATION, "security_group_ids": "sg-1"},
        "vpc_id is not set: a network is a vpc_id, two subnet_ids and security_group_ids: give all or none",
    ),
    (
        {"account_id": ""},
        "account_id is not set: set it, so that you may run jobs as the principal made; or give an existing "
        "service_principal",
    ),
    *(
        (
            {"create_groups": "true", "operators": "o", "readers": "r", "service_principal": "app", key: ""},
            f"{key} is not set: create_groups needs it: set it, or set create_groups to false",
        )
        for key in ("account_id", "operators", "readers")
    ),
    (
        {
            "create_groups": "true",
            "operators": "ops",
            "readers": "rd",
            "host": "https://adb-1.2.azuredatabricks.net",
        },
        "account_host is not set: the groups are made in the account: give the address of your cloud's console",
    ),
    (
        {"operators": "team", "readers": "team"},
        "readers is 'team': operators and readers must be two groups: name another",
    ),
    (
        {"distribute_above": "5"},
        "workers is not set: distribute_above needs workers to distribute to: set it to 1 or more",
    ),
    ({"workers": "2"}, "distribute_above is not set: workers are of use only with it: set it, or set workers to 0"),
    (
        {"model": "ours"},
        "model_permissions is not set: for an endpoint of your own say manage (this stack replaces its permissions) "
        "or given (you gave the job's principal CAN_QUERY)",
    ),
    (
        {"model_permissions": "manage"},
        "model_permissions is 'manage': this model's permissions can't be managed: leave it out",
    ),
    (
        {"model_permissions": "manage", "model": "gpt", "model_url": "https://models.example.org/v1"},
        "model_permissions is 'manage': this model's permissions can't be managed: leave it out",
    ),
    ({"aws_secrets": "bot"}, "aws_region is not set: aws_secrets and aws_region belong together: set both or none"),
    ({"aws_region": "x"}, "aws_secrets is not set: aws_secrets and aws_region belong together: set both or none"),
]


@pytest.mark.parametrize(("changes", "line"), SEVERAL, ids=lambda value: value[:60] if isinstance(value, str) else "")
def test_settings_that_do_not_fit_together_are_named_with_their_fix(changes: dict[str, str], line: str) -> None:
    assert refused(**changes) == line


@pytest.mark.parametrize("environment", ["prod", "prod-eu", "production"])
def test_production_must_be_protected(environment: str) -> None:
    assert refused(environment) == "protect is not set: production data must be protected: set it to true"
    line = "protect is 'false': production data must be protected: set it to true"
    assert refused(environment, protect="false") == line
    assert read(environment, protect="true").protect


SINGLE = [
    ("host", "dbc-1.cloud.databricks.com", "give the address alone, as https://dbc-1234.cloud.databricks.com"),
    ("host", "https://dbc-1.cloud.databricks.com/?o=1", "give the address alone"),
    ("host", "http://dbc-1.cloud.databricks.com", "give the address alone"),
    ("account_host", "accounts", "give the address alone"),
    ("model_url", "models.example.org", "give an address that begins with https://, without credentials"),
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
    ("allowed_chats", "1,x", "it should be a valid integer"),
    ("smoke_chat", "@chat", "give a chat's id, a number other than 0"),
    ("smoke_chat", "0", "give a chat's id, a number other than 0"),
]


@pytest.mark.parametrize(("key", "value", "fix"), SINGLE)
def test_a_value_that_can_not_be_used_is_named_with_its_fix(key: str, value: str, fix: str) -> None:
    assert refused(**{key: value}).startswith(f"{key} is {value!r}: {fix}")


@pytest.mark.parametrize("environment", ["Dev", "dev_1", "1dev", "", "a" * 21, "dev/eu", "dev\n"])
def test_the_stack_is_named_as_names_of_resources_can_be(environment: str) -> None:
    fix = "name the stack with up to 20 lower-case letters, digits and dashes"
    assert refused(environment) == f"the stack's name can't be used: {fix}"
    assert read("a" * 20).environment == "a" * 20


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


def test_the_models_own_report_does_not_quote_what_was_given() -> None:
    with pytest.raises(ValidationError) as fault:
        StackSettings.model_validate({"environment": "dev", "workers": SECRET, "telegram_token": {SECRET: SECRET}})
    assert SECRET not in str(fault.value)


def test_the_environment_is_the_stacks_name_and_no_setting() -> None:
    with pytest.raises(SettingsError, match=r"^environment is no setting: "):
        read_stack_settings("dev", {f"{PROJECT}:environment": "prod"})


def test_a_token_that_the_engine_holds_as_a_secret_is_taken_and_never_shown() -> None:
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
    *({"key": key, "text": value} for key, value, _ in SINGLE),
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


@pytest.mark.parametrize("key", ["host", "schedule", "schema_name", "workers", "mode", "model_url", "allowed_chats"])
def test_a_token_put_into_the_wrong_setting_is_not_shown(key: str) -> None:
    line = refused(**{key: SECRET})
    assert line.startswith(f"{key} is ")
    assert SECRET not in line
    assert SECRET[3:] not in line


def test_credentials_in_an_address_are_refused_and_not_shown() -> None:
    for key in ("model_url", "telegram_api_url", "host"):
        line = refused(**{key: "https://ada:hunter22@models.example.org"})
        assert line.startswith(f"{key} is ")
        assert "hunter22" not in line


def test_a_long_value_is_cut_short() -> None:
    assert len(refused(mode="x" * 5000)) < 300
