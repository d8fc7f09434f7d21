"""The way of every setting: from the stack's configuration, over the job's parameters, into the run's settings."""

from __future__ import annotations

from typing import Any, get_args

import pulumi
import pytest
from pydantic.fields import FieldInfo
from typer.main import get_group

import pipeline.cli
from infra.job_parameters import job_parameters
from infra.settings import StackSettings
from pipeline.settings import RunSettings, read_run_settings
from tests.support.program import run_program
from tests.support.stacks import read

STAY = {
    *("environment", "protect", "tags"),
    *("workspace", "host", "account_id", "account_host", "region", "metastore_id", "aws_role_arn", "aws_root_bucket"),
    *("vpc_id", "subnet_ids", "security_group_ids"),
    *("service_principal", "operators", "readers", "create_groups", "deployers", "folder"),
    *("catalog", "adopt", "catalog_storage", "schema_name", "warehouse_id"),
    *("mode", "schedule", "paused", "runtime", "node_type", "spot", "workers"),
    *("backlog_seconds", "reports", "alert_minutes", "max_run_seconds", "alert_emails"),
    *("model_permissions", "smoke_chat", "aws_secrets", "aws_region", "telegram_token"),
}
"""The settings that infra uses itself. `mode` becomes the flag --once of a triggered run."""

REACH = sorted(StackSettings.model_fields.keys() - STAY)
"""All others. Whoever adds a setting adds it above, or gives an example of it below."""

EXAMPLES: dict[str, list[dict[str, str]]] = {
    "allowed_chats": [{"allowed_chats": "7, -100,3"}],
    "allowed_users": [{"allowed_users": "99, -100,3"}],
    "answer_format": [{"answer_format": "plain"}, {"answer_format": "html"}],
    "chat_tokens_a_day": [{"chat_tokens_a_day": "5000"}, {"chat_tokens_a_day": "250000"}],
    "concurrency": [{"concurrency": "1"}, {"concurrency": "1000"}],
    "context_hours": [{"context_hours": "0.5"}, {"context_hours": "720"}],
    "context_tokens": [{"context_tokens": "1"}, {"context_tokens": "1000000"}],
    "context_turns": [{"context_turns": "0"}, {"context_turns": "100"}],
    "distribute_above": [{"distribute_above": "1", "workers": "1"}, {"distribute_above": "5000", "workers": "2"}],
    "drafts": [{"drafts": "on"}, {"drafts": "off"}],
    "feedback": [{"feedback": "on"}, {"feedback": "off"}],
    "input_price": [{"input_price": "0.00001"}, {"input_price": "2.5"}],
    "max_tokens": [{"max_tokens": "1"}, {"max_tokens": "100000"}],
    "model": [{"model": "databricks-gpt-oss-120b"}],
    "on_unknown": [{"on_unknown": "hold"}, {"on_unknown": "resend"}],
    "openai_base_url": [{"openai_base_url": "https://models.example.org/v1", "model": "gpt"}],
    "output_price": [{"output_price": "0.00002"}, {"output_price": "10"}],
    "price_a_month": [{"price_a_month": "99.5", "input_price": "0.5", "output_price": "1.5"}],
    "privacy_contact": [{"privacy_contact": "Ada & Bob (data@example.org)"}],
    "telegram_api_url": [{"telegram_api_url": "http://127.0.0.1:8081"}],
    "tokens_a_day": [{"tokens_a_day": "1000000"}],
    "user_tokens_a_day": [{"user_tokens_a_day": "5000"}, {"user_tokens_a_day": "200000"}],
}

NOT_GIVEN: dict[str, object] = {
    "allowed_chats": frozenset(),
    "allowed_users": frozenset(),
    "chat_tokens_a_day": 0,
    "distribute_above": None,
    "input_price": 0.0,
    "output_price": 0.0,
    "price_a_month": 0.0,
    "privacy_contact": "",
    "tokens_a_day": 0,
    "user_tokens_a_day": 0,
}
"""What the run takes for a setting that the stack leaves empty or at 0, and so does not pass. An `openai_base_url` that
is not given is not used: the model's source is then the workspace."""

CREATED: dict[str, pulumi.Input[str]] = {
    "secret_scope": "bot-dev",
    "storage": "/Volumes/lake/bot/state",
    "landing": "/Volumes/lake/bot/landing",
    "bronze": "lake.bot.bronze",
    "silver": "lake.bot.silver",
    "quarantine": "lake.bot.quarantine",
    "feedback_table": "lake.bot.feedback",
}


def parameters(settings: StackSettings) -> list[str]:
    run = run_program(lambda: {"all": pulumi.Output.all(*job_parameters(settings, CREATED))})
    return list(run.outputs["all"])


def parsed(options: list[str]) -> RunSettings:
    """The run's settings, as the command line of the wheel reads them."""
    with get_group(pipeline.cli.app).commands["run"].make_context("run", list(options)) as context:
        values = dict(context.params)
    return read_run_settings({key: values[key] for key in RunSettings.model_fields})


def named(options: list[str]) -> set[str]:
    """The settings that a command line gives."""
    return {option.partition("=")[0].removeprefix("--").replace("-", "_") for option in options}


def same_form(value: Any) -> object:
    """A value in a form that stack and run have in common: a set for a list, an address without a slash at its end."""
    if isinstance(value, tuple):
        return frozenset(value)
    return value if isinstance(value, int | float | frozenset) else str(value).rstrip("/")


def bounds(field: FieldInfo) -> set[str]:
    return {repr(rule) for rule in field.metadata if type(rule).__module__ == "annotated_types"}


def takes_0(name: str) -> bool:
    return "Ge(ge=0)" in bounds(StackSettings.model_fields[name])


def test_every_setting_of_the_stack_stays_in_infra_or_is_an_option_of_the_run() -> None:
    options = {name for option in get_group(pipeline.cli.app).commands["run"].params for name in option.opts}
    assert StackSettings.model_fields.keys() >= STAY
    assert {f"--{name.replace('_', '-')}" for name in REACH} <= options
    assert set(REACH) == set(EXAMPLES)
    assert set(REACH) <= set(RunSettings.model_fields)
    # What infra uses itself has no name of the run's: it would be passed to it.
    assert STAY.isdisjoint(RunSettings.model_fields)


@pytest.mark.parametrize(("name", "given"), [(name, given) for name in REACH for given in EXAMPLES[name]])
def test_a_value_that_a_stack_sets_arrives_in_the_run_unchanged(name: str, given: dict[str, str]) -> None:
    settings = read(**given)
    options = parameters(settings)
    assert name in named(options)
    assert same_form(getattr(parsed(options), name)) == same_form(getattr(settings, name))


def test_what_a_stack_does_not_set_the_run_takes_as_the_stack_means_it() -> None:
    settings = read()
    options = parameters(settings)
    run = parsed(options)
    left_out = set(REACH) - named(options)
    assert left_out == {*NOT_GIVEN, "openai_base_url"}
    assert {name: getattr(run, name) for name in NOT_GIVEN} == NOT_GIVEN
    assert (run.model_source, settings.openai_base_url) == ("databricks", "")
    for name in set(REACH) - left_out:
        assert same_form(getattr(run, name)) == same_form(getattr(settings, name)), name


@pytest.mark.parametrize("name", REACH)
def test_an_empty_text_is_as_if_the_setting_was_not_given(name: str) -> None:
    # The model alone has no default in the run: the stack's is passed.
    assert parameters(read(**{name: ""})) == parameters(read())


@pytest.mark.parametrize("name", [name for name in REACH if takes_0(name)])
def test_a_0_is_in_the_run_what_it_is_in_the_stack(name: str) -> None:
    run = parsed(parameters(read(**{name: "0"})))
    assert getattr(run, name) == NOT_GIVEN.get(name, 0)


def test_a_0_is_allowed_in_ceilings_prices_and_the_number_of_turns() -> None:
    assert {name for name in REACH if takes_0(name)} == {
        *("context_turns", "distribute_above", "input_price", "output_price"),
        *("user_tokens_a_day", "chat_tokens_a_day", "tokens_a_day", "price_a_month"),
    }


def test_memory_that_a_stack_switches_off_is_off_in_the_run() -> None:
    options = parameters(read(context_turns="0"))
    assert "--context-turns=0" in options
    assert parsed(options).context_turns == 0


def test_a_setting_that_both_have_has_the_same_default_in_both() -> None:
    run = RunSettings()
    differing = {
        name
        for name in REACH
        if same_form(getattr(run, name)) != same_form(StackSettings.model_fields[name].get_default())
    }
    # The run has none of the workspace's models; the other two are not given by the stack.
    assert differing == {"model", "distribute_above", "openai_base_url"}


def test_the_limits_of_a_setting_can_be_compared() -> None:
    assert bounds(RunSettings.model_fields["concurrency"]) == {"Ge(ge=1)", "Le(le=1000)"}


@pytest.mark.parametrize("name", REACH)
def test_stack_and_run_allow_the_same_values(name: str) -> None:
    stack, run = StackSettings.model_fields[name], RunSettings.model_fields[name]
    assert bounds(stack) == bounds(run)
    choices = [get_args(field.annotation) for field in (stack, run)]
    if any(isinstance(choice, str) for choice in choices[0] + choices[1]):
        assert choices[0] == choices[1]
    # False would not be passed to the run, whatever the run's default.
    assert stack.annotation is not bool


def test_every_parameter_of_the_job_is_a_setting_of_the_run() -> None:
    every = {key: value for name in REACH for given in EXAMPLES[name] for key, value in given.items()}
    options = parameters(read(**every))
    assert named(options) == {*REACH, *CREATED, "model_source"}
    assert options == sorted(options, key=lambda option: option.partition("=")[0])
    run = parsed(options)
    assert {name: str(getattr(run, name)) for name in CREATED} == CREATED
    assert run.model_source == "openai"
    # What was created is no setting of the stack's: it has one source.
    assert CREATED.keys().isdisjoint(StackSettings.model_fields)


def test_a_triggered_job_runs_once() -> None:
    assert parameters(read(mode="triggered")) == [*parameters(read()), "--once"]
