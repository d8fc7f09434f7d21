"""The AWS side of a created workspace."""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi_databricks as databricks
import pytest

from infra.components.workspace_aws import AwsSide, AwsSideArgs
from tests.support.program import Run, run_program

TAGS = {"environment": "dev", "product": "telegram-lakehouse"}
ACCOUNT_ID = "0d26daa6-5e44-4c97-a497-ef015f91254a"
WHOLE = {
    "name": "telegram-lakehouse-dev",
    "account_id": ACCOUNT_ID,
    "region": "eu-west-1",
    "tags": TAGS,
    "protect": False,
    "aws_role_arn": "",
    "aws_root_bucket": "",
    "own_network": False,
}


def declared(*, preview: bool = False, **changes: Any) -> Run:
    def program() -> dict[str, pulumi.Input[Any]]:
        account = databricks.Provider("account", host="https://accounts.example.org", account_id=ACCOUNT_ID)
        settled = pulumi.ResourceHook("settled", lambda _: None)
        args = AwsSideArgs(**{**WHOLE, "account": account, "settled": settled, **changes})
        side = AwsSide("aws", args)
        return {"role_arn": side.role_arn, "root_bucket": side.root_bucket}

    return run_program(program, preview=preview)


@pytest.fixture(scope="module")
def whole() -> Run:
    return declared()


def aws(run: Run) -> set[str]:
    return {one.kind for one in run.resources if one.package == "aws"}


def test_the_role_is_assumed_by_databricks_for_this_account_only(whole: Run) -> None:
    role, policy = whole.one("Role"), whole.one("RolePolicy")
    assert role.inputs["name"] == "telegram-lakehouse-dev-cross-account"
    assert role.inputs["assumeRolePolicy"] == '{"trust":1}'
    assert policy.inputs["policy"] == '{"allow":1}'
    assert policy.inputs["role"] == role.inputs["name"]
    asked = {call.token.rsplit(":", 1)[-1]: call for call in whole.calls}
    assert asked["getAwsAssumeRolePolicy"].args == {"externalId": ACCOUNT_ID}
    assert asked["getAwsCrossAccountPolicy"].args == {"policyType": "managed"}
    assert all("::account::" in call.provider for call in whole.calls)


def test_in_a_given_network_the_role_has_fewer_rights() -> None:
    (call,) = [call for call in declared(own_network=True).calls if "CrossAccount" in call.token]
    assert call.args == {"policyType": "customer"}


def test_the_root_bucket_is_private_encrypted_and_open_to_databricks_alone(whole: Run) -> None:
    bucket = whole.one("Bucket")
    assert bucket.inputs["bucket"] == "telegram-lakehouse-dev-root-0d26daa6"
    on = {"bucket": "aws-root-id"}
    assert whole.one("BucketPublicAccessBlock").inputs == {
        **on,
        "blockPublicAcls": True,
        "blockPublicPolicy": True,
        "ignorePublicAcls": True,
        "restrictPublicBuckets": True,
    }
    assert whole.one("BucketServerSideEncryptionConfiguration").inputs == {
        **on,
        "rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}],
    }
    assert whole.one("BucketPolicy").inputs == {**on, "policy": '{"bucket":1}'}
    (call,) = [call for call in whole.calls if "BucketPolicy" in call.token]
    assert call.args == {"bucket": bucket.inputs["bucket"], "databricksE2AccountId": ACCOUNT_ID}


def test_role_and_bucket_are_outputs_only_after_their_policies_exist(whole: Run) -> None:
    assert whole.outputs == {
        "role_arn": "arn:aws:iam::1:role/telegram-lakehouse-dev-cross-account",
        "root_bucket": "telegram-lakehouse-dev-root-0d26daa6",
    }
    # Not known before they are made: nothing that needs them is made too early.
    assert declared(preview=True).outputs == {}


def test_everything_is_in_the_region_under_the_tags_and_through_one_provider(whole: Run) -> None:
    provider = whole.named("aws-provider")
    assert provider.type == "pulumi:providers:aws"
    assert provider.inputs["region"] == "eu-west-1"
    assert {one.provider_name for one in whole.resources if one.package == "aws"} == {"aws-provider"}
    assert whole.one("Role").inputs["tags"] == whole.one("Bucket").inputs["tags"] == TAGS


@pytest.mark.parametrize("protect", [True, False])
def test_a_protected_environment_keeps_the_bucket(protect: bool) -> None:
    run = declared(protect=protect)
    bucket = run.one("Bucket")
    assert (bucket.protect, bucket.retain_on_delete, bucket.inputs["forceDestroy"]) == (protect, protect, not protect)
    assert [one.name for one in run.resources if (one.protect or one.retain_on_delete) and one is not bucket] == []


def test_a_given_role_is_used_and_only_the_bucket_is_created() -> None:
    run = declared(aws_role_arn="arn:aws:iam::2:role/given")
    assert run.outputs["role_arn"] == "arn:aws:iam::2:role/given"
    assert {kind for kind in aws(run) if kind.startswith("Role")} == set()
    assert "Bucket" in aws(run)


def test_a_given_bucket_is_used_and_only_the_role_is_created() -> None:
    run = declared(aws_root_bucket="given")
    assert run.outputs["root_bucket"] == "given"
    assert aws(run) == {"Role", "RolePolicy"}


def test_with_both_given_nothing_is_created_on_aws() -> None:
    run = declared(aws_role_arn="arn:aws:iam::2:role/given", aws_root_bucket="given")
    assert [one.type for one in run.resources if "aws" in one.type.split(":")] == []
    assert run.calls == []
