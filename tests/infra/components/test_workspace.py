"""The workspace: adopted by its address, or created."""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi_databricks as databricks
import pytest
from pulumi.output import Unknown

from infra.components.workspace import Creation, Workspace, WorkspaceArgs
from tests.support.program import HOST, Run, run_program

ACCOUNT_ID = "0d26daa6-5e44-4c97-a497-ef015f91254a"
TAGS = {"environment": "dev", "product": "telegram-lakehouse"}
CREATION = Creation(ACCOUNT_ID, "eu-west-1", "metastore-1")
NETWORK: dict[str, Any] = {"vpc_id": "vpc-1", "subnet_ids": ("subnet-1", "subnet-2"), "security_group_ids": ("sg-1",)}


def existing() -> Run:
    return run_program(lambda: {"host": Workspace("workspace", WorkspaceArgs("n", TAGS, True, HOST)).host})


def created(*, protect: bool = False, preview: bool = False, **changes: Any) -> Run:
    def program() -> dict[str, pulumi.Input[Any]]:
        account = databricks.Provider("account", host="https://accounts.example.org", account_id=ACCOUNT_ID)
        creation = Creation(**{**vars(CREATION), **changes})
        args = WorkspaceArgs("telegram-lakehouse-dev", TAGS, protect, creation=creation, account=account)
        return {"host": Workspace("workspace", args).host}

    return run_program(program, preview=preview)


@pytest.fixture(scope="module")
def whole() -> Run:
    return created()


def test_an_existing_workspace_is_its_address_and_nothing_is_declared_but_its_provider() -> None:
    run = existing()
    assert [one.type for one in run.resources if one.custom] == ["pulumi:providers:databricks"]
    assert run.named("workspace-provider").inputs == {"host": HOST}
    assert run.outputs == {"host": HOST}


def test_a_workspace_is_created_with_its_credentials_storage_and_metastore(whole: Run) -> None:
    assert whole.one("MwsCredentials").inputs == {
        "credentialsName": "telegram-lakehouse-dev",
        "roleArn": "arn:aws:iam::1:role/telegram-lakehouse-dev-cross-account",
    }
    assert whole.one("MwsStorageConfigurations").inputs == {
        "accountId": ACCOUNT_ID,
        "storageConfigurationName": "telegram-lakehouse-dev",
        "bucketName": "telegram-lakehouse-dev-root-0d26daa6",
    }
    assert whole.one("MwsWorkspaces").inputs == {
        "accountId": ACCOUNT_ID,
        "workspaceName": "telegram-lakehouse-dev",
        "awsRegion": "eu-west-1",
        "credentialsId": "cred",
        "storageConfigurationId": "stor",
        "customTags": TAGS,
    }
    assert whole.one("MetastoreAssignment").inputs == {
        "api": "account",
        "metastoreId": "metastore-1",
        "workspaceId": "99",
    }
    # Databricks manages the network unless one is given.
    assert whole.of("MwsNetworks") == []


def test_a_created_workspace_has_classic_compute(whole: Run) -> None:
    # A serverless one has no broadcast variables, which the stream needs.
    assert "computeMode" not in whole.one("MwsWorkspaces").inputs


def test_its_provider_is_made_from_its_address_once_it_has_its_metastore(whole: Run) -> None:
    provider = whole.named("workspace-provider")
    assert provider.inputs == {"host": "https://dbc-99.cloud.databricks.com"}
    assert any(urn.endswith("::workspace-metastore") for urn in provider.depends_on)
    assert whole.outputs == {"host": "https://dbc-99.cloud.databricks.com"}


def test_in_the_first_preview_its_address_is_not_known() -> None:
    run = created(preview=True)
    assert isinstance(run.named("workspace-provider").inputs["host"], Unknown)
    assert run.outputs == {}


def test_a_given_network_is_registered_and_used() -> None:
    run = created(**NETWORK)
    assert run.one("MwsNetworks").inputs == {
        "accountId": ACCOUNT_ID,
        "networkName": "telegram-lakehouse-dev",
        "vpcId": "vpc-1",
        "subnetIds": ["subnet-1", "subnet-2"],
        "securityGroupIds": ["sg-1"],
    }
    assert run.one("MwsWorkspaces").inputs["networkId"] == "net"
    (call,) = [call for call in run.calls if "CrossAccount" in call.token]
    assert call.args == {"policyType": "customer"}


def test_a_given_role_and_bucket_are_used() -> None:
    run = created(aws_role_arn="arn:aws:iam::2:role/given", aws_root_bucket="given")
    assert run.one("MwsCredentials").inputs["roleArn"] == "arn:aws:iam::2:role/given"
    assert run.one("MwsStorageConfigurations").inputs["bucketName"] == "given"
    assert [one.type for one in run.resources if one.package == "aws" or one.type == "pulumi:providers:aws"] == []


@pytest.mark.parametrize("changes", [{}, NETWORK], ids=["managed network", "own network"])
def test_resources_of_the_account_are_created_by_the_accounts_provider(changes: dict[str, Any]) -> None:
    run = created(**changes)
    of_account = [one for one in run.resources if one.package == "databricks"]
    assert len(of_account) == 4 + bool(changes)
    assert {one.provider_name for one in of_account} == {"account"}


@pytest.mark.parametrize("protect", [True, False])
def test_a_protected_environment_keeps_the_workspace_and_its_bucket(protect: bool) -> None:
    run = created(protect=protect)
    kept = {"workspace-workspace", "workspace-aws-root"} if protect else set()
    assert {one.name for one in run.resources if one.protect} == kept
    assert {one.name for one in run.resources if one.retain_on_delete} == kept


def test_credentials_wait_until_the_role_can_be_assumed(whole: Run) -> None:
    waits = {urn.rsplit("::", 1)[-1] for urn in whole.one("MwsCredentials").depends_on}
    assert "workspace-aws-role-policy" in waits
    waits = {urn.rsplit("::", 1)[-1] for urn in whole.one("MwsStorageConfigurations").depends_on}
    assert "workspace-aws-root-policy" in waits
