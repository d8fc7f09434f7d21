"""The settings of a stack: which of them fit together, and what follows from them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from infra.settings import StackSettings
from pipeline.limits.ceilings import least_call
from tests.support.stacks import GIVEN, read, refused

SECRET = "42:" + "AAtokenof35characters" + "x" * 14


CREATION = {"workspace": "create", "host": "", "region": "eu-west-1", "metastore_id": "m"}


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


def test_tags_are_added_and_can_not_replace_the_stacks_own() -> None:
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
def test_the_host_determines_the_cloud(host: str, cloud: str) -> None:
    assert read(host=host).cloud == cloud


def test_a_model_with_an_address_is_not_an_endpoint_of_the_workspace() -> None:
    assert read().model_source == "databricks"
    assert read(model="m", openai_base_url="https://models.example.org/v1").model_source == "openai"


TOKEN_CEILINGS = ("user_tokens_a_day", "chat_tokens_a_day", "tokens_a_day")
NO_CALL = (
    f"it allows no call, which may cost {least_call(512).prompt} tokens and 512 of the answer: raise it, or lower "
    "max_tokens"
)

FITTING: list[dict[str, str]] = [
    CREATION,
    {**CREATION, "aws_role_arn": "arn:aws:iam::1:role/r", "aws_root_bucket": "b"},
    {**CREATION, "vpc_id": "vpc-1", "subnet_ids": "subnet-1,subnet-2", "security_group_ids": "sg-1"},
    {"service_principal": "app", "account_id": ""},
    {"operators": "o", "readers": "r", "create_groups": "true"},
    {"operators": "o"},
    {"workers": "2"},
    {"workers": "2", "distribute_above": "100"},
    {"model": "ours", "model_permissions": "manage"},
    {"model": "ours", "model_permissions": "given"},
    {"model": "gpt", "openai_base_url": "https://models.example.org/v1"},
    {"aws_secrets": "bot/dev", "aws_region": "eu-west-1"},
    {"price_a_month": "100", "input_price": "0.1", "output_price": "0.4"},
    dict.fromkeys(TOKEN_CEILINGS, str(least_call(512).total)),
    {"input_price": "0.1"},
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
        "account_id is not set: set it, so that you may run jobs as the principal to create; or give an existing "
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
        "account_host is not set: the groups are created in the account: give the address of your cloud's console",
    ),
    (
        {"operators": "team", "readers": "team"},
        "readers is 'team': operators and readers must be two groups: name another",
    ),
    (
        {"distribute_above": "5"},
        "workers is not set: distribute_above needs workers to distribute to: set it to 1 or more",
    ),
    (
        {"model": "ours"},
        "model_permissions is not set: for a custom endpoint set manage (this stack replaces its permissions) or "
        "given (you have granted CAN_QUERY to the job's principal)",
    ),
    (
        {"model_permissions": "manage"},
        "model_permissions is 'manage': this model's permissions can't be managed: leave it out",
    ),
    (
        {"model_permissions": "manage", "model": "gpt", "openai_base_url": "https://models.example.org/v1"},
        "model_permissions is 'manage': this model's permissions can't be managed: leave it out",
    ),
    (
        {"price_a_month": "100", "output_price": "0.4"},
        "input_price is not set: price_a_month needs both prices: set it to the price of a million tokens",
    ),
    (
        {"price_a_month": "100", "input_price": "0.1", "output_price": "0"},
        "output_price is '0': price_a_month needs both prices: set it to the price of a million tokens",
    ),
    *(
        ({key: str(least_call(512).total - 1)}, f"{key} is '{least_call(512).total - 1}': {NO_CALL}")
        for key in TOKEN_CEILINGS
    ),
    (
        {"price_a_month": "0.0001", "input_price": "1", "output_price": "1"},
        f"price_a_month is '0.0001': {NO_CALL}",
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


def test_the_models_own_report_does_not_quote_what_was_given() -> None:
    with pytest.raises(ValidationError) as fault:
        StackSettings.model_validate({"environment": "dev", "workers": SECRET, "telegram_token": {SECRET: SECRET}})
    assert SECRET not in str(fault.value)
