"""The rules as policies of the engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyConfigSchema,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    Secret,
)

from infra.policy.declared import declared, is_unknown
from infra.policy.rules import RULES, PolicyRule
from pipeline.redaction import scrub

_CONFIG = {
    "state-is-protected": PolicyConfigSchema(
        {"protect": {"type": "boolean", "description": "Also for stacks that are not named prod…"}}
    )
}
_SECRETS = {
    "databricks:index/secret:Secret": ("stringValue", "stringValueWo"),
    "aws:secretsmanager/secretVersion:SecretVersion": ("secretString", "secretStringWo"),
}


def policy_of(rule: PolicyRule) -> ResourceValidationPolicy:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        for fault in rule.faults(declared(args)):
            report(scrub(f"{args.name}: {fault}"), None)

    return ResourceValidationPolicy(
        rule.name,
        rule.description,
        validate,
        enforcement_level=EnforcementLevel.MANDATORY,
        config_schema=_CONFIG.get(rule.name),
    )


def encrypted(args: ResourceValidationArgs) -> Mapping[str, Any] | None:
    """The inputs, with the value of a secret marked as a secret; None if nothing changes.

    Only a remediation sees which inputs are secrets: a validation gets them as plain texts.
    """
    held: Mapping[str, Any] = args.props["__target"]
    plain = {
        key: Secret(held[key])
        for key in _SECRETS.get(args.resource_type, ())
        if isinstance(held.get(key), str) and not is_unknown(held[key])
    }
    return {**held, **plain} if plain else None


POLICIES: list[Policy] = [
    *(policy_of(rule) for rule in RULES),
    ResourceValidationPolicy(
        "no-plaintext-secret",
        "The value of a secret is encrypted in the engine's state: it is now; give it as pulumi.Output.secret.",
        # The SDK awaits only a result that is awaitable, but its annotation requires one.
        remediate=encrypted,  # type: ignore[arg-type]
        enforcement_level=EnforcementLevel.REMEDIATE,
    ),
]
