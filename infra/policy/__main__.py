"""The policy pack as the engine runs it: `pulumi up --policy-pack infra/policy`."""

from __future__ import annotations

from pulumi_policy import EnforcementLevel, PolicyPack

from infra.policy.pack import POLICIES

PolicyPack("telegram-lakehouse", POLICIES, EnforcementLevel.MANDATORY)
