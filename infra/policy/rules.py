"""The rules for a deployment. Each is a plain function from a declared resource to its faults."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from infra.policy import job_rules
from infra.policy.declared import Declared, objects

# The packages of resources. Components and providers belong to others.
_PACKAGES = frozenset({"aws", "databricks"})
_JOB = frozenset({"Job"})
_REBUILT = "artifacts"
_TOO_MUCH = frozenset({"ALL_PRIVILEGES", "MANAGE"})
# As the engine names them: default, or default_1_118_0.
_DEFAULT_PROVIDER = re.compile(r"^default(_\d|$)")


def state_is_protected(resource: Declared) -> Iterator[str]:
    if not (resource.stack.startswith("prod") or resource.config.get("protect")):
        return
    if (resource.kind, resource.inputs.get("name")) == ("Volume", _REBUILT):
        return
    if (resource.kind, resource.inputs.get("tableType")) == ("SqlTable", "VIEW"):
        return
    if not resource.protected:
        yield "protect is not set"
    if resource.inputs.get("forceDestroy") is True:
        yield "forceDestroy is set, which deletes what is inside"


def no_all_privileges(grant: Declared) -> Iterator[str]:
    for entry in (grant.inputs, *objects(grant.inputs.get("grants"))):
        privileges = entry.get("privileges")
        for privilege in privileges if isinstance(privileges, list) else ():
            if isinstance(privilege, str) and privilege.upper().replace(" ", "_") in _TOO_MUCH:
                yield f"{privilege} is granted"


def no_default_provider(resource: Declared) -> Iterator[str]:
    if resource.provider is None or _DEFAULT_PROVIDER.match(resource.provider):
        yield f"the provider is {resource.provider or 'not set'}"


def must_not_be(resource: Declared) -> Iterator[str]:
    yield f"it is a {resource.kind}"


class PolicyRule(NamedTuple):
    name: str
    description: str
    """What must be true, why, and how to fix it."""
    faults_of: Callable[[Declared], Iterator[str]]
    kinds: frozenset[str] | None = None
    """The kinds of resources that it checks; None: all."""

    def faults(self, resource: Declared) -> Iterator[str]:
        if resource.package in _PACKAGES and (self.kinds is None or resource.kind in self.kinds):
            yield from self.faults_of(resource)


RULES = (
    PolicyRule(
        "state-is-protected",
        "In production, everything that holds data is protected from deletion: "
        "give it protect=True and retain_on_delete=True, and no force_destroy.",
        state_is_protected,
        frozenset({"Bucket", "BucketV2", "Catalog", "MwsWorkspaces", "Schema", "SecretScope", "SqlTable", "Volume"}),
    ),
    PolicyRule(
        "job-parameters-allowed",
        "A job's parameters are options of `pipeline run` only: "
        "remove everything else, and put a secret into the secret scope.",
        job_rules.parameters_allowed,
        _JOB,
    ),
    PolicyRule(
        "no-secret-in-job",
        "A job's settings can be read by everyone who sees the job: "
        "put the secret into the scope, and refer to it as {{secrets/scope/key}} if a setting needs it.",
        job_rules.holds_no_secret,
        _JOB,
    ),
    PolicyRule(
        "run-as-set",
        "A job runs as a service principal, not as its deployer: set only run_as.service_principal_name.",
        job_rules.runs_as_a_principal,
        _JOB,
    ),
    PolicyRule(
        "dedicated-access",
        "Broadcast variables need a classic cluster with dedicated access: "
        'give the job a job cluster with data_security_mode="SINGLE_USER".',
        job_rules.has_dedicated_access,
        _JOB,
    ),
    PolicyRule(
        "one-run-at-a-time",
        "Two runs would poll the same bot and write the same journal: set max_concurrent_runs=1.",
        job_rules.runs_once_at_a_time,
        _JOB,
    ),
    PolicyRule(
        "no-all-privileges",
        "Nobody is granted all privileges or MANAGE: name the privileges that are needed.",
        no_all_privileges,
        frozenset({"Grant", "Grants"}),
    ),
    PolicyRule(
        "no-authoritative-grants",
        "Grants revokes what it does not list, and can lock the deployer out: use one Grant for each principal.",
        must_not_be,
        frozenset({"Grants"}),
    ),
    PolicyRule(
        "no-default-provider",
        "A default provider may point to another workspace or account: "
        "give the resource, or its parent component, an explicit provider.",
        no_default_provider,
    ),
    PolicyRule(
        "no-credential-made",
        "The engine would keep the credential in its state: create it outside, and store it with secrets/rotate.py.",
        must_not_be,
        frozenset({"AccessKey", "OboToken", "ServicePrincipalSecret", "Token"}),
    ),
)
