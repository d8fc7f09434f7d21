"""The secret scope: who may read the secrets. Their values come from `secrets/`, not from here."""

from __future__ import annotations

from dataclasses import dataclass, field

import pulumi
import pulumi_databricks as databricks

from pipeline.platform.scope import TELEGRAM_TOKEN


@dataclass(frozen=True)
class SecretScopeArgs:
    name: str
    protect: bool
    service_principal: pulumi.Input[str]
    operators: pulumi.Input[str]
    has_operators: bool
    first_token: pulumi.Output[str] | None = field(default=None, repr=False)
    """A token to begin with, as a Pulumi secret. Rotation changes it afterwards: it is never compared again."""


class SecretScope(pulumi.ComponentResource):
    """A scope that the job's principal reads and the operators manage; whoever makes it manages it too."""

    scope: pulumi.Output[str]

    def __init__(self, name: str, args: SecretScopeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("telegram-lakehouse:infra:SecretScope", name, None, opts)
        within = pulumi.ResourceOptions(parent=self)
        scope = databricks.SecretScope(
            f"{name}-scope",
            name=args.name,
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect, retain_on_delete=args.protect),
        )
        databricks.SecretAcl(
            f"{name}-job-reads",
            scope=scope.name,
            principal=args.service_principal,
            permission="READ",
            opts=within,
        )
        if args.has_operators:
            databricks.SecretAcl(
                f"{name}-operators-manage",
                scope=scope.name,
                principal=args.operators,
                permission="MANAGE",
                opts=within,
            )
        if args.first_token is not None:
            databricks.Secret(
                f"{name}-first-token",
                scope=scope.name,
                key=TELEGRAM_TOKEN,
                string_value=args.first_token,
                # Once rotation has taken over, the setting may go: what is then in the scope is the token in use.
                opts=pulumi.ResourceOptions(parent=self, ignore_changes=["stringValue"], retain_on_delete=True),
            )
        self.scope = scope.name
        self.register_outputs({"scope": self.scope})
