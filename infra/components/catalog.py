"""The catalog: its schema, volumes and tables, and who may do what with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_databricks as databricks

from infra.components.access import Group, access_list
from infra.existing.columns import Columns, columns_of
from infra.existing.deployment import NOTHING, Existing
from infra.existing.lookup import existing_columns, existing_tables, existing_views
from infra.existing.mark import CATALOG_COMMENT, SCHEMA_COMMENT, mark_of_catalog, mark_of_schema
from pipeline.tables import ANSWERS, FEEDBACK, SILVER, TABLES, Table, View
from pipeline.view.query import quoted

LANDING, STATE, ARTIFACTS = "landing", "state", "artifacts"

_VOLUMES = {
    LANDING: "Updates as Telegram delivered them, until a micro-batch has read them.",
    STATE: "Checkpoints and the reply journal: what keeps an answer from being given twice. Not to be deleted.",
    ARTIFACTS: "The wheels that the job runs.",
}
_HOLD_DATA = (LANDING, STATE)


@dataclass(frozen=True)
class CatalogArgs:
    catalog: str
    """Name of the catalog to create or to use, in lower case as the next one."""
    create_catalog: bool
    schema_name: str
    warehouse_name: str
    tags: dict[str, str]
    protect: bool
    deployment: str
    """project/stack: the mark on catalog and schema."""
    secret_scope: pulumi.Input[str]
    """The deployment's secret scope. The schema, which names it, is created after it."""
    service_principal: pulumi.Input[str]
    operators: Group | None
    readers: Group | None
    new_principal: bool
    """Whether the job's principal is created by this deployment, and so has no grants yet."""
    catalog_storage: str = ""
    warehouse_id: str = ""
    """An existing warehouse; empty: create one."""
    existing: Existing = NOTHING
    """What is to be imported."""


class Catalog(pulumi.ComponentResource):
    """Everything of one environment in Unity Catalog."""

    catalog: pulumi.Output[str]
    schema: pulumi.Output[str]
    warehouse_id: pulumi.Output[str]
    tables: dict[str, pulumi.Output[str]]
    """Full names, by the names in pipeline/tables.py."""
    answers: pulumi.Output[str]
    """Full name of the view."""
    volumes: dict[str, pulumi.Output[str]]
    """Paths, by the names of the volumes."""
    granted: list[pulumi.Resource]
    """The grants of the job's principal. A run fails without them."""

    def __init__(self, name: str, args: CatalogArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("telegram-lakehouse:infra:Catalog", name, None, opts)
        self._stem = name
        self._args = args
        self.granted = []
        self.catalog = self._catalog()
        schema = databricks.Schema(
            f"{name}-schema",
            catalog_name=self.catalog,
            name=args.schema_name,
            comment=SCHEMA_COMMENT,
            properties=mark_of_schema(args.deployment, args.secret_scope),
            force_destroy=not args.protect,
            opts=self._kept(import_=args.existing.schema),
        )
        self.schema = schema.name
        self.warehouse_id = self._warehouse()
        volumes = {volume: self._volume(schema, volume, comment) for volume, comment in _VOLUMES.items()}
        existing = self._existing_tables()
        views = existing_views(args.catalog, args.schema_name, pulumi.InvokeOptions(parent=self))
        tables = {table.name: self._table(schema, table, existing.get(table.name)) for table in TABLES}
        # An id is the full name, and is known only once the table exists.
        self.tables = {table: resource.id for table, resource in tables.items()}
        answers = self._view(schema, ANSWERS, exists=self._full_name(ANSWERS).lower() in views)
        self.answers = answers.id
        self.volumes = {volume: resource.volume_path for volume, resource in volumes.items()}
        self._grants(schema, tables, answers, volumes)
        self.register_outputs({"schema": self.schema, "tables": self.tables, "volumes": self.volumes})

    def _kept(self, import_: str | None = None) -> pulumi.ResourceOptions:
        """Options of a resource that holds data: in a protected environment, no change of the program deletes it."""
        protect = self._args.protect
        return pulumi.ResourceOptions(parent=self, protect=protect, retain_on_delete=protect, import_=import_)

    def _catalog(self) -> pulumi.Output[str]:
        args = self._args
        if not args.create_catalog:
            return pulumi.Output.from_input(args.catalog)
        return databricks.Catalog(
            f"{self._stem}-catalog",
            name=args.catalog,
            comment=CATALOG_COMMENT,
            properties=mark_of_catalog(args.deployment),
            storage_root=args.catalog_storage or None,
            force_destroy=not args.protect,
            opts=pulumi.ResourceOptions.merge(
                self._kept(import_=args.existing.catalog),
                # A catalog that exists stays where it is stored: the provider would replace it.
                pulumi.ResourceOptions(ignore_changes=["storageRoot"] if args.existing.catalog else None),
            ),
        ).name

    def _warehouse(self) -> pulumi.Output[str]:
        """The warehouse that creates the tables, and runs the queries of the dashboard and the alerts."""
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
            opts=pulumi.ResourceOptions(parent=self, import_=args.existing.warehouse),
        )
        if may := access_list((args.operators, "CAN_USE"), (args.readers, "CAN_USE")):
            databricks.Permissions(
                f"{self._stem}-warehouse-users",
                sql_endpoint_id=warehouse.id,
                access_controls=may,
                opts=pulumi.ResourceOptions(parent=self),
            )
        return warehouse.id

    def _volume(self, schema: databricks.Schema, volume: str, comment: str) -> databricks.Volume:
        full_name = f"{self._args.catalog}.{self._args.schema_name}.{volume}"
        import_ = full_name if full_name.lower() in self._args.existing.volumes else None
        return databricks.Volume(
            f"{self._stem}-{volume}",
            catalog_name=self.catalog,
            schema_name=schema.name,
            name=volume,
            volume_type="MANAGED",
            comment=comment,
            opts=self._kept(import_) if volume in _HOLD_DATA else pulumi.ResourceOptions(parent=self, import_=import_),
        )

    def _full_name(self, table: Table | View) -> str:
        return f"{self._args.catalog}.{self._args.schema_name}.{table.name}"

    def _existing_tables(self) -> dict[str, Columns]:
        """The tables that exist, by their names, with the columns to declare. Looked up before any is declared."""
        opts = pulumi.InvokeOptions(parent=self)
        names = existing_tables(self._args.catalog, self._args.schema_name, opts)
        found = {
            table.name: columns_of(table, existing_columns(self._full_name(table), opts))
            for table in TABLES
            if self._full_name(table).lower() in names
        }
        for table in TABLES:
            if table.name in found:
                _tell_what_stays(self._full_name(table), found[table.name])
        return found

    def _table(self, schema: databricks.Schema, table: Table, existing: Columns | None) -> databricks.SqlTable:
        return databricks.SqlTable(
            f"{self._stem}-{table.name}",
            catalog_name=self.catalog,
            schema_name=schema.name,
            name=table.name,
            table_type="MANAGED",
            data_source_format="DELTA",
            comment=table.comment,
            columns=[
                databricks.SqlTableColumnArgs(
                    name=column.name,
                    type=column.type,
                    comment=column.comment or None,
                    # Each is a default that is left out, as in the columns of this version.
                    nullable=None if column.name in table.column_names else column.nullable,
                    identity=column.identity or None,
                )
                for column in (existing or columns_of(table)).declared
            ],
            cluster_keys=list(table.cluster_by) or None,
            properties=dict(table.properties) or None,
            warehouse_id=self.warehouse_id,
            # The provider creates a table by CREATE OR REPLACE: an existing one must be imported, or it is emptied.
            opts=self._kept(import_=self._full_name(table) if existing is not None else None),
        )

    def _view(self, schema: databricks.Schema, view: View, exists: bool) -> databricks.SqlTable:
        """A view over the tables. It holds no data: also a protected environment may remove it and make it again."""
        names = [table.name for table in view.reads]
        full_names = pulumi.Output.all(*(self.tables[name] for name in names))
        return databricks.SqlTable(
            f"{self._stem}-{view.name}",
            catalog_name=self.catalog,
            schema_name=schema.name,
            name=view.name,
            table_type="VIEW",
            comment=view.comment,
            # Without columns: the provider would alter them as those of a table.
            view_definition=full_names.apply(
                lambda found: view.select(dict(zip(names, map(quoted, found), strict=True)))
            ),
            warehouse_id=self.warehouse_id,
            opts=pulumi.ResourceOptions(
                parent=self,
                import_=self._full_name(view) if exists else None,
                # The provider can't change a view's comment, and would replace the view.
                ignore_changes=["comment"] if exists else None,
                # A second one of the same name can't be made first: deleting the old one would delete it.
                delete_before_replace=True,
            ),
        )

    def _grants(
        self,
        schema: databricks.Schema,
        tables: Mapping[str, databricks.SqlTable],
        answers: databricks.SqlTable,
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
        if args.operators is not None:
            operators = args.operators.name
            self._enter("operators", operators, schema)
            for table, resource in tables.items():
                self._grant(f"operators-{table}", operators, ["SELECT"], table=resource.id)
            self._grant("operators-answers", operators, ["SELECT"], table=answers.id)
            # Smoke tests and replays write to the landing volume, the audit log of rotations to the state volume.
            self._grant("operators-landing", operators, ["READ_VOLUME", "WRITE_VOLUME"], volume=volumes[LANDING].id)
            self._grant("operators-state", operators, ["READ_VOLUME", "WRITE_VOLUME"], volume=volumes[STATE].id)
        if args.readers is not None:
            readers = args.readers.name
            self._enter("readers", readers, schema)
            for table in (SILVER.name, FEEDBACK.name):
                # On some compute, whoever reads a view needs SELECT on its tables too.
                self._grant(f"readers-{table}", readers, ["SELECT"], table=tables[table].id)
            self._grant("readers-answers", readers, ["SELECT"], table=answers.id)

    def _enter(self, who: str, principal: pulumi.Input[str], schema: databricks.Schema) -> None:
        # A grant replaces every privilege that its principal has on the catalog. In an existing catalog,
        # therefore, only a new principal gets a grant from here: it has no privileges yet.
        if self._args.create_catalog or (who == "job" and self._args.new_principal):
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
        """Grant one principal its privileges on one securable. Those of other principals on it don't change."""
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


def _tell_what_stays(full_name: str, columns: Columns) -> None:
    """Tell the operator what of a table stays as it is. Raises RunError for one that would make each append fail."""
    if columns.unwritable:
        column = columns.unwritable[0]
        raise pulumi.RunError(
            f"table {full_name} has the column {column}, NOT NULL, which this version does not write: each append "
            "would fail; deploy the version that writes it, or run "
            f"ALTER TABLE {full_name} ALTER COLUMN `{column}` DROP NOT NULL"
        )
    if columns.kept:
        names = ", ".join(columns.kept)
        pulumi.log.info(f"table {full_name} keeps {names}, which this version does not have: it writes null there")
    if columns.waiting:
        names = ", ".join(columns.waiting)
        pulumi.log.info(f"table {full_name} gets its new columns now, and new comments of {names} with the next `up`")
