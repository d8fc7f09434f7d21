"""Who acts: the job's principal, who may run jobs as it, and the groups."""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi_databricks as databricks
import pytest

from infra.components.access import group_name
from infra.components.principals import Principals, PrincipalsArgs
from tests.support.program import APPLICATION, WORKSPACE, Run, run_component

MADE = PrincipalsArgs(name="telegram-lakehouse-dev", account_id="acc", deployer="users/ada@example.org")


def declared(*, in_account: bool = False, **changes: Any) -> tuple[Run, Principals]:
    made: list[Principals] = []

    def program(opts: pulumi.ResourceOptions) -> dict[str, pulumi.Input[Any]]:
        account = databricks.Provider("account", host="https://accounts.example.org") if in_account else None
        principals = Principals("identity", PrincipalsArgs(**{**vars(MADE), "account": account, **changes}), opts)
        made.append(principals)
        return {
            "service_principal": principals.service_principal,
            "operators": group_name(principals.operators),
            "readers": group_name(principals.readers),
        }

    return run_component(program), made[0]


def test_the_principal_created_may_enter_the_workspace_but_not_create_clusters() -> None:
    run, _ = declared()
    assert run.one("ServicePrincipal").inputs == {
        "api": "workspace",
        "displayName": "telegram-lakehouse-dev",
        "workspaceAccess": True,
        "allowClusterCreate": False,
    }
    assert run.outputs["service_principal"] == APPLICATION
    # No secret is made for it: the job needs none, and the state would hold it.
    assert {one.kind for one in run.resources if one.custom and one.package == "databricks"} == {
        "ServicePrincipal",
        "AccessControlRuleSet",
    }


def test_the_deployer_may_run_jobs_as_the_principal_and_still_manages_it() -> None:
    run, principals = declared()
    rules = run.one("AccessControlRuleSet")
    assert rules.inputs == {
        "api": "workspace",
        "name": f"accounts/acc/servicePrincipals/{APPLICATION}/ruleSets/default",
        "grantRules": [
            {"role": "roles/servicePrincipal.manager", "principals": ["users/ada@example.org"]},
            {"role": "roles/servicePrincipal.user", "principals": ["users/ada@example.org"]},
        ],
    }
    assert isinstance(principals.may_run_as, databricks.AccessControlRuleSet)


def test_a_group_of_deployers_replaces_the_user_who_deploys() -> None:
    run, _ = declared(deployer="groups/deployers")
    rules = run.one("AccessControlRuleSet").inputs["grantRules"]
    assert [rule["principals"] for rule in rules] == [["groups/deployers"], ["groups/deployers"]]


def test_a_given_principal_is_used_and_its_rules_are_not_changed() -> None:
    run, principals = declared(service_principal="app-1")
    assert [one.kind for one in run.resources if one.custom and one.package == "databricks"] == []
    assert run.outputs["service_principal"] == "app-1"
    assert principals.may_run_as is principals


def test_groups_that_exist_are_named_and_not_declared() -> None:
    run, _ = declared(operators="operators", readers="readers")
    assert (run.of("Group"), run.of("PermissionAssignment")) == ([], [])
    assert (run.outputs["operators"], run.outputs["readers"]) == ("operators", "readers")


def test_groups_are_created_in_the_account_and_become_users_of_the_workspace() -> None:
    run, _ = declared(in_account=True, operators="operators", readers="readers")
    assert {(group.inputs["displayName"], group.inputs["api"], group.provider_name) for group in run.of("Group")} == {
        ("operators", "account", "account"),
        ("readers", "account", "account"),
    }
    assert all("workspaceAccess" not in group.inputs for group in run.of("Group"))
    assert {
        (one.inputs["principalId"], tuple(one.inputs["permissions"]), one.provider_name)
        for one in run.of("PermissionAssignment")
    } == {
        ("identity-operators-id", ("USER",), WORKSPACE),
        ("identity-readers-id", ("USER",), WORKSPACE),
    }
    assert (run.outputs["operators"], run.outputs["readers"]) == ("operators", "readers")


@pytest.mark.parametrize(("operators", "readers"), [("operators", ""), ("", "readers")])
def test_a_group_without_a_name_is_not_created(operators: str, readers: str) -> None:
    run, _ = declared(in_account=True, operators=operators, readers=readers)
    assert [group.inputs["displayName"] for group in run.of("Group")] == [operators or readers]
    assert (run.outputs["operators"], run.outputs["readers"]) == (operators, readers)


def test_resources_of_the_workspace_are_created_by_its_provider() -> None:
    run, _ = declared(in_account=True, operators="operators")
    assert run.one("ServicePrincipal").provider_name == WORKSPACE
    assert run.one("AccessControlRuleSet").provider_name == WORKSPACE
