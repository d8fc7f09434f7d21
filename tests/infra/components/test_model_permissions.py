"""The right to ask a serving endpoint."""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi_databricks as databricks
import pytest

from infra.components.access import Group
from infra.components.model_permissions import ModelPermissions, ModelPermissionsArgs
from tests.support.program import APPLICATION, WORKSPACE, Run, run_component, run_program

ENDPOINTS = {"getServingEndpoints": {"endpoints": [{"name": "theirs", "id": "e0"}, {"name": "ours", "id": "e1"}]}}


OPERATORS = Group("operators")


def args(model: str = "ours", *, operators: Group | None = OPERATORS) -> ModelPermissionsArgs:
    return ModelPermissionsArgs(model, APPLICATION, operators)


def declared(of: ModelPermissionsArgs, calls: dict[str, Any] | None = None, run: Run | None = None) -> Run:
    return run_component(
        lambda opts: {"id": ModelPermissions("model", of, opts).endpoint_id}, calls=calls or ENDPOINTS, run=run
    )


def test_the_job_may_query_the_endpoint_and_the_operators_manage_it() -> None:
    run = declared(args())
    assert run.one("Permissions").inputs == {
        "servingEndpointId": "e1",
        "accessControls": [
            {"servicePrincipalName": APPLICATION, "permissionLevel": "CAN_QUERY"},
            {"groupName": "operators", "permissionLevel": "CAN_MANAGE"},
        ],
    }
    assert run.one("Permissions").provider_name == WORKSPACE
    assert run.outputs == {"id": "e1"}


def test_without_operators_only_the_job_has_a_permission() -> None:
    run = declared(args(operators=None))
    assert run.one("Permissions").inputs["accessControls"] == [
        {"servicePrincipalName": APPLICATION, "permissionLevel": "CAN_QUERY"}
    ]


def test_the_endpoint_is_looked_up_in_the_workspace() -> None:
    (call,) = declared(args()).calls
    assert call.token == "databricks:index/getServingEndpoints:getServingEndpoints"
    assert f"::{WORKSPACE}::" in call.provider


@pytest.mark.parametrize(
    "endpoints",
    [[], [{"name": "theirs", "id": "e0"}], [{"name": "ours", "id": ""}]],
    ids=["none", "another", "without permissions of its own"],
)
def test_an_endpoint_without_permissions_ends_the_program_with_one_line(endpoints: list[Any]) -> None:
    run = Run()
    line = "model is 'ours': the workspace has no serving endpoint of that name that has permissions"
    with pytest.raises(pulumi.RunError) as fault:
        declared(args(), {"getServingEndpoints": {"endpoints": endpoints}}, run)
    assert str(fault.value) == line
    assert run.of("Permissions") == []


def test_nothing_is_looked_up_before_the_workspace_is_created() -> None:
    def program() -> None:
        made = databricks.Schema("stands-for-a-workspace", catalog_name="c")
        provider = databricks.Provider("later", host=made.id)
        ModelPermissions("model", args(), pulumi.ResourceOptions(providers=[provider]))

    assert len(run_program(program, preview=True, calls=ENDPOINTS).of("Permissions")) == 1
