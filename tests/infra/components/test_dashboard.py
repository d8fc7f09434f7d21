"""The dashboard's component, under mocks: what it declares, and what it must not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pulumi
import pulumi_databricks as databricks
import pytest

from infra.components.access import Group
from infra.components.dashboard import Dashboard, DashboardArgs
from infra.reports import layout
from infra.reports.queries import TokenPrices
from tests.support.program import Run, run_program

OPERATORS, READERS = Group("ops"), Group("readers")
ARGS = DashboardArgs(
    name="telegram-lakehouse-dev",
    host="https://dbc-1.cloud.databricks.com",
    silver="cat.telegram.silver",
    answers="cat.telegram.answers",
    warehouse_id="w1",
    folder="/Workspace/reports/dev",
    prices=TokenPrices(0.5, 1.5),
    operators=OPERATORS,
    readers=READERS,
)


def _run(args: DashboardArgs = ARGS) -> Run:
    def program() -> Mapping[str, pulumi.Input[str]]:
        made = Dashboard(
            "dashboard",
            args,
            pulumi.ResourceOptions(
                providers=[databricks.Provider("inside", host="https://dbc-1.cloud.databricks.com")]
            ),
        )
        return {"url": made.url, "folder": made.folder}

    return run_program(program)


def test_it_is_published_in_its_own_folder_for_viewers_with_grants_of_their_own() -> None:
    run = _run()
    assert run.one("Directory").inputs == {"path": "/reports/dev"}
    assert run.one("Dashboard").inputs == {
        "displayName": "telegram-lakehouse-dev",
        "parentPath": "/reports/dev",
        "warehouseId": "w1",
        "embedCredentials": False,
        "serializedDashboard": layout.serialized(
            layout.Sources("cat.telegram.silver", "cat.telegram.answers"), TokenPrices(0.5, 1.5)
        ),
    }


def test_operators_manage_it_and_readers_only_read() -> None:
    assert _run().one("Permissions").inputs == {
        "dashboardId": "d4sh",
        "accessControls": [
            {"groupName": "ops", "permissionLevel": "CAN_MANAGE"},
            {"groupName": "readers", "permissionLevel": "CAN_READ"},
        ],
    }


@pytest.mark.parametrize(
    ("operators", "readers", "level"), [(OPERATORS, None, "CAN_MANAGE"), (None, READERS, "CAN_READ")]
)
def test_a_group_that_does_not_exist_gets_no_permission(
    operators: Group | None, readers: Group | None, level: str
) -> None:
    run = _run(replace(ARGS, operators=operators, readers=readers))
    [given] = run.one("Permissions").inputs["accessControls"]
    assert given["permissionLevel"] == level


def test_without_groups_no_permissions_are_declared() -> None:
    run = _run(replace(ARGS, operators=None, readers=None))
    assert run.of("Permissions") == []


def test_its_outputs_are_its_address_and_the_folder_in_the_form_that_alerts_take() -> None:
    assert _run().outputs == {
        "url": "https://dbc-1.cloud.databricks.com/dashboardsv3/d4sh/published",
        "folder": "/Workspace/reports/dev",
    }


def test_all_its_resources_have_the_given_provider() -> None:
    resources = [resource for resource in _run().resources if resource.custom and resource.package == "databricks"]
    assert [resource.kind for resource in resources] == ["Directory", "Dashboard", "Permissions"]
    assert all("::inside::" in resource.provider for resource in resources)
