"""The catalog: schema, volumes and tables, and who may do what with them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_databricks as databricks

from pipeline.tables import SILVER, TABLES, Table

LANDING, STATE, ARTIFACTS = "landing", "state", "artifacts"

_VOLUMES = {
    LANDING: "Updates as Telegram delivered them, until a micro-batch has read them.",
    STATE: "Checkpoints and the reply journal: what keeps an answer from being given twice. Not to be deleted.",
    ARTIFACTS: "The wheels that the job runs.",
}
_HOLD_DATA = (LANDING, STATE)
_ABSENT = re.compile(r"(?i)does not exist|DOES_NOT_EXIST|not found|NOT_FOUND|no such (catalog|schema)")


@dataclass(frozen=True)
class CatalogArgs:
    """Group names may be unknown until they are made; whether there are such groups is not."""

    name: str
    """Catalog to make or to use."""
    make: bool
    schema: str
    warehouse_name: str
    tags: dict[str, str]
    protect: bool
    service_principal: pulumi.Input[str]
    operators: pulumi.Input[str]
    readers: pulumi.Input[str]
    has_operators: bool
    has_readers: bool
    new_principal: bool
    """Whether the job's principal was made for this deployment, and so holds nothing yet."""
    storage_root: str = ""
    warehouse_id: str = ""
    """An existing one; empty: it is made."""


class Catalog(pulumi.ComponentResource):
    """Everything of one environment in Unity Catalog."""

    catalog: pulumi.Output[str]
    schema: pulumi.Output[str]
    warehouse_id: pulumi.Output[str]
    tables: dict[str, pulumi.Output[str]]
    """Full names, by the names of pipeline/tables.py."""
    volumes: dict[str, pulumi.Output[str]]
    """Paths, by the volumes' names."""
    granted: list[pulumi.Resource]
    """The grants of the job's principal, without which a run fails."""

    def __init__(self, name: str, args: CatalogArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("telegram-lakehouse:infra:Catalog", name, None, opts)
        self._stem = name
        self._args = args
        self.granted = []
        self.catalog = self._catalog()
        schema = databricks.Schema(
            f"{name}-schema",
            catalog_name=self.catalog,
            name=args.schema,
            comment="Questions, answers and deliveries of the Telegram assistant.",
            force_destroy=not args.protect,
            opts=self._kept(),
        )
        self.schema = schema.name
        self.warehouse_id = self._warehouse()
        volumes = {volume: self._volume(schema, volume, comment) for volume, comment in _VOLUMES.items()}
        there = existing_tables(args.name, args.schema, pulumi.InvokeOptions(parent=self))
        tables = {table.name: self._table(schema, table, there) for table in TABLES}
        # An id is the full name, and is known only once the table is there.
        self.tables = {table: resource.id for table, resource in tables.items()}
        self.volumes = {volume: resource.volume_path for volume, resource in volumes.items()}
        self._grants(schema, tables, volumes)
        self.register_outputs({"schema": self.schema, "tables": self.tables, "volumes": self.volumes})

    def _kept(self, import_: str | None = None) -> pulumi.ResourceOptions:
        """For what holds data: where the environment is protected, no change of the program deletes it."""
        protect = self._args.protect
        return pulumi.ResourceOptions(parent=self, protect=protect, retain_on_delete=protect, import_=import_)

    def _catalog(self) -> pulumi.Output[str]:
        args = self._args
        if not args.make:
            return pulumi.Output.from_input(args.name)
        return databricks.Catalog(
            f"{self._stem}-catalog",
            name=args.name,
            comment="An AI assistant on Telegram, as tables.",
            storage_root=args.storage_root or None,
            force_destroy=not args.protect,
            opts=self._kept(),
        ).name

    def _warehouse(self) -> pulumi.Output[str]:
        """A warehouse that makes the tables, and serves the dashboard and the alerts."""
        args = self._args
        if args.warehouse_id:
            return pulumi.Output.from_input(args.warehouse_id)
        warehouse = databricks.SqlEndpoint(
            f"{self._stem}-warehouse",
            name=args.warehouse_name,
            cluster_size="2X-Small",
            max_num_clusters=1,
            auto_stop_mins=1,
            enable_serverless_compute=True,
            warehouse_type="PRO",
            tags=databricks.SqlEndpointTagsArgs(
                custom_tags=[
                    databricks.SqlEndpointTagsCustomTagArgs(key=key, value=value) for key, value in args.tags.items()
                ]
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        users = [
            group for group, there in ((args.operators, args.has_operators), (args.readers, args.has_readers)) if there
        ]
        if users:
            databricks.Permissions(
                f"{self._stem}-warehouse-users",
                sql_endpoint_id=warehouse.id,
                access_controls=[
                    databricks.PermissionsAccessControlArgs(group_name=group, permission_level="CAN_USE")
                    for group in users
                ],
                opts=pulumi.ResourceOptions(parent=self),
            )
        return warehouse.id

    def _volume(self, schema: databricks.Schema, volume: str, comment: str) -> databricks.Volume:
        return databricks.Volume(
            f"{self._stem}-{volume}",
            catalog_name=self.catalog,
            schema_name=schema.name,
            name=volume,
            volume_type="MANAGED",
            comment=comment,
            opts=self._kept() if volume in _HOLD_DATA else pulumi.ResourceOptions(parent=self),
        )

    def _table(self, schema: databricks.Schema, table: Table, there: frozenset[str]) -> databricks.SqlTable:
        full_name = f"{self._args.name}.{self._args.schema}.{table.name}"
        return databricks.SqlTable(
            f"{self._stem}-{table.name}",
            catalog_name=self.catalog,
            schema_name=schema.name,
            name=table.name,
            table_type="MANAGED",
            data_source_format="DELTA",
            comment=table.comment,
            columns=[
                databricks.SqlTableColumnArgs(name=column.name, type=column.type, comment=column.comment)
                for column in table.columns
            ],
            cluster_keys=list(table.cluster_by) or None,
            properties=dict(table.properties) or None,
            warehouse_id=self.warehouse_id,
            # The provider makes a table by CREATE OR REPLACE: one that is there must be adopted, or it is emptied.
            opts=self._kept(import_=full_name if full_name.lower() in there else None),
        )

    def _grants(
        self,
        schema: databricks.Schema,
        tables: Mapping[str, databricks.SqlTable],
        volumes: Mapping[str, databricks.Volume],
    ) -> None:
        args = self._args
        job = args.service_principal
        self._enter("job", job, schema)
        for table, resource in tables.items():
            self._grant(f"job-{table}", job, ["MODIFY", "SELECT"], table=resource.id)
        for volume, privileges in (
            (LANDING, ["READ_VOLUME", "WRITE_VOLUME"]),
            (STATE, ["READ_VOLUME", "WRITE_VOLUME"]),
            (ARTIFACTS, ["READ_VOLUME"]),
        ):
            self._grant(f"job-{volume}", job, privileges, volume=volumes[volume].id)
        if args.has_operators:
            self._enter("operators", args.operators, schema)
            for table, resource in tables.items():
                self._grant(f"operators-{table}", args.operators, ["SELECT"], table=resource.id)
            # Smoke tests and replays are lines in the landing; the audit of a rotation is a file of the state.
            self._grant(
                "operators-landing", args.operators, ["READ_VOLUME", "WRITE_VOLUME"], volume=volumes[LANDING].id
            )
            self._grant("operators-state", args.operators, ["READ_VOLUME", "WRITE_VOLUME"], volume=volumes[STATE].id)
        if args.has_readers:
            self._enter("readers", args.readers, schema)
            self._grant("readers-silver", args.readers, ["SELECT"], table=tables[SILVER.name].id)

    def _enter(self, who: str, principal: pulumi.Input[str], schema: databricks.Schema) -> None:
        # A grant replaces whatever its principal holds there: in a catalog of others only a new one gets it from here.
        if self._args.make or (who == "job" and self._args.new_principal):
            self._grant(f"{who}-catalog", principal, ["USE_CATALOG"], catalog=self.catalog)
        self._grant(f"{who}-schema", principal, ["USE_SCHEMA"], schema=schema.id)

    def _grant(
        self,
        name: str,
        principal: pulumi.Input[str],
        privileges: list[str],
        *,
        catalog: pulumi.Input[str] | None = None,
        schema: pulumi.Input[str] | None = None,
        table: pulumi.Input[str] | None = None,
        volume: pulumi.Input[str] | None = None,
    ) -> None:
        """One principal on one securable: what other principals hold on it is left alone."""
        grant = databricks.Grant(
            f"{self._stem}-grant-{name}",
            principal=principal,
            privileges=privileges,
            catalog=catalog,
            schema=schema,
            table=table,
            volume=volume,
            opts=pulumi.ResourceOptions(parent=self),
        )
        if name.startswith("job-"):
            self.granted.append(grant)


def existing_tables(catalog: str, schema: str, opts: pulumi.InvokeOptions) -> frozenset[str]:
    """Full names, in lower case, of a schema's tables; none where the schema, or as yet its workspace, is not there.

    Any other failure ends the program: a table that is there but could not be seen would be made anew.
    """
    try:
        found = databricks.get_tables(catalog_name=catalog, schema_name=schema, opts=opts)
    except Exception as error:
        if _ABSENT.search(str(error)):
            return frozenset()
        raise
    # None while the workspace is still to be made: a preview then knows of nothing in it.
    return frozenset(str(table).lower() for table in found.ids or ())
