"""The pack as the engine runs it: a process in the pack's folder, asked over gRPC."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from google.protobuf import empty_pb2, json_format
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc
from pulumi_policy.deserialize import SPECIAL_SECRET_SIG, SPECIAL_SIG_KEY
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from infra.policy.rules import RULES

PACK = Path(__file__).resolve().parents[3] / "infra" / "policy"
JOB = {"tasks": [{"taskKey": "run", "pythonWheelTask": {"parameters": ["run", "--nonsense"]}}]}

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def engine() -> Iterator[analyzer_pb2_grpc.AnalyzerStub]:
    command = [sys.executable, "-u", "-m", "pulumi.policy", "127.0.0.1:1", "."]
    with subprocess.Popen(command, cwd=PACK, stdout=subprocess.PIPE, text=True) as pack:
        try:
            assert pack.stdout is not None
            with grpc.insecure_channel(f"127.0.0.1:{int(pack.stdout.readline())}") as channel:
                yield analyzer_pb2_grpc.AnalyzerStub(channel)
        finally:
            pack.terminate()


def request(type_: str, properties: dict[str, Any], stack: str = "prod", **more: Any) -> analyzer_pb2.AnalyzeRequest:
    provider = analyzer_pb2.AnalyzerProviderResource(type="pulumi:providers:databricks", name="workspace")
    asked = analyzer_pb2.AnalyzeRequest(
        type=type_,
        urn=f"urn:pulumi:{stack}::telegram-lakehouse::{type_}::it",
        name="it",
        provider=provider,
        options=analyzer_pb2.AnalyzerResourceOptions(**more),
    )
    asked.properties.update(properties)
    return asked


def named(response: analyzer_pb2.AnalyzeResponse) -> set[str]:
    assert {each.enforcementLevel for each in response.diagnostics} <= {analyzer_pb2.MANDATORY}
    return {each.policyName for each in response.diagnostics}


def test_the_engine_gets_every_policy(engine: analyzer_pb2_grpc.AnalyzerStub) -> None:
    levels = {each.name: each.enforcementLevel for each in engine.GetAnalyzerInfo(empty_pb2.Empty()).policies}
    expected = {rule.name: analyzer_pb2.MANDATORY for rule in RULES}
    assert levels == {**expected, "no-plaintext-secret": analyzer_pb2.REMEDIATE}


def test_a_bad_job_is_refused_by_every_rule_that_it_breaks(engine: analyzer_pb2_grpc.AnalyzerStub) -> None:
    response = engine.Analyze(request("databricks:index/job:Job", JOB))
    assert named(response) == {"job-parameters-allowed", "run-as-set", "dedicated-access", "one-run-at-a-time"}
    assert any("parameters[1] is --nonsense" in each.message for each in response.diagnostics)


def test_a_table_of_production_is_refused_unless_it_is_protected(engine: analyzer_pb2_grpc.AnalyzerStub) -> None:
    table = "databricks:index/sqlTable:SqlTable"
    inputs = {"name": "silver", "warehouseId": UNKNOWN_STRING_VALUE}
    assert named(engine.Analyze(request(table, inputs))) == {"state-is-protected"}
    assert named(engine.Analyze(request(table, inputs, protect=True))) == set()
    assert named(engine.Analyze(request(table, inputs, stack="staging"))) == set()


def test_configuration_can_require_protection_of_a_stack(engine: analyzer_pb2_grpc.AnalyzerStub) -> None:
    config = analyzer_pb2.PolicyConfig(enforcementLevel=analyzer_pb2.MANDATORY)
    config.properties.update({"protect": True})
    asked = request("databricks:index/schema:Schema", {}, stack="staging")
    engine.Configure(analyzer_pb2.ConfigureAnalyzerRequest(policyConfig={"state-is-protected": config}))
    try:
        assert named(engine.Analyze(asked)) == {"state-is-protected"}
    finally:
        engine.Configure(analyzer_pb2.ConfigureAnalyzerRequest())
    assert named(engine.Analyze(asked)) == set()


@pytest.mark.parametrize(
    ("type_", "key"),
    [
        ("databricks:index/secret:Secret", "stringValue"),
        ("aws:secretsmanager/secretVersion:SecretVersion", "secretString"),
    ],
)
def test_a_secret_in_plain_text_is_encrypted_and_an_encrypted_one_is_not_changed(
    engine: analyzer_pb2_grpc.AnalyzerStub, type_: str, key: str
) -> None:
    secret = {SPECIAL_SIG_KEY: SPECIAL_SECRET_SIG, "value": "hunter2"}
    rest = {"scope": "bot", "__defaults": ["provider"], "tags": {"a": "b"}}
    fixed = engine.Remediate(request(type_, {**rest, key: "hunter2"})).remediations
    assert [json_format.MessageToDict(each.properties) for each in fixed] == [{**rest, key: secret}]
    for value in (secret, UNKNOWN_STRING_VALUE):
        assert not engine.Remediate(request(type_, {**rest, key: value})).remediations


def test_values_that_are_not_secrets_are_not_changed(engine: analyzer_pb2_grpc.AnalyzerStub) -> None:
    assert not engine.Remediate(request("databricks:index/job:Job", {"stringValue": "x"})).remediations


def test_the_engine_uses_the_environment_that_setup_creates() -> None:
    runtime = yaml.safe_load((PACK / "PulumiPolicy.yaml").read_text())["runtime"]
    assert runtime["name"] == "python"
    assert (PACK / runtime["options"]["virtualenv"]).resolve() == PACK.parents[1] / ".venv"
