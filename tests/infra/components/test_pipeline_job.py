"""The streaming job: when it runs, as whom, on what, and who hears of it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pulumi
import pytest
from packaging.utils import parse_wheel_filename

from infra.artifact import Wheel
from infra.components.access import Group
from infra.components.pipeline_job import Cluster, PipelineJob, PipelineJobArgs, Trigger
from tests.support.program import APPLICATION, HOST, WORKSPACE, Declared, Run, run_component

WHEEL = Wheel(b"a wheel's bytes", "telegram_lakehouse-0.1.0-py3-none-any.whl")
VOLUME = "/Volumes/lake_dev/telegram/artifacts"
EMAILS = ["ada@example.org", "bob@example.org"]
WHOLE = PipelineJobArgs(
    name="telegram-lakehouse-dev",
    host=HOST,
    tags={"environment": "dev", "product": "telegram-lakehouse"},
    wheel=WHEEL,
    artifacts=VOLUME,
    service_principal=APPLICATION,
    parameters=["run", "--model=m"],
    cluster=Cluster("17.3.x-scala2.13", "aws"),
    trigger=Trigger(),
    backlog_seconds=300,
    alert_emails=("bob@example.org", "ada@example.org"),
    operators=Group("operators"),
    readers=Group("readers"),
)
TRIGGERED = Trigger("0 0/15 * * * ?", max_run_seconds=3600)


def declared(**changes: Any) -> Run:
    def program(opts: pulumi.ResourceOptions) -> dict[str, pulumi.Input[Any]]:
        job = PipelineJob("job", replace(WHOLE, **changes), opts)
        return {"job_id": job.job_id, "url": job.url}

    return run_component(program)


@pytest.fixture(scope="module")
def continuous() -> Run:
    return declared()


@pytest.fixture(scope="module")
def triggered() -> Run:
    return declared(trigger=TRIGGERED)


def task_of(job: Declared) -> dict[str, Any]:
    (task,) = job.inputs["tasks"]
    return dict(task)


def cluster_of(run: Run) -> dict[str, Any]:
    (cluster,) = run.one("Job").inputs["jobClusters"]
    assert task_of(run.one("Job"))["jobClusterKey"] == cluster["jobClusterKey"]
    return dict(cluster["newCluster"])


def test_a_continuous_job_is_kept_running_and_takes_a_new_wheel(continuous: Run) -> None:
    inputs = continuous.one("Job").inputs
    assert inputs["continuous"] == {"pauseStatus": "UNPAUSED", "taskRetryMode": "ON_FAILURE"}
    # A run under way is ended when the job changes, so that the next begins with the new wheel.
    assert inputs["controlRunState"] is True
    # What a continuous job may not have, or would end it.
    assert {"schedule", "queue", "timeoutSeconds", "trigger"} & set(inputs) == set()
    assert {"maxRetries", "minRetryIntervalMillis", "retryOnTimeout", "timeoutSeconds"} & set(
        task_of(continuous.one("Job"))
    ) == set()


def test_whatever_the_mode_an_update_ends_the_run_of_a_job_that_was_continuous(continuous: Run, triggered: Run) -> None:
    for run in (continuous, triggered):
        assert run.one("Job").after_update == ("job-ends-continuous-runs",)


def test_a_triggered_job_is_scheduled_queued_retried_and_ended_when_it_hangs(triggered: Run) -> None:
    inputs = triggered.one("Job").inputs
    assert inputs["schedule"] == {
        "quartzCronExpression": "0 0/15 * * * ?",
        "timezoneId": "UTC",
        "pauseStatus": "UNPAUSED",
    }
    assert inputs["queue"] == {"enabled": True}
    assert inputs["timeoutSeconds"] == 7200
    assert {"continuous", "controlRunState", "trigger"} & set(inputs) == set()
    task = task_of(triggered.one("Job"))
    assert (task["maxRetries"], task["minRetryIntervalMillis"]) == (2, 60_000)


@pytest.mark.parametrize("trigger", [Trigger(paused=True), replace(TRIGGERED, paused=True)], ids=["continuous", "cron"])
def test_a_paused_job_is_deployed_and_does_not_run(trigger: Trigger) -> None:
    inputs = declared(trigger=trigger).one("Job").inputs
    assert inputs["schedule" if trigger.schedule else "continuous"]["pauseStatus"] == "PAUSED"


@pytest.mark.parametrize("trigger", [Trigger(), TRIGGERED], ids=["continuous", "cron"])
def test_the_job_runs_once_at_a_time_as_its_principal_and_under_its_tags(trigger: Trigger) -> None:
    inputs = declared(trigger=trigger).one("Job").inputs
    assert inputs["maxConcurrentRuns"] == 1
    assert inputs["runAs"] == {"servicePrincipalName": APPLICATION}
    assert inputs["tags"] == WHOLE.tags
    assert inputs["name"] == "telegram-lakehouse-dev"


def test_the_task_is_the_wheels_entry_point_with_its_parameters(continuous: Run) -> None:
    job = continuous.one("Job")
    assert task_of(job) == {
        "taskKey": "pipeline",
        "jobClusterKey": "pipeline",
        "pythonWheelTask": {
            "packageName": "telegram_lakehouse",
            "entryPoint": "pipeline",
            "parameters": ["run", "--model=m"],
        },
        "libraries": [{"whl": continuous.one("File").inputs["path"]}],
    }
    # A cluster of its own: neither serverless nor one that others share.
    assert {"environments", "existingClusterId", "newCluster", "parameters"} & set(job.inputs) == set()


def test_the_wheel_is_put_at_the_root_of_its_volume_under_the_name_of_its_content(continuous: Run) -> None:
    file = continuous.one("File").inputs
    folder, _, name = file["path"].rpartition("/")
    assert folder == VOLUME
    assert hashlib.sha256(WHEEL.content).hexdigest()[:12] in name
    assert str(parse_wheel_filename(name)[1]) == "0.1.0"
    # A path would differ from machine to machine, and each would upload the wheel again.
    assert file == {"path": file["path"], "contentBase64": WHEEL.base64}


def test_another_wheel_gives_another_file_and_another_library() -> None:
    run = declared(wheel=Wheel(b"other bytes", WHEEL.built_name))
    assert run.one("File").inputs["path"] != declared().one("File").inputs["path"]
    assert task_of(run.one("Job"))["libraries"] == [{"whl": run.one("File").inputs["path"]}]


@pytest.mark.parametrize(("mode", "longest"), [("continuous", 2_592_000), ("triggered", 3600)])
def test_a_job_notifies_of_a_backlog_of_a_run_that_takes_too_long_and_of_failures(
    mode: str, longest: int, request: pytest.FixtureRequest
) -> None:
    inputs = request.getfixturevalue(mode).one("Job").inputs
    assert inputs["health"]["rules"] == [
        {"metric": "RUN_DURATION_SECONDS", "op": "GREATER_THAN", "value": longest},
        {"metric": "STREAMING_BACKLOG_SECONDS", "op": "GREATER_THAN", "value": 300},
    ]
    assert inputs["notificationSettings"] == {"noAlertForCanceledRuns": True, "noAlertForSkippedRuns": True}
    assert inputs["emailNotifications"] == {
        "onFailures": EMAILS,
        "onStreamingBacklogExceededs": EMAILS,
        "onDurationWarningThresholdExceededs": EMAILS,
    }


def test_without_addresses_nobody_is_notified() -> None:
    assert "emailNotifications" not in declared(alert_emails=()).one("Job").inputs


def test_operators_manage_runs_and_readers_see_the_job(continuous: Run) -> None:
    assert continuous.one("Permissions").inputs == {
        "jobId": "4711",
        "accessControls": [
            {"groupName": "operators", "permissionLevel": "CAN_MANAGE_RUN"},
            {"groupName": "readers", "permissionLevel": "CAN_VIEW"},
        ],
    }


def test_without_groups_no_permissions_are_declared() -> None:
    alone = declared(readers=None).one("Permissions").inputs["accessControls"]
    assert alone == [{"groupName": "operators", "permissionLevel": "CAN_MANAGE_RUN"}]
    assert declared(operators=None, readers=None).of("Permissions") == []


def test_the_cluster_has_dedicated_access_and_encrypts_what_reaches_its_disks(continuous: Run) -> None:
    cluster = cluster_of(continuous)
    assert cluster["sparkVersion"] == "17.3.x-scala2.13"
    assert cluster["dataSecurityMode"] == "SINGLE_USER"
    assert cluster["sparkConf"] == {
        "spark.databricks.cluster.profile": "singleNode",
        "spark.io.encryption.enabled": "true",
        "spark.master": "local[*]",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "4",
        "spark.sql.sources.parallelPartitionDiscovery.parallelism": "1",
    }
    assert cluster["customTags"] == {**WHOLE.tags, "ResourceClass": "SingleNode"}
    # Secrets are read through the scope; an environment variable would show them to whoever sees the cluster.
    assert "sparkEnvVars" not in cluster


def test_a_single_node_has_no_workers_and_workers_are_a_fixed_number(continuous: Run) -> None:
    assert (cluster_of(continuous)["numWorkers"], "autoscale" in cluster_of(continuous)) == (0, False)
    cluster = cluster_of(declared(cluster=Cluster("17.3.x-scala2.13", "aws", workers=3)))
    assert (cluster["numWorkers"], "autoscale" in cluster) == (3, False)
    assert {"spark.databricks.cluster.profile", "spark.master"} & set(cluster["sparkConf"]) == set()
    assert cluster["customTags"] == WHOLE.tags
    assert cluster["sparkConf"]["spark.io.encryption.enabled"] == "true"


CLOUDS: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    (
        "aws",
        "awsAttributes",
        {"availability": "SPOT_WITH_FALLBACK", "zoneId": "auto"},
        {"availability": "ON_DEMAND", "zoneId": "auto"},
    ),
    (
        "azure",
        "azureAttributes",
        {"availability": "SPOT_WITH_FALLBACK_AZURE", "firstOnDemand": 1},
        {"availability": "ON_DEMAND_AZURE"},
    ),
    ("gcp", "gcpAttributes", {"availability": "PREEMPTIBLE_WITH_FALLBACK_GCP"}, {"availability": "ON_DEMAND_GCP"}),
]


@pytest.mark.parametrize(("cloud", "attributes", "spot", "on_demand"), CLOUDS, ids=[cloud[0] for cloud in CLOUDS])
def test_spot_and_on_demand_instances_have_each_clouds_own_names(
    cloud: str, attributes: str, spot: dict[str, Any], on_demand: dict[str, Any]
) -> None:
    for wanted, expected in ((True, spot), (False, on_demand)):
        cluster = cluster_of(declared(cluster=Cluster("17.3.x-scala2.13", cloud, spot=wanted)))
        assert {key: value for key, value in cluster.items() if key.endswith("Attributes")} == {attributes: expected}


def test_with_workers_on_spot_the_driver_is_on_demand() -> None:
    cluster = cluster_of(declared(cluster=Cluster("17.3.x-scala2.13", "aws", workers=2)))
    assert cluster["awsAttributes"]["firstOnDemand"] == 1
    steady = cluster_of(declared(cluster=Cluster("17.3.x-scala2.13", "aws", workers=2, spot=False)))
    assert "firstOnDemand" not in steady["awsAttributes"]


@pytest.mark.parametrize(
    ("cloud", "node_type"), [("aws", "m5d.large"), ("azure", "Standard_D4ads_v5"), ("gcp", "n2-standard-4")]
)
def test_the_node_is_small_unless_another_is_named(cloud: str, node_type: str) -> None:
    assert cluster_of(declared(cluster=Cluster("17.3.x-scala2.13", cloud)))["nodeTypeId"] == node_type
    named = Cluster("18.0.x-scala2.13", cloud, "large-1")
    cluster = cluster_of(declared(cluster=named))
    assert (cluster["nodeTypeId"], cluster["sparkVersion"]) == ("large-1", "18.0.x-scala2.13")


def test_the_outputs_are_the_jobs_id_and_address_and_it_is_in_the_workspace(continuous: Run) -> None:
    assert continuous.outputs == {"job_id": "4711", "url": "https://dbc-1.cloud.databricks.com/#job/4711"}
    inside = [one for one in continuous.resources if one.package == "databricks"]
    assert {one.kind for one in inside} == {"Job", "File", "Permissions"}
    assert {one.provider_name for one in inside} == {WORKSPACE}
