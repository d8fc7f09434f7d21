"""The secret scope: who may read the secrets. Their values are written by `secrets/rotate.py`, not here."""

from __future__ import annotations

from dataclasses import dataclass, field

import pulumi
import pulumi_databricks as databricks

from infra.components.access import Group
from pipeline.platform.scope import TELEGRAM_TOKEN


@dataclass(frozen=True)
class SecretScopeArgs:
    name: str
    protect: bool
    service_principal: pulumi.Input[str]
    operators: Group | None
    telegram_token: pulumi.Output[str] | None = field(default=None, repr=False)
    """The first token, as a Pulumi secret. Rotation replaces it later, so it is never compared again."""
    existing: str | None = None
    """Name of the scope to import, in the place of one to create."""


class SecretScope(pulumi.ComponentResource):
    """A scope that the job's principal may read and the operators may manage. Its creator may manage it too."""

    scope: pulumi.Output[str]

    def __init__(self, name: str, args: SecretScopeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("telegram-lakehouse:infra:SecretScope", name, None, opts)
        within = pulumi.ResourceOptions(parent=self)
        scope = databricks.SecretScope(
            f"{name}-scope",
            name=args.name,
            opts=pulumi.ResourceOptions(
                parent=self, protect=args.protect, retain_on_delete=args.protect, import_=args.existing
            ),
        )
        databricks.SecretAcl(
            f"{name}-job-reads",
            scope=scope.name,
            principal=args.service_principal,
            permission="READ",
            opts=within,
        )
        if args.operators is not None:
            databricks.SecretAcl(
                f"{name}-operators-manage",
                scope=scope.name,
                principal=args.operators.name,
                permission="MANAGE",
                opts=within,
            )
        if args.telegram_token is not None:
            databricks.Secret(
                f"{name}-first-token",
                scope=scope.name,
                key=TELEGRAM_TOKEN,
                string_value=args.telegram_token,
                # After the first rotation the setting may be removed: the scope then holds the token in use.
                opts=pulumi.ResourceOptions(parent=self, ignore_changes=["stringValue"], retain_on_delete=True),
            )
        self.scope = scope.name
        self.register_outputs({"scope": self.scope})
