"""The alerts' component, under mocks: what it declares, and what it must not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pulumi
import pulumi_databricks as databricks
import pytest

from infra.components.access import Group
from infra.components.alerts import Alerts, AlertsArgs
from infra.reports import queries
from tests.support.program import Declared, Run, run_program

ARGS = AlertsArgs(
    name="telegram-lakehouse-dev",
    bronze="cat.telegram.bronze",
    silver="cat.telegram.silver",
    warehouse_id="w1",
    folder="/Workspace/reports/dev",
    backlog_seconds=300,
    alert_minutes=30,
    alert_emails=("zoe@example.org", "ada@example.org", "zoe@example.org"),
    paused=False,
    operators=Group("ops"),
)


def _run(args: AlertsArgs = ARGS) -> Run:
    def program() -> None:
        provider = databricks.Provider("inside", host="https://dbc-1.cloud.databricks.com")
        Alerts("alerts", args, pulumi.ResourceOptions(providers=[provider]))

    return run_program(program)


def _alerts(args: AlertsArgs = ARGS) -> dict[str, Declared]:
    return {alert.inputs["displayName"]: alert for alert in _run(args).of("AlertV2")}


def test_there_is_one_on_undelivered_replies_and_one_on_a_backlog_each_with_its_query() -> None:
    assert {name: alert.inputs["queryText"] for name, alert in _alerts().items()} == {
        "telegram-lakehouse-dev undelivered replies": queries.undelivered("cat.telegram.silver", 3600),
        "telegram-lakehouse-dev backlog": queries.backlog("cat.telegram.bronze", "cat.telegram.silver", 300),
    }


@pytest.mark.parametrize(("title", "column"), [("undelivered replies", "replies"), ("backlog", "messages")])
def test_an_alert_gives_every_value_that_the_api_would_fill_in_and_none_that_it_would_change(
    title: str, column: str
) -> None:
    inputs = _alerts()[f"telegram-lakehouse-dev {title}"].inputs
    assert inputs["evaluation"] == {
        "source": {"name": column},
        "comparisonOperator": "GREATER_THAN_OR_EQUAL",
        "threshold": {"value": {"doubleValue": 1}},
        "emptyResultState": "OK",
        "notification": {
            "notifyOnOk": True,
            "retriggerSeconds": 21600,
            "subscriptions": [{"userEmail": "ada@example.org"}, {"userEmail": "zoe@example.org"}],
        },
    }
    assert inputs["schedule"] == {
        "quartzCronSchedule": "0 0/30 * * * ?",
        "timezoneId": "UTC",
        "pauseStatus": "UNPAUSED",
    }
    assert (inputs["parentPath"], inputs["warehouseId"]) == ("/Workspace/reports/dev", "w1")
    assert list(_empty(inputs)) == []


def _empty(value: Any) -> list[Any]:
    """Zeros and empty values anywhere in it."""
    if isinstance(value, dict | list) and value:
        return [found for one in (value.values() if isinstance(value, dict) else value) for found in _empty(one)]
    return [] if value else [value]


def test_an_alert_watches_the_column_that_its_query_has() -> None:
    for alert in _alerts().values():
        column = alert.inputs["evaluation"]["source"]["name"]
        assert f"count(*) AS {column}" in alert.inputs["queryText"]


def test_an_alert_in_another_folder_is_replaced_since_it_can_not_be_moved() -> None:
    assert {alert.replaced_on for alert in _alerts().values()} == {("parentPath",)}


def test_paused_alerts_are_declared_and_not_evaluated() -> None:
    statuses = [alert.inputs["schedule"]["pauseStatus"] for alert in _alerts(replace(ARGS, paused=True)).values()]
    assert statuses == ["PAUSED", "PAUSED"]


def test_without_addresses_there_are_alerts_that_notify_nobody() -> None:
    alerts = _alerts(replace(ARGS, alert_emails=()))
    assert len(alerts) == 2
    assert all("subscriptions" not in alert.inputs["evaluation"]["notification"] for alert in alerts.values())


def test_operators_manage_each_alert_and_nobody_else_has_a_permission() -> None:
    run = _run()
    assert sorted((given.inputs["alertV2Id"], given.inputs["accessControls"]) for given in run.of("Permissions")) == [
        (f"{name}-id", [{"groupName": "ops", "permissionLevel": "CAN_MANAGE"}])
        for name in ("alerts-backlog", "alerts-undelivered")
    ]
    assert _run(replace(ARGS, operators=None)).of("Permissions") == []


def test_all_their_resources_have_the_given_provider() -> None:
    resources = [resource for resource in _run().resources if resource.custom and resource.package == "databricks"]
    assert sorted(resource.kind for resource in resources) == ["AlertV2", "AlertV2", "Permissions", "Permissions"]
    assert all("::inside::" in resource.provider for resource in resources)


@pytest.mark.parametrize(("minutes", "cron"), [(5, "0 0/5 * * * ?"), (30, "0 0/30 * * * ?"), (60, "0 0 * * * ?")])
def test_the_alerts_are_evaluated_as_often_as_the_setting_says(minutes: int, cron: str) -> None:
    alerts = _alerts(replace(ARGS, alert_minutes=minutes)).values()
    assert {alert.inputs["schedule"]["quartzCronSchedule"] for alert in alerts} == {cron}
