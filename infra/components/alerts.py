"""The alerts: SQL queries on a schedule over the tables, and who is notified when one finds something."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
import pulumi_databricks as databricks

from infra.components.access import Group, access_list
from infra.reports import queries

_REMIND_SECONDS = 6 * 3600
_UNDELIVERED, _BACKLOG = "undelivered replies", "backlog"


@dataclass(frozen=True)
class AlertsArgs:
    name: str
    bronze: pulumi.Input[str]
    """catalog.schema.table, as the next one."""
    silver: pulumi.Input[str]
    warehouse_id: pulumi.Input[str]
    folder: pulumi.Input[str]
    """An existing workspace folder, as /Workspace/…: the form in which the API returns it."""
    backlog_seconds: int
    alert_minutes: int
    """Minutes between two evaluations, a divisor of 60.

    Each evaluation starts the warehouse, which costs money: both alerts are evaluated at the same minute.
    """
    alert_emails: tuple[str, ...]
    paused: bool
    operators: Group | None
    existing: Mapping[str, str] = field(default_factory=dict)
    """Ids of the alerts to import, in the place of those to create, by their names."""


def alert_names(name: str) -> tuple[str, ...]:
    """The names of the alerts of a deployment."""
    return tuple(f"{name} {title}" for title in (_UNDELIVERED, _BACKLOG))


class Alerts(pulumi.ComponentResource):
    """An alert on replies of unknown or failed delivery, and one on messages that wait too long for their answer.

    They run as the deployer. Without addresses they notify nobody, but still show their state.
    """

    def __init__(self, name: str, args: AlertsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("telegram-lakehouse:infra:Alerts", name, None, opts)
        # Two intervals: an evaluation also covers the previous one, which may have been missed.
        window = 2 * args.alert_minutes * 60
        bronze, silver = pulumi.Output.from_input(args.bronze), pulumi.Output.from_input(args.silver)
        self._alert(
            f"{name}-undelivered",
            args,
            title=_UNDELIVERED,
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
            title=_BACKLOG,
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

        Every value that the API would fill in is given, and no value is zero or empty: the API returns neither as it
        was sent, and each `up` would find a change.
        """
        within = pulumi.ResourceOptions(parent=self)
        emails = sorted(set(args.alert_emails))
        alert = databricks.AlertV2(
            name,
            display_name=f"{args.name} {title}",
            parent_path=args.folder,
            warehouse_id=args.warehouse_id,
            query_text=query,
            custom_summary=summary,
            custom_description=description,
            evaluation=databricks.AlertV2EvaluationArgs(
                # With an aggregation the notification would lack the other columns; with a `display` this column would
                # have another name, and the condition would never hold.
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
                        databricks.AlertV2EvaluationNotificationSubscriptionArgs(user_email=email) for email in emails
                    ]
                    or None,
                ),
            ),
            schedule=databricks.AlertV2ScheduleArgs(
                quartz_cron_schedule="0 0 * * * ?" if args.alert_minutes == 60 else f"0 0/{args.alert_minutes} * * * ?",
                timezone_id="UTC",
                pause_status="PAUSED" if args.paused else "UNPAUSED",
            ),
            # Without this a deleted alert stays in the trash for a month.
            purge_on_delete=True,
            # The API can't move an alert, and a folder that contains one can't be deleted.
            opts=pulumi.ResourceOptions(
                parent=self,
                replace_on_changes=["parentPath"],
                import_=args.existing.get(f"{args.name} {title}"),
            ),
        )
        if may := access_list((args.operators, "CAN_MANAGE")):
            databricks.Permissions(f"{name}-permissions", alert_v2_id=alert.id, access_controls=may, opts=within)
