"""The secret scope: who may read it, and the first token."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest

from infra.components.access import Group
from infra.components.secret_scope import SecretScope, SecretScopeArgs
from tests.support.program import APPLICATION, Run, run_component

TOKEN = "42:" + "x" * 35
NAME = "telegram-lakehouse-dev"


def declared(**changes: Any) -> Run:
    args = {
        "name": NAME,
        "protect": False,
        "service_principal": APPLICATION,
        "operators": Group("operators"),
        **changes,
    }

    def program(opts: pulumi.ResourceOptions) -> dict[str, pulumi.Input[Any]]:
        token = args.pop("token", None)
        given = pulumi.Output.from_input(token) if token else None
        return {"scope": SecretScope("secrets", SecretScopeArgs(**args, telegram_token=given), opts).scope}

    return run_component(program)


def rights(run: Run) -> set[tuple[str, str, str]]:
    return {(acl.inputs["scope"], acl.inputs["principal"], acl.inputs["permission"]) for acl in run.of("SecretAcl")}


def test_the_job_reads_the_operators_manage_and_nobody_else_has_any_right() -> None:
    run = declared()
    assert rights(run) == {(NAME, APPLICATION, "READ"), (NAME, "operators", "MANAGE")}
    # Without an initial principal the maker alone manages it; with it, everyone of the workspace would.
    assert run.one("SecretScope").inputs == {"name": NAME}
    assert run.outputs == {"scope": NAME}


def test_without_operators_only_the_job_reads() -> None:
    assert rights(declared(operators=None)) == {(NAME, APPLICATION, "READ")}


def test_no_secret_is_declared_unless_a_first_token_is_given() -> None:
    assert declared().of("Secret") == []


def test_a_first_token_is_a_secret_and_is_never_compared_again() -> None:
    run = declared(token=TOKEN)
    secret = run.one("Secret")
    assert secret.inputs == {"scope": NAME, "key": "telegram-token", "stringValue": TOKEN}
    # It was given as a plain value here: the component itself makes it a secret.
    assert "stringValue" in secret.secret_inputs
    # Rotation has changed it since.
    assert secret.ignored == ("stringValue",)
    assert [one.name for one in run.resources if TOKEN in str(one.inputs)] == [secret.name]


def test_the_arguments_do_not_show_the_token() -> None:
    args = SecretScopeArgs(NAME, False, APPLICATION, None, pulumi.Output.from_input(TOKEN))
    assert "telegram_token" not in repr(args)


@pytest.mark.parametrize("protect", [True, False])
def test_a_protected_environment_keeps_the_scope(protect: bool) -> None:
    run = declared(protect=protect)
    scope = run.one("SecretScope")
    assert (scope.protect, scope.retain_on_delete) == (protect, protect)
    assert [acl.name for acl in run.of("SecretAcl") if acl.protect or acl.retain_on_delete] == []


def test_when_the_first_token_is_removed_from_the_settings_the_scope_keeps_the_current_one() -> None:
    token = declared(token=TOKEN).one("Secret")
    assert (token.retain_on_delete, token.protect) == (True, False)
