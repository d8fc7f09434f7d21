"""One environment, put together: the settings turned into components, and the components into outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_databricks as databricks

from infra.artifact import build_wheel
from infra.components.alerts import Alerts, AlertsArgs
from infra.components.catalog import ARTIFACTS, LANDING, STATE, Catalog, CatalogArgs
from infra.components.dashboard import Dashboard, DashboardArgs
from infra.components.identity import Identity, IdentityArgs
from infra.components.model_access import ModelAccess, ModelAccessArgs
from infra.components.secret_scope import SecretScope, SecretScopeArgs
from infra.components.streaming_job import Cluster, StreamingJob, StreamingJobArgs, Trigger
from infra.components.workspace import Creation, Workspace, WorkspaceArgs
from infra.outputs import Outputs
from infra.reports.queries import Prices
from infra.settings import StackSettings
from pipeline.tables import BRONZE, QUARANTINE, SILVER


def deploy(settings: StackSettings) -> Mapping[str, pulumi.Input[str]]:
    """Declare everything of one environment. Returns its outputs, by the names of `Outputs`."""
    account = (
        databricks.Provider("account", host=settings.account_host, account_id=settings.account_id)
        if settings.workspace == "create" or settings.create_groups
        else None
    )
    workspace = Workspace("workspace", _workspace(settings, account))
    # All that is in a workspace inherits its provider: with the default ones switched off, nothing lands elsewhere.
    inside = pulumi.ResourceOptions(providers=[workspace.provider])
    deployer = _deployer(settings, pulumi.InvokeOutputOptions(provider=workspace.provider))
    identity = Identity(
        "identity",
        IdentityArgs(
            name=settings.name,
            account_id=settings.account_id,
            service_principal=settings.service_principal,
            operators=settings.operators,
            readers=settings.readers,
            deployer=deployer.principal,
            account=account if settings.create_groups else None,
        ),
        inside,
    )
    has_operators, has_readers = bool(settings.operators), bool(settings.readers)
    catalog = Catalog(
        "catalog",
        CatalogArgs(
            name=settings.catalog or settings.own_catalog,
            make=not settings.catalog,
            schema=settings.schema_there,
            warehouse_name=settings.name,
            tags=settings.all_tags,
            protect=settings.protect,
            service_principal=identity.service_principal,
            operators=identity.operators,
            readers=identity.readers,
            has_operators=has_operators,
            has_readers=has_readers,
            new_principal=not settings.service_principal,
            storage_root=settings.catalog_storage,
            warehouse_id=settings.warehouse_id,
        ),
        inside,
    )
    scope = SecretScope(
        "secrets",
        SecretScopeArgs(
            name=settings.name,
            protect=settings.protect,
            service_principal=identity.service_principal,
            operators=identity.operators,
            has_operators=has_operators,
            first_token=pulumi.Output.secret(settings.telegram_token.get_secret_value())
            if settings.telegram_token
            else None,
        ),
        inside,
    )
    access = (
        ModelAccess(
            "model",
            ModelAccessArgs(
                endpoint=settings.model,
                service_principal=identity.service_principal,
                operators=identity.operators,
                has_operators=has_operators,
            ),
            inside,
        )
        if settings.model_permissions == "manage"
        else None
    )
    job = StreamingJob(
        "job",
        StreamingJobArgs(
            name=settings.name,
            tags=settings.all_tags,
            wheel=build_wheel(),
            artifacts=catalog.volumes[ARTIFACTS],
            service_principal=identity.service_principal,
            parameters=["run", *job_parameters(settings, catalog, scope.scope)],
            cluster=Cluster(
                settings.runtime, settings.cloud, settings.node_type, spot=settings.spot, workers=settings.workers
            ),
            trigger=Trigger(
                settings.schedule if settings.mode == "triggered" else "", settings.paused, settings.max_run_seconds
            ),
            backlog_seconds=settings.backlog_seconds,
            emails=settings.alert_emails,
            operators=identity.operators,
            readers=identity.readers,
            has_operators=has_operators,
            has_readers=has_readers,
        ),
        # A run that begins before it may read its secrets and tables fails.
        pulumi.ResourceOptions.merge(
            inside,
            pulumi.ResourceOptions(
                depends_on=[identity.may_run_as, *catalog.granted, scope, *([access] if access else [])]
            ),
        ),
    )
    tables = catalog.tables
    dashboard = _reports(settings, workspace, identity, catalog, deployer, inside) if settings.reports else None
    return {
        "environment": settings.environment,
        "host": workspace.host,
        "job_id": job.job_id,
        "job_url": job.url,
        "trigger": settings.mode,
        "service_principal": identity.service_principal,
        "operators": identity.operators,
        "readers": identity.readers,
        "secret_scope": scope.scope,
        "catalog": catalog.catalog,
        "schema_name": catalog.schema,
        "bronze": tables[BRONZE.name],
        "silver": tables[SILVER.name],
        "quarantine": tables[QUARANTINE.name],
        "landing": catalog.volumes[LANDING],
        "storage": catalog.volumes[STATE],
        "artifacts": catalog.volumes[ARTIFACTS],
        "warehouse_id": catalog.warehouse_id,
        "dashboard_url": dashboard.url if dashboard else "",
        "model": settings.model,
        "model_source": settings.model_source,
        "model_url": settings.model_url or pulumi.Output.concat(workspace.host, "/serving-endpoints"),
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


def job_parameters(settings: StackSettings, catalog: Catalog, scope: pulumi.Input[str]) -> list[pulumi.Output[str]]:
    """The options of `pipeline run`, sorted; those left at their default are not said."""
    options: dict[str, pulumi.Input[str]] = {
        "secret-scope": scope,
        "model-source": settings.model_source,
        "model": settings.model,
        "storage": catalog.volumes[STATE],
        "landing": catalog.volumes[LANDING],
        "bronze": catalog.tables[BRONZE.name],
        "silver": catalog.tables[SILVER.name],
        "quarantine": catalog.tables[QUARANTINE.name],
        "telegram-api-url": settings.telegram_api_url,
        "max-tokens": str(settings.max_tokens),
        "concurrency": str(settings.concurrency),
        "on-unknown": settings.on_unknown,
        "answer-format": settings.answer_format,
    }
    if settings.model_url:
        options["openai-base-url"] = settings.model_url
    if settings.allowed_chats:
        options["allowed-chats"] = ",".join(map(str, sorted(settings.allowed_chats)))
    if settings.distribute_above:
        options["distribute-above"] = str(settings.distribute_above)
    parameters = [pulumi.Output.concat("--", key, "=", value) for key, value in sorted(options.items())]
    if settings.mode == "triggered":
        parameters.append(pulumi.Output.from_input("--once"))
    return parameters


def _workspace(settings: StackSettings, account: databricks.Provider | None) -> WorkspaceArgs:
    creation = (
        Creation(
            account_id=settings.account_id,
            region=settings.region,
            metastore_id=settings.metastore_id,
            role_arn=settings.aws_role_arn,
            root_bucket=settings.aws_root_bucket,
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
    """Whoever runs the program. In the preview of a workspace that is still to be made, nobody is known yet."""

    principal: pulumi.Input[str]
    folder: pulumi.Input[str]


def _deployer(settings: StackSettings, inside: pulumi.InvokeOutputOptions) -> _Deployer:
    me = databricks.get_current_user_output(opts=inside)
    home = me.home.apply(lambda home: f"/Workspace{home or '/Users'}")
    return _Deployer(
        principal=f"groups/{settings.deployers}" if settings.deployers else me.acl_principal_id,
        # A folder of the deployment's own: the one it is in stays when the deployment goes.
        folder=pulumi.Output.concat(settings.folder or home, "/", settings.name),
    )


def _reports(
    settings: StackSettings,
    workspace: Workspace,
    identity: Identity,
    catalog: Catalog,
    deployer: _Deployer,
    inside: pulumi.ResourceOptions,
) -> Dashboard:
    dashboard = Dashboard(
        "dashboard",
        DashboardArgs(
            name=settings.name,
            host=workspace.host,
            silver=catalog.tables[SILVER.name],
            warehouse_id=catalog.warehouse_id,
            folder=deployer.folder,
            prices=Prices(settings.input_price, settings.output_price),
            operators=identity.operators,
            readers=identity.readers,
            has_operators=bool(settings.operators),
            has_readers=bool(settings.readers),
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
            every_minutes=settings.alert_minutes,
            emails=settings.alert_emails,
            paused=settings.paused,
            operators=identity.operators,
            has_operators=bool(settings.operators),
        ),
        inside,
    )
    return dashboard
