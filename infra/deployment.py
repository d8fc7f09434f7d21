"""One environment as a whole: its settings become components, and the components give its outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_databricks as databricks

from infra.artifact import build_wheel
from infra.components.access import group_name
from infra.components.alerts import Alerts, AlertsArgs, alert_names
from infra.components.catalog import ARTIFACTS, LANDING, STATE, Catalog, CatalogArgs
from infra.components.dashboard import Dashboard, DashboardArgs
from infra.components.model_permissions import ModelPermissions, ModelPermissionsArgs
from infra.components.pipeline_job import Cluster, PipelineJob, PipelineJobArgs, Trigger
from infra.components.principals import Principals, PrincipalsArgs
from infra.components.secret_scope import SecretScope, SecretScopeArgs
from infra.components.workspace import Creation, Workspace, WorkspaceArgs
from infra.existing.deployment import Existing, Names, look_up
from infra.job_parameters import job_parameters
from infra.outputs import Outputs
from infra.reports.queries import TokenPrices
from infra.settings import StackSettings
from pipeline.tables import BRONZE, FEEDBACK, QUARANTINE, SILVER


def deploy(settings: StackSettings) -> Mapping[str, pulumi.Input[str]]:
    """Declare everything of one environment. Returns its outputs, by the names of `Outputs`."""
    account = (
        databricks.Provider("account", host=settings.account_host, account_id=settings.account_id)
        if settings.workspace == "create" or settings.create_groups
        else None
    )
    workspace = Workspace("workspace", _workspace(settings, account))
    # Everything in a workspace inherits its provider. The default ones are disabled: nothing goes to another workspace.
    inside = pulumi.ResourceOptions(providers=[workspace.provider])
    existing = look_up(_names(settings), pulumi.InvokeOptions(provider=workspace.provider))
    deployer = _deployer(settings, pulumi.InvokeOutputOptions(provider=workspace.provider))
    principals = Principals(
        "identity",
        PrincipalsArgs(
            name=settings.name,
            account_id=settings.account_id,
            service_principal=settings.service_principal,
            operators=settings.operators,
            readers=settings.readers,
            deployer=deployer.principal,
            existing=existing.principal,
            account=account if settings.create_groups else None,
        ),
        inside,
    )
    scope = SecretScope(
        "secrets",
        SecretScopeArgs(
            name=settings.name,
            protect=settings.protect,
            service_principal=principals.service_principal,
            operators=principals.operators,
            existing=existing.scope,
            telegram_token=pulumi.Output.secret(settings.telegram_token.get_secret_value())
            if settings.telegram_token
            else None,
        ),
        inside,
    )
    catalog = Catalog(
        "catalog",
        CatalogArgs(
            catalog=settings.catalog_name,
            create_catalog=not settings.catalog,
            schema_name=settings.schema_to_create,
            warehouse_name=settings.name,
            tags=settings.all_tags,
            protect=settings.protect,
            deployment=settings.deployment,
            secret_scope=scope.scope,
            service_principal=principals.service_principal,
            operators=principals.operators,
            readers=principals.readers,
            new_principal=not settings.service_principal,
            catalog_storage=settings.catalog_storage,
            warehouse_id=settings.warehouse_id,
            existing=existing,
        ),
        inside,
    )
    model_permissions = (
        ModelPermissions(
            "model",
            ModelPermissionsArgs(
                model=settings.model,
                service_principal=principals.service_principal,
                operators=principals.operators,
            ),
            inside,
        )
        if settings.model_permissions == "manage"
        else None
    )
    tables, volumes = catalog.tables, catalog.volumes
    job = PipelineJob(
        "job",
        PipelineJobArgs(
            name=settings.name,
            host=workspace.host,
            tags=settings.all_tags,
            wheel=build_wheel(),
            artifacts=volumes[ARTIFACTS],
            service_principal=principals.service_principal,
            parameters=[
                "run",
                *job_parameters(
                    settings,
                    {
                        "secret_scope": scope.scope,
                        "storage": volumes[STATE],
                        "landing": volumes[LANDING],
                        "bronze": tables[BRONZE.name],
                        "silver": tables[SILVER.name],
                        "quarantine": tables[QUARANTINE.name],
                        "feedback_table": tables[FEEDBACK.name],
                    },
                ),
            ],
            cluster=Cluster(
                settings.runtime, settings.cloud, settings.node_type, spot=settings.spot, workers=settings.workers
            ),
            trigger=Trigger(
                settings.schedule if settings.mode == "triggered" else "", settings.paused, settings.max_run_seconds
            ),
            backlog_seconds=settings.backlog_seconds,
            alert_emails=settings.alert_emails,
            operators=principals.operators,
            readers=principals.readers,
            existing=existing.job,
        ),
        # A run that starts before it may read its secrets and tables fails.
        pulumi.ResourceOptions.merge(
            inside,
            pulumi.ResourceOptions(
                depends_on=[
                    principals.may_run_as,
                    *catalog.granted,
                    scope,
                    *([model_permissions] if model_permissions else []),
                ]
            ),
        ),
    )
    dashboard = (
        _reports(settings, workspace, principals, catalog, deployer, existing, inside) if settings.reports else None
    )
    return {
        "environment": settings.environment,
        "host": workspace.host,
        "job_id": job.job_id,
        "job_url": job.url,
        "trigger": settings.mode,
        "service_principal": principals.service_principal,
        "operators": group_name(principals.operators),
        "readers": group_name(principals.readers),
        "secret_scope": scope.scope,
        "catalog": catalog.catalog,
        "schema_name": catalog.schema,
        "bronze": tables[BRONZE.name],
        "silver": tables[SILVER.name],
        "quarantine": tables[QUARANTINE.name],
        "feedback": tables[FEEDBACK.name],
        "answers": catalog.answers,
        "landing": volumes[LANDING],
        "storage": volumes[STATE],
        "artifacts": volumes[ARTIFACTS],
        "warehouse_id": catalog.warehouse_id,
        "dashboard_url": dashboard.url if dashboard else "",
        "model": settings.model,
        "model_source": settings.model_source,
        "model_url": settings.openai_base_url or pulumi.Output.concat(workspace.host, "/serving-endpoints"),
        "telegram_api_url": settings.telegram_api_url,
        "aws_secrets": settings.aws_secrets,
        "aws_region": settings.aws_region,
        "smoke_chat": settings.smoke_chat,
    }


def export(outputs: Mapping[str, pulumi.Input[str]]) -> None:
    """Export a deployment's outputs. They are the fields of `Outputs`, no more and no fewer."""
    assert set(outputs) == set(Outputs.model_fields), set(outputs) ^ set(Outputs.model_fields)
    for name, value in outputs.items():
        pulumi.export(name, value)


def _names(settings: StackSettings) -> Names:
    return Names(
        deployment=settings.deployment,
        catalog=settings.catalog_name,
        create_catalog=not settings.catalog,
        schema=settings.schema_to_create,
        schema_setting=settings.schema_name,
        catalog_storage=settings.catalog_storage,
        scope=settings.name,
        principal="" if settings.service_principal else settings.name,
        warehouse="" if settings.warehouse_id else settings.name,
        job=settings.name,
        dashboard=settings.name if settings.reports else "",
        alerts=alert_names(settings.name) if settings.reports else (),
        adopt=settings.adopt,
    )


def _workspace(settings: StackSettings, account: databricks.Provider | None) -> WorkspaceArgs:
    creation = (
        Creation(
            account_id=settings.account_id,
            region=settings.region,
            metastore_id=settings.metastore_id,
            aws_role_arn=settings.aws_role_arn,
            aws_root_bucket=settings.aws_root_bucket,
            vpc_id=settings.vpc_id,
            subnet_ids=settings.subnet_ids,
            security_group_ids=settings.security_group_ids,
        )
        if settings.workspace == "create"
        else None
    )
    return WorkspaceArgs(settings.name, settings.all_tags, settings.protect, settings.host, creation, account)


@dataclass(frozen=True)
class _Deployer:
    """Whoever runs the program. In a preview before the workspace is created, both values are unknown."""

    principal: pulumi.Input[str]
    folder: pulumi.Input[str]


def _deployer(settings: StackSettings, inside: pulumi.InvokeOutputOptions) -> _Deployer:
    me = databricks.get_current_user_output(opts=inside)
    home = me.home.apply(lambda home: f"/Workspace{home or '/Users'}")
    return _Deployer(
        principal=f"groups/{settings.deployers}" if settings.deployers else me.acl_principal_id,
        # The deployment's own folder: destroying the deployment deletes it, but not its parent.
        folder=pulumi.Output.concat(settings.folder or home, "/", settings.name),
    )


def _reports(
    settings: StackSettings,
    workspace: Workspace,
    principals: Principals,
    catalog: Catalog,
    deployer: _Deployer,
    existing: Existing,
    inside: pulumi.ResourceOptions,
) -> Dashboard:
    dashboard = Dashboard(
        "dashboard",
        DashboardArgs(
            name=settings.name,
            host=workspace.host,
            silver=catalog.tables[SILVER.name],
            answers=catalog.answers,
            warehouse_id=catalog.warehouse_id,
            folder=deployer.folder,
            prices=TokenPrices(settings.input_price, settings.output_price, settings.price_a_month),
            operators=principals.operators,
            readers=principals.readers,
            existing=existing.dashboard,
        ),
        inside,
    )
    Alerts(
        "alerts",
        AlertsArgs(
            name=settings.name,
            bronze=catalog.tables[BRONZE.name],
            silver=catalog.tables[SILVER.name],
            warehouse_id=catalog.warehouse_id,
            folder=dashboard.folder,
            backlog_seconds=settings.backlog_seconds,
            alert_minutes=settings.alert_minutes,
            alert_emails=settings.alert_emails,
            paused=settings.paused,
            operators=principals.operators,
            existing=existing.alerts,
        ),
        inside,
    )
    return dashboard
