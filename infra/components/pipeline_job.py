"""The job that serves the bot: its wheel, its cluster, when it runs, and who is notified of failures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_databricks as databricks

from infra.artifact import Wheel
from infra.components.access import Group, access_list
from infra.components.continuous_run import ends_continuous_runs

TASK = "pipeline"

_NODE_TYPES = {"aws": "m5d.large", "azure": "Standard_D4ads_v5", "gcp": "n2-standard-4"}
"""Small ones with local disks: shuffle and broadcast blocks then need no network volume."""

_SINGLE_NODE = {"spark.databricks.cluster.profile": "singleNode", "spark.master": "local[*]"}
_SPARK = {
    # A broadcast holds the run's secrets, and its blocks are written to disk.
    "spark.io.encryption.enabled": "true",
    # A micro-batch reads a few small files: a Spark job to list them takes longer than the batch.
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "1",
    "spark.sql.shuffle.partitions": "4",
    "spark.sql.session.timeZone": "UTC",
}

_LONGEST_CONTINUOUS_RUN = 30 * 86_400
"""Seconds. A cluster gets its runtime's patches only when it starts: a longer run should be restarted."""


@dataclass(frozen=True)
class Cluster:
    """The job's own cluster. `workers` is 0 for a single node. No autoscaling: it ends a stream's tasks."""

    runtime: str
    cloud: str
    node_type: str = ""
    spot: bool = True
    workers: int = 0


@dataclass(frozen=True)
class Trigger:
    """`schedule` is Quartz cron in UTC; empty: the job runs continuously."""

    schedule: str = ""
    paused: bool = False
    max_run_seconds: int = 3600


@dataclass(frozen=True)
class PipelineJobArgs:
    name: str
    host: pulumi.Input[str]
    """The workspace's address."""
    tags: dict[str, str]
    wheel: Wheel
    artifacts: pulumi.Input[str]
    """Path of the volume for the wheel. The wheel is put at its root: a folder would have to be created first."""
    service_principal: pulumi.Input[str]
    parameters: Sequence[pulumi.Input[str]]
    cluster: Cluster
    trigger: Trigger
    backlog_seconds: int
    alert_emails: tuple[str, ...]
    operators: Group | None
    readers: Group | None
    existing: str | None = None
    """Id of the job to import, in the place of one to create."""


class PipelineJob(pulumi.ComponentResource):
    """The job that serves the bot."""

    job_id: pulumi.Output[str]
    url: pulumi.Output[str]

    def __init__(self, name: str, args: PipelineJobArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("telegram-lakehouse:infra:StreamingJob", name, None, opts)
        within = pulumi.ResourceOptions(parent=self)
        wheel = databricks.File(
            f"{name}-wheel",
            path=pulumi.Output.concat(args.artifacts, "/", args.wheel.name),
            # Not a path to the file: paths differ between machines, and each machine would upload the wheel again.
            content_base64=args.wheel.base64,
            # An active run may still retry with the previous wheel.
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
        )
        trigger, continuous = args.trigger, not args.trigger.schedule
        paused = "PAUSED" if trigger.paused else "UNPAUSED"
        job = databricks.Job(
            f"{name}-job",
            name=args.name,
            description="Answers the Telegram bot's messages, and keeps every one of them in Delta tables.",
            tags=args.tags,
            run_as=databricks.JobRunAsArgs(service_principal_name=args.service_principal),
            # A bot has one poller: Telegram and the lease would refuse a second run.
            max_concurrent_runs=1,
            continuous=databricks.JobContinuousArgs(pause_status=paused, task_retry_mode="ON_FAILURE")
            if continuous
            else None,
            # Without this an active run keeps the wheel that it started with.
            control_run_state=True if continuous else None,
            schedule=None
            if continuous
            else databricks.JobScheduleArgs(
                quartz_cron_expression=trigger.schedule, timezone_id="UTC", pause_status=paused
            ),
            queue=None if continuous else databricks.JobQueueArgs(enabled=True),
            timeout_seconds=None if continuous else 2 * trigger.max_run_seconds,
            health=databricks.JobHealthArgs(rules=_health(args)),
            email_notifications=_notifications(args),
            notification_settings=databricks.JobNotificationSettingsArgs(
                no_alert_for_canceled_runs=True, no_alert_for_skipped_runs=True
            ),
            job_clusters=[
                databricks.JobJobClusterArgs(job_cluster_key=TASK, new_cluster=_cluster(args.cluster, args.tags))
            ],
            tasks=[
                databricks.JobTaskArgs(
                    task_key=TASK,
                    job_cluster_key=TASK,
                    python_wheel_task=databricks.JobTaskPythonWheelTaskArgs(
                        package_name="telegram_lakehouse", entry_point="pipeline", parameters=args.parameters
                    ),
                    libraries=[databricks.JobTaskLibraryArgs(whl=wheel.path)],
                    # A continuous job has its own retries: unlimited, with growing pauses.
                    max_retries=None if continuous else 2,
                    min_retry_interval_millis=None if continuous else 60_000,
                )
            ],
            opts=pulumi.ResourceOptions(
                parent=self,
                import_=args.existing,
                hooks=pulumi.ResourceHookBinding(after_update=[ends_continuous_runs(name, args.host)]),
            ),
        )
        if may := access_list((args.operators, "CAN_MANAGE_RUN"), (args.readers, "CAN_VIEW")):
            databricks.Permissions(f"{name}-permissions", job_id=job.id, access_controls=may, opts=within)
        self.job_id = job.id
        self.url = job.url
        self.register_outputs({"job_id": self.job_id, "url": self.url})


def _cluster(cluster: Cluster, tags: dict[str, str]) -> databricks.JobJobClusterNewClusterArgs:
    """Classic compute with dedicated access: shared and serverless compute don't have broadcast variables."""
    single = cluster.workers == 0
    availability = {
        "aws": ("SPOT_WITH_FALLBACK", "ON_DEMAND"),
        "azure": ("SPOT_WITH_FALLBACK_AZURE", "ON_DEMAND_AZURE"),
        "gcp": ("PREEMPTIBLE_WITH_FALLBACK_GCP", "ON_DEMAND_GCP"),
    }[cluster.cloud][0 if cluster.spot else 1]
    # The driver holds the stream, and workers depend on it: with workers, it gets an on-demand instance.
    first = 1 if cluster.spot and not single else None
    return databricks.JobJobClusterNewClusterArgs(
        spark_version=cluster.runtime,
        node_type_id=cluster.node_type or _NODE_TYPES[cluster.cloud],
        num_workers=cluster.workers,
        data_security_mode="SINGLE_USER",
        spark_conf=dict(sorted({**_SPARK, **(_SINGLE_NODE if single else {})}.items())),
        custom_tags={**tags, **({"ResourceClass": "SingleNode"} if single else {})},
        aws_attributes=databricks.JobJobClusterNewClusterAwsAttributesArgs(
            availability=availability, first_on_demand=first, zone_id="auto"
        )
        if cluster.cloud == "aws"
        else None,
        azure_attributes=databricks.JobJobClusterNewClusterAzureAttributesArgs(
            # Azure has no spot driver.
            availability=availability,
            first_on_demand=1 if cluster.spot else None,
        )
        if cluster.cloud == "azure"
        else None,
        gcp_attributes=databricks.JobJobClusterNewClusterGcpAttributesArgs(availability=availability)
        if cluster.cloud == "gcp"
        else None,
    )


def _health(args: PipelineJobArgs) -> list[databricks.JobHealthRuleArgs]:
    longest = args.trigger.max_run_seconds if args.trigger.schedule else _LONGEST_CONTINUOUS_RUN
    return [
        databricks.JobHealthRuleArgs(metric=metric, op="GREATER_THAN", value=value)
        for metric, value in (
            ("RUN_DURATION_SECONDS", longest),
            ("STREAMING_BACKLOG_SECONDS", args.backlog_seconds),
        )
    ]


def _notifications(args: PipelineJobArgs) -> databricks.JobEmailNotificationsArgs | None:
    if not args.alert_emails:
        return None
    emails = sorted(args.alert_emails)
    return databricks.JobEmailNotificationsArgs(
        on_failures=emails,
        on_streaming_backlog_exceededs=emails,
        on_duration_warning_threshold_exceededs=emails,
    )
