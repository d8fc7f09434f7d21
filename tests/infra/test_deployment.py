"""One environment put together: what the settings become."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from typer.main import get_group

import pipeline.cli
from infra.deployment import deploy, export
from infra.outputs import Outputs
from infra.settings import PROJECT
from infra.stack_config import read_stack_settings
from pipeline.settings import RunSettings, read_run_settings
from tests.support.engine import run_process
from tests.support.program import APPLICATION, HOST, Run, run_program

ACCOUNT_ID = "0d26daa6-5e44-4c97-a497-ef015f91254a"
GIVEN = {"host": HOST, "account_id": ACCOUNT_ID, "operators": "operators", "readers": "readers"}
CREATED = {"workspace": "create", "host": "", "region": "eu-west-1", "metastore_id": "m"}
OPENAI = {"model": "gpt", "openai_base_url": "https://models.example.org/v1"}


def deployed(
    settings: Mapping[str, str] | None = None, *, preview: bool = False, calls: dict[str, Any] | None = None
) -> Run:
    config = {f"{PROJECT}:{key}": value for key, value in {**GIVEN, **(settings or {})}.items()}
    return run_program(lambda: deploy(read_stack_settings("dev", config)), preview=preview, calls=calls)


@pytest.fixture(scope="module")
def whole() -> Run:
    return deployed()


def parameters(run: Run) -> list[str]:
    (task,) = run.one("Job").inputs["tasks"]
    return list(task["pythonWheelTask"]["parameters"])


def parsed(command_line: list[str]) -> tuple[RunSettings, bool]:
    """The run's settings, and whether it runs once, as the command line of the wheel takes them."""
    command, *options = command_line
    with get_group(pipeline.cli.app).commands[command].make_context(command, options) as context:
        values = dict(context.params)
    return read_run_settings({key: values[key] for key in RunSettings.model_fields}), values["once"]


def test_the_jobs_parameters_name_every_place(whole: Run) -> None:
    assert parameters(whole) == [
        "run",
        "--answer-format=plain",
        "--bronze=telegram_lakehouse_dev.telegram.bronze",
        "--concurrency=64",
        "--context-hours=24.0",
        "--context-tokens=2000",
        "--context-turns=10",
        "--drafts=on",
        "--feedback=on",
        "--feedback-table=telegram_lakehouse_dev.telegram.feedback",
        "--landing=/Volumes/telegram_lakehouse_dev/telegram/landing",
        "--max-tokens=512",
        "--model=databricks-gpt-oss-20b",
        "--model-source=databricks",
        "--on-unknown=hold",
        "--quarantine=telegram_lakehouse_dev.telegram.quarantine",
        "--secret-scope=telegram-lakehouse-dev",
        "--silver=telegram_lakehouse_dev.telegram.silver",
        "--storage=/Volumes/telegram_lakehouse_dev/telegram/state",
        "--telegram-api-url=https://api.telegram.org",
    ]


VARIANTS: list[tuple[dict[str, str], dict[str, Any]]] = [
    ({}, {"model_source": "databricks", "secret_scope": "telegram-lakehouse-dev", "distribute_above": None}),
    (OPENAI, {"model_source": "openai", "model": "gpt"}),
    ({"allowed_chats": "7, -100,3"}, {"allowed_chats": frozenset({-100, 3, 7}), "allowed_users": frozenset()}),
    ({"allowed_users": "99, 3"}, {"allowed_users": frozenset({3, 99}), "allowed_chats": frozenset()}),
    ({"workers": "2", "distribute_above": "50"}, {"distribute_above": 50}),
    ({"workers": "2"}, {"distribute_above": None}),
    (
        {"max_tokens": "9", "concurrency": "3", "on_unknown": "resend", "answer_format": "html"},
        {"max_tokens": 9, "concurrency": 3, "on_unknown": "resend", "answer_format": "html"},
    ),
    (
        {"context_turns": "0", "drafts": "off", "feedback": "off"},
        {"context_turns": 0, "drafts": "off", "feedback": "off"},
    ),
    (
        {"price_a_month": "20", "input_price": "0.1", "output_price": "0.4", "user_tokens_a_day": "9000"},
        {"price_a_month": 20.0, "input_price": 0.1, "output_price": 0.4, "user_tokens_a_day": 9000, "tokens_a_day": 0},
    ),
]


@pytest.mark.parametrize(("settings", "expected"), VARIANTS, ids=lambda value: ",".join(value) or "least")
def test_a_run_accepts_each_parameter_and_reads_the_value_that_was_set(
    settings: dict[str, str], expected: dict[str, Any]
) -> None:
    run, once = parsed(parameters(deployed(settings)))
    assert run.model_dump(include=set(expected)) == expected
    assert not once


def test_the_model_of_another_server_is_asked_at_its_address(whole: Run) -> None:
    assert "--openai-base-url=https://models.example.org/v1" in parameters(deployed(OPENAI))
    assert not any(parameter.startswith("--openai-base-url") for parameter in parameters(whole))


def test_a_triggered_run_ends_when_all_is_answered() -> None:
    _, once = parsed(parameters(deployed({"mode": "triggered"})))
    assert once


@pytest.mark.parametrize("key", ["allowed_chats", "allowed_users"])
def test_the_order_of_the_ids_does_not_change_the_parameters(key: str) -> None:
    one, other = (parameters(deployed({key: text})) for text in ("3,1,-2", "-2,3,1"))
    assert one == other


def test_the_job_is_created_after_its_principal_has_every_right_that_a_run_needs() -> None:
    run = deployed({"model": "ours", "model_permissions": "manage"})
    needed = {grant.name for grant in run.of("Grant") if grant.inputs["principal"] == APPLICATION}
    assert len(needed) == 9
    needed |= {"secrets-job-reads", "identity-principal-users", "model-permissions"}
    # The component waits for them, and all that is in it for the component.
    component, job = run.named("job"), run.one("Job")
    assert needed <= {urn.rsplit("::", 1)[-1] for urn in component.depends_on}
    assert job.parent.endswith("::job")
    order = [one.name for one in run.resources]
    assert max(map(order.index, needed)) < order.index("job") < order.index(job.name)
    assert any(urn.endswith("::job-wheel") for urn in job.depends_on)


def test_only_an_endpoint_that_the_stack_manages_gets_permissions(whole: Run) -> None:
    def on_endpoints(run: Run) -> list[dict[str, Any]]:
        return [one.inputs for one in run.of("Permissions") if "servingEndpointId" in one.inputs]

    assert on_endpoints(whole) == []
    assert on_endpoints(deployed(OPENAI)) == []
    assert on_endpoints(deployed({"model": "ours", "model_permissions": "given"})) == []
    (managed,) = on_endpoints(deployed({"model": "ours", "model_permissions": "manage"}))
    assert managed["servingEndpointId"] == "e1"


def principals(value: object) -> Iterator[str]:
    """Whoever is named in a right, wherever that is."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key in ("principal", "groupName", "userName", "servicePrincipalName"):
                yield str(item)
            elif key == "principals":
                yield from map(str, item)
            else:
                yield from principals(item)
    elif isinstance(value, list):
        for item in value:
            yield from principals(item)


def named(run: Run) -> set[str]:
    return {who for one in run.resources for who in principals(one.inputs)}


def test_only_the_job_the_two_groups_and_the_deployer_have_rights(whole: Run) -> None:
    assert named(whole) == {APPLICATION, "operators", "readers", "users/ada@example.org"}
    alone = deployed({"operators": "", "readers": "", "service_principal": "app-1", "account_id": ""})
    assert named(alone) == {"app-1"}


def test_deployers_may_be_a_group() -> None:
    assert "groups/deployers" in named(deployed({"deployers": "deployers"}))
    assert "users/ada@example.org" not in named(deployed({"deployers": "deployers"}))


def test_the_reports_are_in_the_deployers_home_unless_a_folder_is_named(whole: Run) -> None:
    assert whole.one("Directory").inputs["path"] == "/Users/ada@example.org/telegram-lakehouse-dev"
    elsewhere = deployed({"folder": "/Workspace/Teams/bot"})
    assert elsewhere.one("Directory").inputs["path"] == "/Teams/bot/telegram-lakehouse-dev"
    assert {alert.inputs["parentPath"] for alert in elsewhere.of("AlertV2")} == {
        "/Workspace/Teams/bot/telegram-lakehouse-dev"
    }


@pytest.mark.parametrize("groups", ["true", "false"])
def test_groups_are_created_in_the_account_or_used_as_they_are(groups: str) -> None:
    run = deployed({"create_groups": groups})
    made = groups == "true"
    assert {group.provider_name for group in run.of("Group")} == ({"account"} if made else set())
    assert any(one.name == "account" for one in run.resources) is made


def test_the_first_preview_of_a_new_workspace_asks_it_nothing() -> None:
    # The engine has no answer for a provider that is not configured yet: the program accepts that.
    run = deployed(CREATED, preview=True)
    assert len(run.of("SqlTable")) == 5
    assert [one.name for one in run.resources if one.import_id] == []
    assert len(run.of("Job")) == 1


def test_the_whole_program_imports_tables_and_the_view_that_exist() -> None:
    full = [f"main.telegram_dev.{name}" for name in ("bronze", "silver", "quarantine", "feedback")]
    view = "main.telegram_dev.answers"
    run = deployed({"catalog": "main"}, calls={"getTables": {"ids": full}, "getViews": {"ids": [view]}})
    assert {one.import_id for one in run.resources if one.import_id} == {*full, view}
    assert run.of("Catalog") == []


def test_the_outputs_say_where_else_secrets_are_stored() -> None:
    outputs = deployed({"aws_secrets": "bot/dev", "aws_region": "eu-west-1", "smoke_chat": "-100"}).outputs
    assert (outputs["aws_secrets"], outputs["aws_region"], outputs["smoke_chat"]) == ("bot/dev", "eu-west-1", "-100")
    assert deployed(OPENAI).outputs["model_url"] == "https://models.example.org/v1"


def test_a_stack_with_dashes_in_its_name_has_a_catalog_that_needs_no_quotes() -> None:
    config = {f"{PROJECT}:{key}": value for key, value in GIVEN.items()}
    run = run_program(lambda: deploy(read_stack_settings("dev-eu", config)), stack="dev-eu")
    assert run.one("Catalog").inputs["name"] == "telegram_lakehouse_dev_eu"


def test_outputs_that_the_scripts_do_not_know_are_not_exported() -> None:
    with pytest.raises(AssertionError):
        export({**dict.fromkeys(Outputs.model_fields, ""), "more": ""})
    with pytest.raises(AssertionError):
        export({})


@pytest.mark.e2e
def test_two_processes_declare_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def declared(seed: str) -> dict[str, tuple[str, dict[str, Any]]]:
        # Where the order of a set reached an input, it would differ from one process to the next.
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        mails = ",".join(f"user{number}@example.org" for number in range(9))
        ids = ",".join(map(str, range(9)))
        tags = ",".join(f"tag{number}=value" for number in range(9))
        done = run_process({**GIVEN, "alert_emails": mails, "allowed_chats": ids, "allowed_users": ids, "tags": tags})
        assert done.exit_code == 0, done.output
        return {one.name: (one.type, one.inputs) for one in done.run.resources}

    one, other = declared("1"), declared("2")
    assert len(one) > 40
    assert one == other


def test_without_reports_there_is_neither_dashboard_nor_alert() -> None:
    run = deployed({"reports": "false"})
    assert [one.name for one in run.resources if one.kind in {"Dashboard", "AlertV2", "Alerts", "Directory"}] == []
    assert run.outputs["dashboard_url"] == ""
    assert run.one("Job")
