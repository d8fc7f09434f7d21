"""The dashboard: its folder, its definition over silver and the view of answers, and who may open it."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_databricks as databricks

from infra.components.access import Group, access_list
from infra.reports import layout
from infra.reports.queries import TokenPrices


@dataclass(frozen=True)
class DashboardArgs:
    name: str
    host: pulumi.Input[str]
    silver: pulumi.Input[str]
    """catalog.schema.table, as the next one."""
    answers: pulumi.Input[str]
    """The view."""
    warehouse_id: pulumi.Input[str]
    folder: pulumi.Input[str]
    """Workspace folder to create for the reports. In /Shared, every user could change them."""
    prices: TokenPrices
    operators: Group | None
    readers: Group | None
    existing: str | None = None
    """Id of the dashboard to import, in the place of one to create."""


class Dashboard(pulumi.ComponentResource):
    """A published AI/BI dashboard. Whoever opens it reads with their own grants, not with the deployer's."""

    url: pulumi.Output[str]
    folder: pulumi.Output[str]
    """The folder created, as /Workspace/…: other reports can be put there."""

    def __init__(self, name: str, args: DashboardArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("telegram-lakehouse:infra:Dashboard", name, None, opts)
        within = pulumi.ResourceOptions(parent=self)
        folder = databricks.Directory(
            f"{name}-folder",
            path=pulumi.Output.from_input(args.folder).apply(lambda folder: folder.removeprefix("/Workspace")),
            opts=within,
        )
        dashboard = databricks.Dashboard(
            f"{name}-dashboard",
            display_name=args.name,
            parent_path=folder.path,
            warehouse_id=args.warehouse_id,
            serialized_dashboard=pulumi.Output.all(args.silver, args.answers).apply(
                lambda names: layout.serialized(layout.Sources(*names), args.prices)
            ),
            embed_credentials=False,
            opts=pulumi.ResourceOptions(parent=self, import_=args.existing),
        )
        if may := access_list((args.operators, "CAN_MANAGE"), (args.readers, "CAN_READ")):
            databricks.Permissions(f"{name}-permissions", dashboard_id=dashboard.id, access_controls=may, opts=within)
        self.url = pulumi.Output.concat(args.host, "/dashboardsv3/", dashboard.id, "/published")
        self.folder = pulumi.Output.concat("/Workspace", folder.path)
        self.register_outputs({"url": self.url, "folder": self.folder})
