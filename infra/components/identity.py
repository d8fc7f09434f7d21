"""Who acts: the principal that the job runs as, who may deploy it, and the groups of operators and readers."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_databricks as databricks

_MANAGER = "roles/servicePrincipal.manager"
_USER = "roles/servicePrincipal.user"


@dataclass(frozen=True)
class IdentityArgs:
    """Empty texts: a principal to be made, and no such group."""

    name: str
    account_id: str
    deployer: pulumi.Input[str]
    """Who may deploy jobs that run as the principal, as access rules name them: users/…, groups/…"""
    service_principal: str = ""
    operators: str = ""
    readers: str = ""
    account: databricks.Provider | None = None
    """Given: the groups are made in the account, through it."""


class Identity(pulumi.ComponentResource):
    """Names as grants and access lists take them: an application id, and names of groups, empty where there is none."""

    service_principal: pulumi.Output[str]
    operators: pulumi.Output[str]
    readers: pulumi.Output[str]
    may_run_as: pulumi.Resource
    """What must be there before a job can be declared that runs as the principal."""

    def __init__(self, name: str, args: IdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("telegram-lakehouse:infra:Identity", name, None, opts)
        within = pulumi.ResourceOptions(parent=self)
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
                opts=within,
            )
            self.service_principal = principal.application_id
            self.may_run_as = self._deployer_runs_as(name, args, principal)
        self.operators = self._group(f"{name}-operators", args.operators, args.account)
        self.readers = self._group(f"{name}-readers", args.readers, args.account)
        self.register_outputs(
            {"service_principal": self.service_principal, "operators": self.operators, "readers": self.readers}
        )

    def _deployer_runs_as(
        self, name: str, args: IdentityArgs, principal: databricks.ServicePrincipal
    ) -> databricks.AccessControlRuleSet:
        # This list replaces the one there is, in which the creator manages the principal: that must stay.
        # To manage a principal does not imply to run as it, not even for administrators.
        return databricks.AccessControlRuleSet(
            f"{name}-principal-users",
            name=principal.application_id.apply(
                lambda application: f"accounts/{args.account_id}/servicePrincipals/{application}/ruleSets/default"
            ),
            # Said, since an account's id in the deployer's environment would turn it to the account's own API.
            api="workspace",
            grant_rules=[
                databricks.AccessControlRuleSetGrantRuleArgs(role=role, principals=[args.deployer])
                for role in (_MANAGER, _USER)
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _group(self, name: str, group: str, account: databricks.Provider | None) -> pulumi.Output[str]:
        if not group or account is None:
            return pulumi.Output.from_input(group)
        # In the account: Unity Catalog grants nothing to groups of a workspace.
        made = databricks.Group(
            name, api="account", display_name=group, opts=pulumi.ResourceOptions(parent=self, provider=account)
        )
        member = databricks.PermissionAssignment(
            f"{name}-here",
            principal_id=made.id,
            permissions=["USER"],
            opts=pulumi.ResourceOptions(parent=self),
        )
        return pulumi.Output.all(made.display_name, member.id).apply(lambda both: str(both[0]))
