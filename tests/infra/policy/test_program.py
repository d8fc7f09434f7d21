"""The program itself keeps the rules, in every committed stack and in each way to deploy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pulumi.output import Unknown

from infra.deployment import deploy
from infra.policy.declared import UNKNOWN, Declared
from infra.policy.rules import RULES
from infra.stack_config import read_stack_settings
from tests.support import program
from tests.support.program import HOST, PROJECT, run_program

ROOT = Path(__file__).resolve().parents[3]
EXISTING = {"host": HOST, "account_id": "acc"}
CREATED = {"workspace": "create", "account_id": "acc", "region": "eu-west-1", "metastore_id": "m"}
STACKS = ("dev", "staging", "prod")


def declared(stack: str, given: dict[str, str], preview: bool) -> list[program.Declared]:
    config = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    own = {key: value for key, value in config.items() if key.startswith(PROJECT)}
    settings = read_stack_settings(stack, {**own, **{f"{PROJECT}:{key}": value for key, value in given.items()}})
    return run_program(lambda: deploy(settings), stack=stack, preview=preview).resources


def known(value: Any) -> Any:
    if isinstance(value, Unknown):
        return UNKNOWN
    if isinstance(value, dict):
        return {key: known(item) for key, item in value.items()}
    return [known(item) for item in value] if isinstance(value, list) else value


def faults(stack: str, resources: list[program.Declared]) -> list[str]:
    return [
        f"{rule.name}: {each.name}: {fault}"
        for each in resources
        if each.custom
        for rule in RULES
        for fault in rule.faults(
            Declared(each.package, each.kind, stack, known(each.inputs), each.protect, each.provider_name or None)
        )
    ]


@pytest.mark.parametrize("preview", [True, False], ids=["preview", "up"])
@pytest.mark.parametrize("given", [EXISTING, CREATED], ids=["existing", "created"])
@pytest.mark.parametrize("stack", STACKS)
def test_no_rule_refuses_what_the_program_declares(stack: str, given: dict[str, str], preview: bool) -> None:
    resources = declared(stack, given, preview)
    assert {"Grant", "Job", "Schema", "SecretScope", "SqlTable", "Volume"} <= {each.kind for each in resources}
    assert faults(stack, resources) == []


def test_production_without_its_protection_is_refused() -> None:
    resources = declared("dev", EXISTING, preview=False)
    assert {fault.partition(":")[0] for fault in faults("prod", resources)} == {"state-is-protected"}
    assert faults("dev", resources) == []
