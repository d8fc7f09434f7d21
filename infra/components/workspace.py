"""The workspace: an existing one, used by its address, or a new one on AWS. Everything in it uses its provider."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pulumi
import pulumi_databricks as databricks

from infra.components.workspace_aws import AwsSide, AwsSideArgs

_IAM_SETTLES = 20.0
"""Seconds until a new role can be assumed everywhere. Databricks checks that as soon as it gets the role."""


@dataclass(frozen=True)
class Creation:
    """A workspace to create on AWS. An empty role or bucket: create one. An empty network: Databricks manages it."""

    account_id: str
    region: str
    metastore_id: str
    aws_role_arn: str = ""
    aws_root_bucket: str = ""
    vpc_id: str = ""
    subnet_ids: tuple[str, ...] = ()
    security_group_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class WorkspaceArgs:
    """Either the `host` of an existing workspace, or a `creation`, which needs the `account` provider."""

    name: str
    tags: dict[str, str]
    protect: bool
    host: str = ""
    creation: Creation | None = None
    account: databricks.Provider | None = None


class Workspace(pulumi.ComponentResource):
    """A workspace, and the provider of everything in it."""

    host: pulumi.Output[str]
    provider: databricks.Provider

    def __init__(self, name: str, args: WorkspaceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("telegram-lakehouse:infra:Workspace", name, None, opts)
        if args.creation is None:
            self.host = pulumi.Output.from_input(args.host)
            self.provider = databricks.Provider(
                f"{name}-provider", host=args.host, opts=pulumi.ResourceOptions(parent=self)
            )
        else:
            assert args.account is not None
            self.host, assigned = self._create(name, args, args.creation, args.account)
            self.provider = databricks.Provider(
                f"{name}-provider",
                host=self.host,
                # Without a metastore the workspace has no Unity Catalog in which to create anything.
                opts=pulumi.ResourceOptions(parent=self, depends_on=[assigned]),
            )
        self.register_outputs({"host": self.host})

    def _create(
        self, name: str, args: WorkspaceArgs, creation: Creation, account: databricks.Provider
    ) -> tuple[pulumi.Output[str], databricks.MetastoreAssignment]:
        in_account = pulumi.ResourceOptions(parent=self, provider=account)
        kept = pulumi.ResourceOptions.merge(
            in_account, pulumi.ResourceOptions(protect=args.protect, retain_on_delete=args.protect)
        )
        settled = pulumi.ResourceHook(f"{name}-iam-settles", lambda _: time.sleep(_IAM_SETTLES))
        aws = AwsSide(
            f"{name}-aws",
            AwsSideArgs(
                name=args.name,
                account_id=creation.account_id,
                region=creation.region,
                tags=args.tags,
                protect=args.protect,
                aws_role_arn=creation.aws_role_arn,
                aws_root_bucket=creation.aws_root_bucket,
                own_network=bool(creation.vpc_id),
                account=account,
                settled=settled,
            ),
            pulumi.ResourceOptions(parent=self),
        )
        credentials = databricks.MwsCredentials(
            f"{name}-credentials", credentials_name=args.name, role_arn=aws.role_arn, opts=in_account
        )
        storage = databricks.MwsStorageConfigurations(
            f"{name}-storage",
            account_id=creation.account_id,
            storage_configuration_name=args.name,
            bucket_name=aws.root_bucket,
            opts=in_account,
        )
        network = (
            databricks.MwsNetworks(
                f"{name}-network",
                account_id=creation.account_id,
                network_name=args.name,
                vpc_id=creation.vpc_id,
                subnet_ids=list(creation.subnet_ids),
                security_group_ids=list(creation.security_group_ids),
                opts=in_account,
            )
            if creation.vpc_id
            else None
        )
        workspace = databricks.MwsWorkspaces(
            f"{name}-workspace",
            account_id=creation.account_id,
            workspace_name=args.name,
            aws_region=creation.region,
            credentials_id=credentials.credentials_id,
            storage_configuration_id=storage.storage_configuration_id,
            network_id=network.network_id if network else None,
            custom_tags=args.tags,
            opts=kept,
        )
        assigned = databricks.MetastoreAssignment(
            f"{name}-metastore",
            api="account",
            metastore_id=creation.metastore_id,
            workspace_id=workspace.workspace_id,
            opts=in_account,
        )
        return workspace.workspace_url, assigned
