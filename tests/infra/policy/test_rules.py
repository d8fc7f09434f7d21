from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from pulumi_policy import (
    PolicyCustomTimeouts,
    PolicyProviderResource,
    PolicyResourceOptions,
    ResourceValidationArgs,
    ResourceValidationPolicy,
)
from pulumi_policy.deserialize import deserialize_properties
from pulumi_policy.proxy import UNKNOWN_ARRAY_VALUE, UNKNOWN_OBJECT_VALUE, UNKNOWN_STRING_VALUE, unknown_checking_proxy

from infra.policy.pack import POLICIES
from infra.policy.rules import RULES
from pipeline.settings import RunSettings

# Made up at run time: nothing in the repository has the form of a secret.
TOKEN = f"{123456789}:{'Aa1' * 12}"
TYPES = {
    "Bucket": "aws:s3/bucket:Bucket",
    "Component": "telegram-lakehouse:infra:Catalog",
    "AccessKey": "aws:iam/accessKey:AccessKey",
}


class Case(NamedTuple):
    """A resource, and what of it a rule must name; empty: the rule lets it pass."""

    rule: str
    kind: str
    inputs: dict[str, Any]
    expected: str = ""
    stack: str = "dev"
    protected: bool = False
    provider: str | None = "workspace"
    config: dict[str, Any] | None = None


def asked(case: Case) -> ResourceValidationArgs:
    """What the SDK makes of a request of the engine."""
    kind = TYPES.get(case.kind, f"databricks:index/{case.kind[0].lower()}{case.kind[1:]}:{case.kind}")
    return ResourceValidationArgs(
        kind,
        unknown_checking_proxy(deserialize_properties(case.inputs)),
        f"urn:pulumi:{case.stack}::telegram-lakehouse::{kind}::it",
        "it",
        PolicyResourceOptions(case.protected, [], None, [], PolicyCustomTimeouts(0, 0, 0), []),
        None if case.provider is None else PolicyProviderResource("pulumi:providers:databricks", {}, "", case.provider),
        case.config,
    )


def faults(policy: str, case: Case) -> list[str]:
    found: list[str] = []

    def report(message: str, urn: str | None) -> None:
        found.append(message)

    chosen = next(each for each in POLICIES if each.name == policy)
    assert isinstance(chosen, ResourceValidationPolicy)
    chosen.validate(asked(case), report)
    return found


def task(**more: Any) -> dict[str, Any]:
    wheel = {"packageName": "telegram_lakehouse", "entryPoint": "pipeline", "parameters": ["run", "--model=m"]}
    return {"taskKey": "run", "jobClusterKey": "main", "pythonWheelTask": wheel, **more}


def job(**more: Any) -> dict[str, Any]:
    """A job as the program declares it."""
    cluster = {
        "sparkVersion": "17.3.x-scala2.13",
        "dataSecurityMode": "SINGLE_USER",
        "sparkConf": {"spark.io.encryption.enabled": "true"},
        "sparkEnvVars": {"PIPELINE_MAX_TOKENS": "512", "KEY": "{{secrets/bot/llm-api-key}}"},
    }
    return {
        "name": "telegram-lakehouse-dev",
        "maxConcurrentRuns": 1.0,
        "runAs": {"servicePrincipalName": "8d23ae77-912e-4a19-81e4-b9c3f5cc9349"},
        "jobClusters": [{"jobClusterKey": "main", "newCluster": cluster}],
        "tasks": [task()],
        **more,
    }


def job_with(*parameters: str, **more: Any) -> dict[str, Any]:
    return job(tasks=[task(pythonWheelTask={"parameters": list(parameters), **more})])


def on(**cluster: Any) -> dict[str, Any]:
    return job(jobClusters=[{"jobClusterKey": "main", "newCluster": {"dataSecurityMode": "SINGLE_USER", **cluster}}])


STATE, PARAMETERS, SECRET, RUN_AS = "state-is-protected", "job-parameters-allowed", "no-secret-in-job", "run-as-set"
DEDICATED, ONCE, GRANTED = "dedicated-access", "one-run-at-a-time", "no-all-privileges"
AUTHORITATIVE, PROVIDER, CREDENTIAL = "no-authoritative-grants", "no-default-provider", "no-credential-made"

CASES = [
    *(
        Case(STATE, kind, {"name": "landing"}, "protect is not set", stack="prod")
        for kind in ("Bucket", "Catalog", "MwsWorkspaces", "Schema", "SecretScope", "SqlTable", "Volume")
    ),
    Case(STATE, "SqlTable", {"name": "silver"}, stack="prod", protected=True),
    Case(STATE, "SqlTable", {"name": "answers", "tableType": "VIEW"}, stack="prod"),
    Case(STATE, "SqlTable", {"name": "answers", "tableType": "MANAGED"}, "protect is not set", stack="prod"),
    Case(STATE, "SqlTable", {"name": "answers", "tableType": UNKNOWN_STRING_VALUE}, "protect is not set", stack="prod"),
    Case(STATE, "SqlTable", {"name": UNKNOWN_STRING_VALUE}, "protect is not set", stack="prod-eu"),
    Case(STATE, "SqlTable", {"name": "silver"}, stack="staging"),
    Case(STATE, "SqlTable", {"name": "silver"}, "protect is not set", stack="staging", config={"protect": True}),
    Case(STATE, "Schema", {"forceDestroy": True}, "forceDestroy is set", stack="prod", protected=True),
    Case(STATE, "Schema", {"forceDestroy": False}, stack="prod", protected=True),
    Case(STATE, "Volume", {"name": "artifacts"}, stack="prod"),
    Case(STATE, "Job", job(), stack="prod"),
    Case(PARAMETERS, "Job", job()),
    Case(
        PARAMETERS,
        "Job",
        job_with("run", "--once", "--deadline", "600", "--log-level=debug", "--storage=/Volumes/a/b/c"),
    ),
    Case(PARAMETERS, "Job", job_with("run", *(f"--{name.replace('_', '-')}=x" for name in RunSettings.model_fields))),
    Case(PARAMETERS, "Job", job_with("run", "--telegram-token=x"), "parameters[1] is --telegram-token, which"),
    Case(PARAMETERS, "Job", job_with("run", "--model", "m", "stray"), "parameters[3] is no option"),
    Case(PARAMETERS, "Job", job_with("sandbox"), "parameters[0] is another command than run"),
    Case(PARAMETERS, "Job", job_with("run", UNKNOWN_STRING_VALUE, "--oops"), "parameters[2] is --oops"),
    Case(PARAMETERS, "Job", job_with("run", namedParameters={"model": "m", "api-key": "k"}), "api-key is no option"),
    Case(PARAMETERS, "Job", job_with("run", namedParameters={"model": "m"})),
    Case(PARAMETERS, "Job", job(parameters=[{"name": "chat", "default": "7"}]), "chat is no option"),
    Case(PARAMETERS, "Job", job(parameters=[{"name": "max-tokens", "default": "7"}])),
    Case(
        PARAMETERS,
        "Job",
        job(tasks=[{"taskKey": "each", "forEachTask": {"task": task(pythonWheelTask={"parameters": ["demo"]})}}]),
        "parameters[0] is another command",
    ),
    Case(PARAMETERS, "Job", job(tasks=UNKNOWN_ARRAY_VALUE)),
    Case(PARAMETERS, "Job", job(tasks=[task(pythonWheelTask=UNKNOWN_OBJECT_VALUE)])),
    Case(SECRET, "Job", job()),
    Case(SECRET, "Job", job_with("run", f"--model={TOKEN}"), "parameters[1] holds what looks like a secret"),
    Case(SECRET, "Job", on(sparkEnvVars={"ANY": TOKEN}), "sparkEnvVars.ANY holds what looks like a secret"),
    Case(
        SECRET, "Job", on(sparkEnvVars={"OPENAI_API_KEY": "hunter2"}), "sparkEnvVars.OPENAI_API_KEY is given in plain"
    ),
    Case(SECRET, "Job", on(sparkEnvVars={"OPENAI_API_KEY": "{{secrets/bot/llm-api-key}}"})),
    Case(SECRET, "Job", on(sparkEnvVars={"OPENAI_API_KEY": UNKNOWN_STRING_VALUE})),
    Case(
        SECRET, "Job", on(sparkConf={"fs.s3a.secret.key": "hunter2"}), "sparkConf.fs.s3a.secret.key is given in plain"
    ),
    Case(SECRET, "Job", on(sparkConf=UNKNOWN_OBJECT_VALUE)),
    Case(RUN_AS, "Job", job()),
    Case(RUN_AS, "Job", job(runAs={"servicePrincipalName": UNKNOWN_STRING_VALUE})),
    Case(RUN_AS, "Job", job(runAs=UNKNOWN_OBJECT_VALUE)),
    Case(RUN_AS, "Job", job(runAs={}), "servicePrincipalName is not set"),
    Case(RUN_AS, "Job", {"name": "bare"}, "servicePrincipalName is not set"),
    Case(RUN_AS, "Job", job(runAs={"servicePrincipalName": "a", "userName": "me@x.org"}), "runAs.userName is set"),
    Case(DEDICATED, "Job", job()),
    Case(DEDICATED, "Job", on(dataSecurityMode="DATA_SECURITY_MODE_DEDICATED")),
    Case(DEDICATED, "Job", on(dataSecurityMode=UNKNOWN_STRING_VALUE)),
    Case(DEDICATED, "Job", on(dataSecurityMode="USER_ISOLATION"), "dataSecurityMode is USER_ISOLATION"),
    Case(DEDICATED, "Job", job(jobClusters=[{"newCluster": {"numWorkers": 1}}]), "dataSecurityMode is not set"),
    Case(DEDICATED, "Job", job(tasks=[task(newCluster={"numWorkers": 1})]), "dataSecurityMode is not set"),
    Case(DEDICATED, "Job", job(tasks=[task(environmentKey="default")]), "serverless compute"),
    Case(DEDICATED, "Job", job(environments=[{"environmentKey": "default"}]), "serverless compute"),
    Case(DEDICATED, "Job", job(tasks=[task(existingClusterId="0123-x")]), "existingClusterId names a cluster"),
    Case(DEDICATED, "Job", job(tasks=[task(jobClusterKey="")]), "task run has no cluster"),
    Case(ONCE, "Job", job()),
    Case(ONCE, "Job", job(maxConcurrentRuns=2.0), "maxConcurrentRuns is 2"),
    Case(ONCE, "Job", {"name": "bare"}, "maxConcurrentRuns is not set"),
    Case(GRANTED, "Grant", {"privileges": ["SELECT", "MODIFY"]}),
    Case(GRANTED, "Grant", {"privileges": ["SELECT", "ALL_PRIVILEGES"]}, "ALL_PRIVILEGES is granted"),
    Case(GRANTED, "Grant", {"privileges": ["all privileges"]}, "all privileges is granted"),
    Case(GRANTED, "Grant", {"privileges": ["MANAGE"]}, "MANAGE is granted"),
    Case(GRANTED, "Grant", {"privileges": UNKNOWN_ARRAY_VALUE}),
    Case(GRANTED, "Grants", {"grants": [{"principal": "p", "privileges": ["MANAGE"]}]}, "MANAGE is granted"),
    Case(AUTHORITATIVE, "Grants", {"grants": [{"principal": "p", "privileges": ["SELECT"]}]}, "it is a Grants"),
    Case(AUTHORITATIVE, "Grant", {"principal": "p", "privileges": ["SELECT"]}),
    Case(PROVIDER, "Schema", {}),
    Case(PROVIDER, "Schema", {}, "the provider is default_1_118_0", provider="default_1_118_0"),
    Case(PROVIDER, "Bucket", {}, "the provider is default", provider="default"),
    Case(PROVIDER, "Schema", {}, "the provider is not set", provider=None),
    Case(PROVIDER, "Schema", {}, provider="default-workspace"),
    Case(PROVIDER, "Component", {}, provider=None),
    *(
        Case(CREDENTIAL, kind, {}, f"it is a {kind}")
        for kind in ("AccessKey", "OboToken", "ServicePrincipalSecret", "Token")
    ),
    Case(CREDENTIAL, "SecretScope", {}),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule}-{case.kind}-{case.expected or 'passes'}")
def test_a_rule_names_the_fault_of_a_bad_resource_and_accepts_a_good_one(case: Case) -> None:
    found = faults(case.rule, case)
    if case.expected:
        assert any(case.expected in each for each in found), found
    else:
        assert found == []


def test_each_rule_has_a_case_that_it_refuses_and_one_that_it_accepts() -> None:
    for rule in RULES:
        assert {bool(case.expected) for case in CASES if case.rule == rule.name} == {True, False}


def test_rules_ignore_what_other_programs_declare() -> None:
    for rule in RULES:
        assert faults(rule.name, Case(rule.name, "Component", job(), stack="prod", provider=None)) == []


def test_every_rule_copes_with_a_resource_whose_inputs_are_all_unknown() -> None:
    unknown = {"tasks": [UNKNOWN_OBJECT_VALUE], "jobClusters": UNKNOWN_ARRAY_VALUE, "parameters": UNKNOWN_ARRAY_VALUE}
    known = {"maxConcurrentRuns": 1, "runAs": UNKNOWN_OBJECT_VALUE}
    for rule in RULES:
        assert faults(rule.name, Case(rule.name, "Job", {**unknown, **known})) == []


def test_a_fault_does_not_repeat_the_secret_that_it_is_about() -> None:
    inputs = job_with("run", TOKEN, f"--{TOKEN}", namedParameters={TOKEN: TOKEN})
    for rule in RULES:
        assert TOKEN not in " ".join(faults(rule.name, Case(rule.name, "Job", inputs)))
    assert faults(PARAMETERS, Case(PARAMETERS, "Job", inputs))
