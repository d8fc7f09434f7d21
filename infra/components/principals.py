"""The principals: the one that the job runs as, who may deploy it, and the groups of operators and readers."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_databricks as databricks

from infra.components.access import Group, group_name

_MANAGER = "roles/servicePrincipal.manager"
_USER = "roles/servicePrincipal.user"


@dataclass(frozen=True)
class PrincipalsArgs:
    """An empty `service_principal`: create one. An empty group: there is no such group."""

    name: str
    account_id: str
    deployer: pulumi.Input[str]
    """Who may deploy jobs that run as the principal, in the form of access rules: users/…, groups/…"""
    service_principal: str = ""
    operators: str = ""
    readers: str = ""
    existing: str | None = None
    """Id of the principal to import, in the place of one to create."""
    account: databricks.Provider | None = None
    """If given, the groups are created in the account, by this provider."""


class Principals(pulumi.ComponentResource):
    """The principals in the form that grants and access lists take: an application id, and groups."""

    service_principal: pulumi.Output[str]
    operators: Group | None
    readers: Group | None
    may_run_as: pulumi.Resource
    """The resource that must exist before a job that runs as the principal can be created."""

    def __init__(self, name: str, args: PrincipalsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("telegram-lakehouse:infra:Identity", name, None, opts)
        if args.service_principal:
            self.service_principal = pulumi.Output.from_input(args.service_principal)
            self.may_run_as = self
        else:
            principal = databricks.ServicePrincipal(
                f"{name}-principal",
                api="workspace",
                display_name=args.name,
                workspace_access=True,
                allow_cluster_create=False,
                opts=pulumi.ResourceOptions(parent=self, import_=args.existing),
            )
            self.service_principal = principal.application_id
            self.may_run_as = self._deployer_runs_as(name, args, principal)
        self.operators = self._group(f"{name}-operators", args.operators, args.account)
        self.readers = self._group(f"{name}-readers", args.readers, args.account)
        self.register_outputs(
            {
                "service_principal": self.service_principal,
                "operators": group_name(self.operators),
                "readers": group_name(self.readers),
            }
        )

    def _deployer_runs_as(
        self, name: str, args: PrincipalsArgs, principal: databricks.ServicePrincipal
    ) -> databricks.AccessControlRuleSet:
        # These rules replace the existing ones, in which the creator manages the principal: keep that role.
        # Managing a principal does not include running as it, not even for administrators.
        return databricks.AccessControlRuleSet(
            f"{name}-principal-users",
            name=principal.application_id.apply(
                lambda application: f"accounts/{args.account_id}/servicePrincipals/{application}/ruleSets/default"
            ),
            # Given because an account's id in the deployer's environment would select the account's own API.
            api="workspace",
            grant_rules=[
                databricks.AccessControlRuleSetGrantRuleArgs(role=role, principals=[args.deployer])
                for role in (_MANAGER, _USER)
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _group(self, name: str, group: str, account: databricks.Provider | None) -> Group | None:
        if not group:
            return None
        if account is None:
            return Group(group)
        # In the account: Unity Catalog grants nothing to groups of a workspace.
        created = databricks.Group(
            name, api="account", display_name=group, opts=pulumi.ResourceOptions(parent=self, provider=account)
        )
        member = databricks.PermissionAssignment(
            f"{name}-here",
            principal_id=created.id,
            permissions=["USER"],
            opts=pulumi.ResourceOptions(parent=self),
        )
        return Group(pulumi.Output.all(created.display_name, member.id).apply(lambda both: str(both[0])))
