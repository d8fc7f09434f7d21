"""The alerts: SQL on a schedule over the tables, and who hears when it finds something."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_databricks as databricks

from infra.reports import queries

_REMIND_SECONDS = 6 * 3600


@dataclass(frozen=True)
class AlertsArgs:
    name: str
    bronze: pulumi.Input[str]
    """catalog.schema.table, as the next one."""
    silver: pulumi.Input[str]
    warehouse_id: pulumi.Input[str]
    folder: pulumi.Input[str]
    """An existing workspace folder, as /Workspace/…: the form that is read back."""
    backlog_seconds: int
    every_minutes: int
    """Between two evaluations, a divisor of 60. Each wakes the warehouse, which costs: both are at the same minute."""
    emails: tuple[str, ...]
    paused: bool
    operators: pulumi.Input[str]
    has_operators: bool


class Alerts(pulumi.ComponentResource):
    """An alert on replies of unknown or failed delivery, and one on messages that wait too long for their answer.

    They run as whoever deploys. Without addresses they notify nobody and show their state all the same.
    """

    def __init__(self, name: str, args: AlertsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("telegram-lakehouse:infra:Alerts", name, None, opts)
        # An evaluation looks back over the one before it, should that have been missed.
        window = 2 * args.every_minutes * 60
        bronze, silver = pulumi.Output.from_input(args.bronze), pulumi.Output.from_input(args.silver)
        self._alert(
            f"{name}-undelivered",
            args,
            title="undelivered replies",
            query=silver.apply(lambda table: queries.undelivered(table, window)),
            column="replies",
            summary=f"{args.name}: replies of unknown or failed delivery",
            description=f"Within the last {window // 60} minutes, replies became unknown (nobody can know "
            "whether they arrived) or dead (Telegram refused them). The dashboard lists them with their reasons; "
            "scripts/replay.py delivers them again. {{QUERY_RESULT_TABLE}}",
        )
        self._alert(
            f"{name}-backlog",
            args,
            title="backlog",
            query=pulumi.Output.all(bronze, silver).apply(
                lambda tables: queries.backlog(tables[0], tables[1], args.backlog_seconds)
            ),
            column="messages",
            summary=f"{args.name}: messages wait for their answers",
            description=f"Messages have waited for more than {args.backlog_seconds} s. They are not lost: the model "
            "or Telegram is out, or the job does not run. Its log names the cause. {{QUERY_RESULT_TABLE}}",
        )
        self.register_outputs({})

    def _alert(
        self,
        name: str,
        args: AlertsArgs,
        *,
        title: str,
        query: pulumi.Output[str],
        column: str,
        summary: str,
        description: str,
    ) -> None:
        """An alert that triggers when the first row's `column` is 1 or more.

        What the API would fill in is said, and no value is zero or empty: neither comes back as it was sent, and each
        `up` would find a change.
        """
        within = pulumi.ResourceOptions(parent=self)
        to = sorted(set(args.emails))
        alert = databricks.AlertV2(
            name,
            display_name=f"{args.name} {title}",
            parent_path=args.folder,
            warehouse_id=args.warehouse_id,
            query_text=query,
            custom_summary=summary,
            custom_description=description,
            evaluation=databricks.AlertV2EvaluationArgs(
                # An aggregation would leave the other columns out of the notification; a `display` would rename this
                # one, and the condition would never hold.
                source=databricks.AlertV2EvaluationSourceArgs(name=column),
                comparison_operator="GREATER_THAN_OR_EQUAL",
                threshold=databricks.AlertV2EvaluationThresholdArgs(
                    value=databricks.AlertV2EvaluationThresholdValueArgs(double_value=1)
                ),
                empty_result_state="OK",
                notification=databricks.AlertV2EvaluationNotificationArgs(
                    notify_on_ok=True,
                    retrigger_seconds=_REMIND_SECONDS,
                    subscriptions=[
                        databricks.AlertV2EvaluationNotificationSubscriptionArgs(user_email=email) for email in to
                    ]
                    or None,
                ),
            ),
            schedule=databricks.AlertV2ScheduleArgs(
                quartz_cron_schedule="0 0 * * * ?" if args.every_minutes == 60 else f"0 0/{args.every_minutes} * * * ?",
                timezone_id="UTC",
                pause_status="PAUSED" if args.paused else "UNPAUSED",
            ),
            # Otherwise it stays in the trash for a month.
            purge_on_delete=True,
            # The API moves no alert, and a folder that still has one can't be deleted.
            opts=pulumi.ResourceOptions(parent=self, replace_on_changes=["parentPath"]),
        )
        if args.has_operators:
            databricks.Permissions(
                f"{name}-permissions",
                alert_v2_id=alert.id,
                access_controls=[
                    databricks.PermissionsAccessControlArgs(group_name=args.operators, permission_level="CAN_MANAGE")
                ],
                opts=within,
            )
