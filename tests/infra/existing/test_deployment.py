"""What a deployment finds of itself: the whole program, against workspaces that hold more or less of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
import pytest

from infra.deployment import deploy
from infra.existing.mark import CATALOG_COMMENT, SCHEMA_COMMENT
from infra.settings import PROJECT
from infra.stack_config import read_stack_settings
from tests.support.program import HOST, Run, run_program

GIVEN = {"host": HOST, "account_id": "0d26daa6-5e44-4c97-a497-ef015f91254a"}
NAME = "telegram-lakehouse-dev"
MARK = {"deployed_by": "telegram-lakehouse/dev"}
CATALOG, SCHEMA = "telegram_lakehouse_dev", "telegram_lakehouse_dev.telegram"
VOLUMES = [f"{SCHEMA}.{volume}" for volume in ("landing", "state", "artifacts")]
TABLES = [f"{SCHEMA}.{table}" for table in ("bronze", "silver", "quarantine", "feedback")]
ANSWERS = f"{SCHEMA}.answers"


def principal(name: str, scim: str, *, active: bool = True) -> dict[str, Any]:
    texts = dict.fromkeys(("aclPrincipalId", "externalId", "home", "repos"), "")
    ids = {"id": scim, "scimId": scim, "spId": scim, "applicationId": f"app-{scim}"}
    return {**texts, **ids, "displayName": name, "active": active}


def dashboard(name: str, identity: str, state: str = "ACTIVE") -> dict[str, Any]:
    texts = dict.fromkeys(("createTime", "etag", "parentPath", "path", "updateTime"), "")
    return {**texts, "displayName": name, "dashboardId": identity, "lifecycleState": state}


def alert(name: str, identity: str, state: str = "ACTIVE") -> dict[str, Any]:
    texts = ("createTime", "customDescription", "customSummary", "ownerUserName", "parentPath", "queryText",
             "runAsUserName", "updateTime", "warehouseId")  # fmt: skip
    return {**dict.fromkeys(texts, ""), "displayName": name, "id": identity, "lifecycleState": state}


WAREHOUSES = {"w1": NAME, "w2": f"{NAME}-eu"}
WHOLE: dict[str, Any] = {
    "getCatalog": {"catalogInfo": {"name": CATALOG, "properties": MARK}},
    "getSchema": {"schemaInfo": {"name": "telegram", "properties": {**MARK, "secret_scope": NAME}}},
    "getTables": {"ids": TABLES},
    "getViews": {"ids": [ANSWERS]},
    "getVolumes": {"ids": VOLUMES},
    # Beside each there is one of the stack dev-eu, whose name contains ours.
    "getServicePrincipals": {"servicePrincipals": [principal(NAME, "7001"), principal(f"{NAME}-eu", "7002")]},
    "getSqlWarehouses": {"ids": list(WAREHOUSES)},
    "getSqlWarehouse": lambda asked: {"id": asked["id"], "name": WAREHOUSES[asked["id"]]},
    "getJobs": {"ids": {NAME: "4711", f"{NAME}-eu": "4712"}},
    "getDashboards": {"dashboards": [dashboard(NAME, "d1"), dashboard(NAME, "d2", "TRASHED")]},
    "getAlertsV2": {"alerts": [alert(f"{NAME} undelivered replies", "a1"), alert(f"{NAME} backlog", "a2")]},
}
"""The answers of a workspace in which the whole deployment exists."""
IMPORTED = {
    "catalog-catalog": CATALOG,
    "catalog-schema": SCHEMA,
    **{f"catalog-{name.rpartition('.')[2]}": name for name in (*VOLUMES, *TABLES, ANSWERS)},
    "catalog-warehouse": "w1",
    "identity-principal": "7001",
    "secrets-scope": NAME,
    "job-job": "4711",
    "dashboard-dashboard": "d1",
    "alerts-undelivered": "a1",
    "alerts-backlog": "a2",
}


def deployed(
    settings: Mapping[str, str] | None = None, run: Run | None = None, *, preview: bool = False, **calls: Any
) -> Run:
    """The program in a workspace in which everything exists, but for `calls`."""
    config = {f"{PROJECT}:{key}": value for key, value in {**GIVEN, **(settings or {})}.items()}
    answers = {**WHOLE, **calls}
    return run_program(lambda: deploy(read_stack_settings("dev", config)), preview=preview, calls=answers, run=run)


def imports(run: Run) -> dict[str, str]:
    return {one.name: one.import_id for one in run.resources if one.import_id}


def refusal(settings: Mapping[str, str] | None = None, **calls: Any) -> str:
    """The line of a program that declares nothing but the workspace's provider."""
    run = Run()
    with pytest.raises(pulumi.RunError) as refused:
        deployed(settings, run, **calls)
    assert {one.package for one in run.resources if one.custom} == {"pulumi"}
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("preview", [True, False])
def test_after_a_lost_state_all_that_carries_the_deployments_mark_is_adopted_and_nothing_is_made_twice(
    preview: bool,
) -> None:
    run = deployed(preview=preview)
    assert imports(run) == IMPORTED
    assert run.log == []


def test_what_a_destroy_has_kept_is_adopted_and_the_rest_is_created() -> None:
    none: dict[str, Any] = {"getServicePrincipals": {}, "getSqlWarehouses": {}, "getJobs": {}, "getDashboards": {}}
    run = deployed({"protect": "true"}, **none, getAlertsV2={})
    kept = {name: found for name, found in IMPORTED.items() if name.startswith(("catalog-", "secrets-"))}
    assert imports(run) == {name: found for name, found in kept.items() if name != "catalog-warehouse"}


def test_the_lookups_ask_the_deployments_own_workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    run = deployed()
    asked = [call for call in run.calls if call.token.rsplit(":", 1)[-1] in WHOLE]
    assert {call.token.rsplit(":", 1)[-1] for call in asked} == WHOLE.keys()
    assert all("::workspace-provider::" in call.provider for call in asked)


def test_everything_is_created_where_nothing_exists() -> None:
    missing = RuntimeError(f"cannot read catalog: Catalog '{CATALOG}' does not exist.")
    none = RuntimeError(f"cannot read schema: Schema '{SCHEMA}' does not exist.")
    run = deployed(getCatalog=missing, getSchema=none, getTables=none, getViews=none)
    assert imports(run) == {}
    # What merely has the same name may be somebody else's: it is not even looked up.
    assert {call.token.rsplit(":", 1)[-1] for call in run.calls} & {"getJobs", "getServicePrincipals"} == set()


def test_the_mark_is_on_catalog_and_schema_and_the_scope_is_made_before_it_is_named() -> None:
    run = deployed()
    assert run.one("Catalog").inputs["properties"] == MARK
    assert run.one("Schema").inputs["properties"] == {**MARK, "secret_scope": NAME}
    assert any(urn.endswith("::secrets-scope") for urn in run.one("Schema").depends_on)


def test_a_catalog_of_another_deployment_is_refused_before_anything_is_declared() -> None:
    other = {"catalogInfo": {"name": CATALOG, "properties": {"deployed_by": "telegram-lakehouse/qa"}}}
    assert refusal(getCatalog=other) == (
        f"catalog is not set, and the catalog {CATALOG} exists and is marked as deployed by telegram-lakehouse/qa: set "
        f"adopt to true if this stack has made it, else set catalog to {CATALOG} to use it as it is"
    )


def test_a_catalog_of_that_name_without_a_mark_is_refused_too() -> None:
    assert "exists and carries no mark of this product: set adopt to" in refusal(
        getCatalog={"catalogInfo": {"name": CATALOG, "comment": "x"}}
    )


@pytest.mark.parametrize(
    ("settings", "begins"),
    [
        ({"catalog": "main"}, "schema_name is not set, and the schema main.telegram_dev exists and carries no mark"),
        ({"catalog": "main", "schema_name": "bot"}, "schema_name is 'bot', and the schema main.bot exists and carries"),
    ],
)
def test_a_schema_that_is_not_this_deployments_is_refused(settings: dict[str, str], begins: str) -> None:
    assert refusal(settings, getSchema={"schemaInfo": {"name": "x", "comment": "Sales."}}).startswith(begins)


def test_an_operator_can_say_that_unmarked_ones_are_this_stacks() -> None:
    unmarked = {"catalogInfo": {"name": CATALOG}, "schemaInfo": {"name": "telegram"}}
    assert imports(deployed({"adopt": "true"}, getCatalog=unmarked, getSchema=unmarked)) == IMPORTED


def test_what_a_version_without_marks_made_is_adopted_and_marked() -> None:
    run = deployed(
        getCatalog={"catalogInfo": {"name": CATALOG, "comment": CATALOG_COMMENT}},
        getSchema={"schemaInfo": {"name": "telegram", "comment": SCHEMA_COMMENT}},
    )
    # Whether its scope was ever made can't be seen: the engine's state must know it.
    assert imports(run) == {name: found for name, found in IMPORTED.items() if name != "secrets-scope"}


def test_of_several_with_one_name_none_is_adopted_and_the_operator_is_told() -> None:
    twice = {
        "servicePrincipals": [principal(NAME, "7001"), principal(NAME, "7003"), principal(NAME, "7004", active=False)]
    }
    run = deployed(getServicePrincipals=twice)
    assert "identity-principal" not in imports(run)
    assert run.log == [
        f"warning: there are 2 of the name {NAME} (service principal: 7001, 7003): delete those not in use"
    ]


def test_what_may_not_be_seen_beside_the_data_is_left_to_the_engine_and_the_operator_is_told() -> None:
    run = deployed(getJobs=RuntimeError("duplicate job name detected:\n Copy"))
    assert "job-job" not in imports(run)
    (line,) = run.log
    assert line.startswith(f"warning: whether there is a job {NAME} can't be seen: ")
    assert line.endswith("duplicate job name detected: Copy")


@pytest.mark.parametrize("lookup", ["getCatalog", "getSchema", "getVolumes"])
def test_a_lookup_of_what_holds_data_that_fails_ends_the_program_in_one_line(lookup: str) -> None:
    denied: dict[str, Any] = {lookup: RuntimeError("User does not have USE SCHEMA\n on Schema")}
    assert "can't be looked up: " in refusal(**denied)


def test_a_catalog_is_not_moved() -> None:
    stored = {"catalogInfo": {"name": CATALOG, "properties": MARK, "storageRoot": "s3://one/lake/"}}
    assert "'s3://two', but the catalog telegram_lakehouse_dev is stored at s3://one/lake/" in refusal(
        {"catalog_storage": "s3://two"}, getCatalog=stored
    )
    for given in ("s3://one/lake", ""):
        assert deployed({"catalog_storage": given}, getCatalog=stored).one("Catalog").ignored == ("storageRoot",)


def test_what_the_operator_gives_is_not_looked_for() -> None:
    run = deployed({"warehouse_id": "w9", "service_principal": "app", "reports": "false", "catalog": "main"})
    looked = {call.token.rsplit(":", 1)[-1] for call in run.calls}
    assert looked & {
        "getCatalog", "getSqlWarehouses", "getServicePrincipals", "getDashboards", "getAlertsV2",
    } == set()  # fmt: skip
