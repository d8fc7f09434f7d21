"""The committed stacks: each runs through the program itself, as the engine would start it, in every mode."""

from __future__ import annotations

import functools
import inspect
import itertools
import json
import re
import runpy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import pulumi
import pulumi_aws as aws
import pulumi_databricks as databricks
import pytest
import yaml
from pulumi.output import Unknown

from infra.outputs import Outputs
from infra.policy.declared import UNKNOWN
from infra.policy.declared import Declared as Judged
from infra.policy.rules import RULES
from infra.settings import PROJECT, StackSettings
from infra.stack_config import read_stack_settings
from tests.support.program import APPLICATION, HOST, Declared, Run, run_program

ROOT = Path(__file__).resolve().parents[2]
PROGRAM: dict[str, Any] = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
STACKS = ("dev", "staging", "prod")
TOKEN = "42:" + "x" * 35
ACCOUNT_ID = "0d26daa6-5e44-4c97-a497-ef015f91254a"

PLACES: dict[str, dict[str, str]] = {
    "existing": {"host": HOST},
    "created": {"workspace": "create", "region": "eu-west-1", "metastore_id": "m", "create_groups": "true"},
}
CASES = list(itertools.product(STACKS, PLACES, ("continuous", "triggered"), (False, True)))


def committed(stack: str) -> dict[str, str]:
    """A stack's configuration as the engine passes it: the project's defaults below the stack's file, all as texts."""
    own = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    defaults = {f"{PROJECT}:{key}": described["default"] for key, described in PROGRAM["config"].items()}
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in {**defaults, **own}.items()}


def configured(stack: str, **settings: str) -> dict[str, str]:
    account = {f"{PROJECT}:account_id": ACCOUNT_ID}
    return {**committed(stack), **account, **{f"{PROJECT}:{key}": value for key, value in settings.items()}}


def run_main(config: Mapping[str, str], stack: str, *, preview: bool = False, run: Run | None = None) -> Run:
    """Run infra/ as the engine does, with what it exports as the run's outputs."""

    def program() -> dict[str, Any]:
        exported: dict[str, Any] = {}
        with mock.patch.object(pulumi, "export", exported.__setitem__):
            runpy.run_path(str(ROOT / "infra"), run_name="__main__")
        return exported

    pulumi.runtime.set_all_config(dict(config), [f"{PROJECT}:telegram_token"])
    try:
        return run_program(program, stack=stack, preview=preview, run=run)
    finally:
        pulumi.runtime.set_all_config({}, [])


@functools.cache
def deployed(stack: str, place: str, mode: str, preview: bool) -> Run:
    groups = {"operators": f"{stack}-operators", "readers": f"{stack}-readers"}
    config = configured(stack, **PLACES[place], **groups, mode=mode, telegram_token=TOKEN)
    return run_main(config, stack, preview=preview)


@pytest.fixture(params=CASES, ids=lambda case: "-".join([*case[:3], "preview" if case[3] else "up"]))
def case(request: pytest.FixtureRequest) -> tuple[str, str, str, bool]:
    stack, place, mode, preview = request.param
    return stack, place, mode, preview


def texts(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from (str(key), *texts(item))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts(item)
    elif not isinstance(value, Unknown):
        yield str(value)


def custom(run: Run) -> list[Declared]:
    """Everything that a provider makes."""
    return [one for one in run.resources if one.custom and not one.type.startswith("pulumi:providers:")]


def test_the_project_runs_the_program_on_its_own_environment() -> None:
    assert PROGRAM["name"] == PROJECT
    assert PROGRAM["main"] == "infra"
    assert (ROOT / PROGRAM["main"] / "__main__.py").is_file()
    assert PROGRAM["runtime"] == {"name": "python", "options": {"toolchain": "pip", "virtualenv": ".venv"}}


def test_the_project_describes_every_setting_with_its_type_and_default() -> None:
    kinds = {bool: "boolean", int: "integer"}
    expected = {}
    for key, field in StackSettings.model_fields.items():
        if key in ("environment", "telegram_token"):
            continue
        expected[key] = (kinds.get(type(field.default), "string"), field.description)
    assert {key: (one["type"], one["description"]) for key, one in PROGRAM["config"].items()} == expected
    python = {"boolean": bool, "integer": int, "string": str}
    assert [key for key, one in PROGRAM["config"].items() if type(one["default"]) is not python[one["type"]]] == []


def test_the_projects_defaults_are_the_models() -> None:
    defaults = {f"{PROJECT}:{key}": str(one["default"]) for key, one in PROGRAM["config"].items()}
    least = {f"{PROJECT}:host": HOST, f"{PROJECT}:account_id": "acc"}
    assert read_stack_settings("dev", {**defaults, **least}) == read_stack_settings("dev", least)


@pytest.mark.parametrize("stack", STACKS)
def test_a_committed_stack_needs_a_host_and_an_account_and_nothing_else(stack: str) -> None:
    settings = read_stack_settings(stack, configured(stack, host=HOST))
    assert settings.environment == stack
    assert settings.protect is (stack == "prod")
    assert settings.spot is (stack != "prod")


@pytest.mark.parametrize("stack", STACKS)
def test_a_committed_stack_names_no_workspace_no_account_and_no_secret(stack: str) -> None:
    own = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())
    assert set(own) == {"config"}
    assert {"host", "account_id", "telegram_token"} & {key.partition(":")[2] for key in own["config"]} == set()


@pytest.mark.parametrize("stack", STACKS)
def test_a_committed_stack_switches_the_default_providers_off_of_all_that_the_program_uses(stack: str) -> None:
    switched_off = set(json.loads(committed(stack)["pulumi:disable-default-providers"]))
    used = {one.package for one in custom(deployed(stack, "created", "continuous", False))}
    assert used == {"aws", "databricks"}
    assert used <= switched_off


def test_every_resource_has_the_explicit_provider_of_its_workspace_or_account(case: tuple[str, str, str, bool]) -> None:
    run = deployed(*case)
    of_account = {"MwsCredentials", "MwsStorageConfigurations", "MwsWorkspaces", "MetastoreAssignment", "Group"}
    assert len(custom(run)) > 35
    for one in custom(run):
        place = "account" if one.kind in of_account else "workspace-provider"
        assert one.provider_name == (place if one.package == "databricks" else "workspace-aws-provider"), one.name
        assert one.provider.split("::")[2].endswith(f"pulumi:providers:{one.package}"), one.name


def test_every_lookup_has_an_explicit_provider_too(case: tuple[str, str, str, bool]) -> None:
    calls = deployed(*case).calls
    assert {call.token.rsplit(":", 1)[-1] for call in calls} >= {"getTables", "getCurrentUser"}
    assert [call.token for call in calls if "::" not in call.provider] == []


def test_the_providers_are_those_of_the_settings_and_hold_no_credentials(case: tuple[str, str, str, bool]) -> None:
    run = deployed(*case)
    providers = {one.name: one.inputs for one in run.resources if one.type.startswith("pulumi:providers:")}
    if case[1] == "existing":
        assert providers == {"workspace-provider": {"host": HOST}}
        return
    assert set(providers) == {"account", "workspace-provider", "workspace-aws-provider"}
    assert providers["account"] == {"host": "https://accounts.cloud.databricks.com", "accountId": ACCOUNT_ID}
    assert set(providers["workspace-provider"]) == {"host"}
    assert isinstance(providers["workspace-provider"]["host"], Unknown) is case[3]
    # What else it has are the SDK's own defaults.
    assert providers["workspace-aws-provider"]["region"] == "eu-west-1"
    assert {"accessKey", "secretKey", "token", "profile"} & set(providers["workspace-aws-provider"]) == set()


def test_the_token_is_in_one_secret_input_and_nowhere_else(case: tuple[str, str, str, bool]) -> None:
    run = deployed(*case)
    (secret,) = run.of("Secret")
    assert [one.name for one in run.resources if TOKEN in texts(one.inputs)] == [secret.name]
    assert [key for key, value in secret.inputs.items() if TOKEN in texts(value)] == ["stringValue"]
    assert "stringValue" in secret.secret_inputs
    assert secret.ignored == ("stringValue",)
    assert [call.token for call in run.calls if TOKEN in str(call.args)] == []
    assert TOKEN not in str(run.outputs)


def test_the_outputs_are_what_the_scripts_read(case: tuple[str, str, str, bool]) -> None:
    stack, place, mode, preview = case
    outputs = deployed(*case).outputs
    if preview:
        # What is not known yet is left out; the rest is as it will be.
        assert {"environment": stack, "trigger": mode}.items() <= outputs.items()
        assert set(outputs) <= set(Outputs.model_fields)
        return
    assert set(outputs) == set(Outputs.model_fields)
    read = Outputs.model_validate(outputs)
    catalog = f"telegram_lakehouse_{stack}"
    assert read.model_dump(exclude={"operators", "readers"}) == {
        "environment": stack,
        "host": HOST if place == "existing" else "https://dbc-99.cloud.databricks.com",
        "job_id": "4711",
        "job_url": "https://dbc-1.cloud.databricks.com/#job/4711",
        "trigger": mode,
        "service_principal": APPLICATION,
        "secret_scope": f"telegram-lakehouse-{stack}",
        "catalog": catalog,
        "schema_name": "telegram",
        "bronze": f"{catalog}.telegram.bronze",
        "silver": f"{catalog}.telegram.silver",
        "quarantine": f"{catalog}.telegram.quarantine",
        "feedback": f"{catalog}.telegram.feedback",
        "answers": f"{catalog}.telegram.answers",
        "landing": f"/Volumes/{catalog}/telegram/landing",
        "storage": f"/Volumes/{catalog}/telegram/state",
        "artifacts": f"/Volumes/{catalog}/telegram/artifacts",
        "warehouse_id": "catalog-warehouse-id",
        "dashboard_url": f"{read.host}/dashboardsv3/d4sh/published",
        "model": "databricks-gpt-oss-20b",
        "model_source": "databricks",
        "model_url": f"{read.host}/serving-endpoints",
        "telegram_api_url": "https://api.telegram.org",
        "aws_secrets": "",
        "aws_region": "",
        "smoke_chat": "",
    }
    assert (read.operators, read.readers) == (f"{stack}-operators", f"{stack}-readers")


def tag_inputs(of: Declared) -> set[str]:
    """The inputs of a resource's class that take tags, as the engine names them."""
    module: Any = databricks
    if of.package == "aws":
        module = getattr(aws, of.type.split(":")[1].split("/")[0])
    parameters = inspect.signature(getattr(module, of.kind)._internal_init).parameters
    return {"customTags" if name == "custom_tags" else name for name in ("tags", "custom_tags") if name in parameters}


def test_every_resource_that_takes_tags_has_them(case: tuple[str, str, str, bool]) -> None:
    stack, place, _, _ = case
    run = deployed(*case)
    tagged = [(one, key) for one in custom(run) for key in tag_inputs(one)]
    expected = {"Job", "SqlEndpoint"} | ({"Bucket", "MwsWorkspaces", "Role"} if place == "created" else set())
    assert {one.kind for one, _ in tagged} == expected
    for one, key in tagged:
        given = one.inputs[key]
        if one.kind == "SqlEndpoint":
            given = {tag["key"]: tag["value"] for tag in given["customTags"]}
        assert given == {"environment": stack, "product": PROJECT}, one.name


def test_everything_that_holds_data_is_protected_in_production_and_only_there(case: tuple[str, str, str, bool]) -> None:
    stack, place, _, _ = case
    run = deployed(*case)
    holding = {
        *("catalog-catalog", "catalog-schema", "catalog-landing", "catalog-state", "secrets-scope"),
        *("catalog-bronze", "catalog-silver", "catalog-quarantine", "catalog-feedback"),
        *(("workspace-workspace", "workspace-aws-root") if place == "created" else ()),
    }
    expected = holding if stack == "prod" else set()
    assert {one.name for one in run.resources if one.protect} == expected
    kept = {one.name for one in run.resources if one.retain_on_delete}
    # The first token goes with its scope, and wheels with their volume.
    assert kept - {"secrets-first-token", "job-wheel"} == expected


def test_the_job_has_the_mode_of_the_settings(case: tuple[str, str, str, bool]) -> None:
    mode = case[2]
    inputs = deployed(*case).one("Job").inputs
    assert ("continuous" in inputs, "schedule" in inputs) == (mode == "continuous", mode == "triggered")
    parameters = inputs["tasks"][0]["pythonWheelTask"]["parameters"]
    assert ("--once" in parameters) is (mode == "triggered")


def plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return UNKNOWN if isinstance(value, Unknown) else value


def test_no_policy_is_broken(case: tuple[str, str, str, bool]) -> None:
    stack = case[0]
    judged = [
        Judged(one.package, one.kind, stack, plain(one.inputs), one.protect, one.provider_name or None)
        for one in custom(deployed(*case))
    ]
    assert [f"{one.kind}: {fault}" for one in judged for rule in RULES for fault in rule.faults(one)] == []


def test_a_preview_declares_what_an_up_declares(case: tuple[str, str, str, bool]) -> None:
    *which, _ = case
    stack, place, mode = which
    names = [{one.name for one in deployed(stack, place, mode, preview).resources} for preview in (True, False)]
    assert names[0] == names[1]


NAMES = {
    "AlertV2": "displayName",
    "Bucket": "bucket",
    "Catalog": "name",
    "Dashboard": "displayName",
    "Directory": "path",
    "Group": "displayName",
    "Job": "name",
    "MwsCredentials": "credentialsName",
    "MwsStorageConfigurations": "storageConfigurationName",
    "MwsWorkspaces": "workspaceName",
    "Role": "name",
    "SecretScope": "name",
    "ServicePrincipal": "displayName",
    "SqlEndpoint": "name",
}
"""What must not be the same in two environments that share a workspace or an account."""


@pytest.mark.parametrize("stack", STACKS)
def test_every_name_carries_the_environment(stack: str) -> None:
    run = deployed(stack, "created", "continuous", False)
    found = [(one.kind, str(one.inputs[NAMES[one.kind]])) for one in custom(run) if one.kind in NAMES]
    assert {kind for kind, _ in found} == set(NAMES)
    assert [(kind, name) for kind, name in found if stack not in re.split(r"[-_/ ]", name)] == []


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"host": ""}, "host is not set: set it to the workspace's address, or set workspace to create"),
        ({"protect": "false"}, "protect is 'false': production data must be protected: set it to true"),
        ({"hosst": "x"}, "hosst is no setting: did you mean host?"),
        (
            {"model_url": "https://models.example.org/v1"},
            "model_url is now openai_base_url: rename it in the stack's configuration",
        ),
    ],
)
def test_an_invalid_setting_ends_the_program_before_anything_is_declared(changes: dict[str, str], line: str) -> None:
    run = Run()
    with pytest.raises(pulumi.RunError) as fault:
        run_main(configured("prod", **{"host": HOST, **changes}), "prod", run=run)
    assert str(fault.value) == line
    assert fault.value.__cause__ is None
    assert (run.resources, run.calls) == ([], [])


def test_a_token_in_plain_text_ends_the_program_without_being_shown() -> None:
    config = configured("dev", host=HOST, telegram_token=TOKEN)
    run = Run()

    def program() -> None:
        runpy.run_path(str(ROOT / "infra"), run_name="__main__")

    pulumi.runtime.set_all_config(config, [])
    with pytest.raises(pulumi.RunError, match=r"^telegram_token is held in plain text") as fault:
        run_program(program, run=run)
    pulumi.runtime.set_all_config({}, [])
    assert TOKEN not in str(fault.getrepr(showlocals=False, style="short"))
    assert run.resources == []
