"""AWS Secrets Manager as the source of truth, through the real boto3 and moto's server."""

from __future__ import annotations

import json
import uuid

import pytest
from pydantic import SecretStr
from rotation.aws_store import AwsStore
from rotation.scope_store import Published, Scope, signed_in
from rotation.steps import StoreError, Version

from tests.secrets.conftest import Call
from tests.support.rotating import NEW, OLD, OTHERS, REGION, Rotating


@pytest.fixture(name="in_aws")
def _in_aws(deployment: Rotating, aws_url: str) -> Rotating:
    deployment.use_aws(aws_url, f"telegram-lakehouse/{uuid.uuid4()}")
    return deployment


@pytest.fixture(name="secret")
def _secret(in_aws: Rotating) -> str:
    """The token's name in AWS, where the old one is current."""
    name = f"{in_aws.changes['aws_secrets']}/telegram-token"
    in_aws.aws.create_secret(Name=name, SecretString=OLD)
    return name


@pytest.fixture(name="store")
def _store(in_aws: Rotating, monkeypatch: pytest.MonkeyPatch) -> AwsStore:
    for name, value in in_aws.environment.items():
        monkeypatch.setenv(name, value)
    published = Published(Scope(signed_in(in_aws.workspace.url), "bot-prod"), "telegram-token")
    return AwsStore(in_aws.changes["aws_secrets"], REGION, "prod", published)


def stage(deployment: Rotating, secret: str, value: str) -> str:
    """Make a version pending, as somebody else would; its id."""
    version = str(uuid.uuid4())
    deployment.aws.put_secret_value(
        SecretId=secret, ClientRequestToken=version, SecretString=value, VersionStages=["AWSPENDING"]
    )
    return version


def test_a_new_token_moves_through_the_stages_and_is_published(in_aws: Rotating, secret: str, call: Call) -> None:
    in_aws.telegram.rotate_token(NEW)
    code, said = call("telegram-token", given=NEW)
    assert code == 0, said
    assert in_aws.staged_in_aws() == {"AWSCURRENT": NEW, "AWSPREVIOUS": OLD}
    assert in_aws.held()["telegram-token"] == NEW
    assert OLD not in in_aws.held().values()


def test_the_first_rotation_makes_the_secret_with_tags(in_aws: Rotating, call: Call) -> None:
    code, said = call("telegram-token", given=OLD)
    assert code == 0, said
    assert in_aws.staged_in_aws() == {"AWSCURRENT": OLD}
    made = in_aws.aws.describe_secret(SecretId=f"{in_aws.changes['aws_secrets']}/telegram-token")
    assert {"Key": "environment", "Value": "prod"} in made["Tags"]


def test_before_aws_has_a_token_the_one_in_the_scope_says_whose_bot_it_is(in_aws: Rotating, call: Call) -> None:
    code, said = call("telegram-token", given=OTHERS)
    assert code == 1
    assert "it is a token of bot 43, and this deployment's bot is 42" in said


def test_a_version_that_is_pending_in_aws_is_tested_and_promoted_without_being_given(
    in_aws: Rotating, secret: str, call: Call
) -> None:
    in_aws.telegram.rotate_token(NEW)
    pending = stage(in_aws, secret, NEW)
    assert json.loads(call("status", "--json")[1])["secrets"]["telegram-token"]["pending"]["version"] == pending
    code, said = call("telegram-token")
    assert code == 0, said
    assert in_aws.staged_in_aws() == {"AWSCURRENT": NEW, "AWSPREVIOUS": OLD}
    assert in_aws.held()["telegram-token"] == NEW
    current = json.loads(call("status", "--json")[1])["secrets"]["telegram-token"]["current"]
    assert current["version"] == pending
    assert current["proved_at"]


def test_a_pending_version_of_another_bot_loses_its_stage_and_nothing_else_changes(
    in_aws: Rotating, secret: str, call: Call
) -> None:
    stage(in_aws, secret, OTHERS)
    code, said = call("telegram-token")
    assert code == 1
    assert "the pending value was dropped, nothing else has changed" in said
    assert in_aws.staged_in_aws() == {"AWSCURRENT": OLD}
    assert in_aws.held()["telegram-token"] == OLD


def test_a_current_version_that_died_before_the_job_read_it_is_replaced_at_a_terminal(
    in_aws: Rotating, secret: str, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    unread, new = f"42:{'b' * 35}", f"42:{'c' * 35}"
    in_aws.aws.put_secret_value(SecretId=secret, SecretString=unread, VersionStages=["AWSCURRENT"])
    in_aws.telegram.rotate_token(new)
    typed = iter(["", new])
    monkeypatch.setattr("rotation.new_value._at_a_terminal", lambda: True)
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(typed))
    code, said = call("telegram-token")
    assert (code, "give a new value" in said) == (1, True)
    code, said = call("telegram-token")
    assert code == 0, said
    assert in_aws.held()["telegram-token"] == new


def test_a_current_version_that_the_job_does_not_read_is_proved_and_published(
    in_aws: Rotating, secret: str, call: Call
) -> None:
    in_aws.telegram.rotate_token(NEW)
    in_aws.aws.put_secret_value(SecretId=secret, SecretString=NEW)
    assert json.loads(call("status", "--json")[1])["secrets"]["telegram-token"]["unfinished"]
    code, said = call("telegram-token")
    assert code == 0, said
    assert in_aws.held()["telegram-token"] == NEW
    assert not json.loads(call("status", "--json")[1])["secrets"]["telegram-token"]["unfinished"]


def test_status_says_of_a_secret_that_only_the_scope_has_that_aws_does_not_keep_it(
    in_aws: Rotating, call: Call
) -> None:
    assert call("status")[1].count("the job reads a value that is not in AWS") == 2
    assert not json.loads(call("status", "--json")[1])["secrets"]["telegram-token"]["unfinished"]


def test_a_rollback_makes_the_previous_version_current_by_its_own_id(in_aws: Rotating, secret: str, call: Call) -> None:
    in_aws.telegram.rotate_token(NEW)
    assert call("telegram-token", given=NEW)[0] == 0
    versions = in_aws.aws.describe_secret(SecretId=secret)["VersionIdsToStages"]
    in_aws.telegram.rotate_token(OLD)
    code, said = call("telegram-token", "--rollback")
    assert code == 0, said
    assert in_aws.staged_in_aws() == {"AWSCURRENT": OLD, "AWSPREVIOUS": NEW}
    assert in_aws.held()["telegram-token"] == OLD
    assert in_aws.aws.describe_secret(SecretId=secret)["VersionIdsToStages"].keys() == versions.keys()


def test_of_two_who_move_the_current_stage_at_once_the_later_is_refused(
    in_aws: Rotating, secret: str, store: AwsStore
) -> None:
    store.create(SecretStr(NEW), None)
    found = store.read()
    assert found.pending is not None
    # Somebody else has a third version made current in between.
    in_aws.aws.put_secret_value(SecretId=secret, SecretString="third")
    with pytest.raises(StoreError, match="somebody else has changed it"):
        store.finish(found.pending, found.current)
    assert in_aws.staged_in_aws()["AWSCURRENT"] == "third"


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true"}, "no AWS creden"),
        ({"AWS_ENDPOINT_URL_SECRETS_MANAGER": "http://127.0.0.1:9"}, "AWS can't be asked (EndpointConnectionError)"),
    ],
)
def test_without_credentials_or_a_network_it_is_one_line_and_nothing_has_begun(
    environment: dict[str, str], said: str, in_aws: Rotating, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setattr(Rotating, "environment", in_aws.environment | environment)
    code, line = call("telegram-token", given=NEW)
    assert code == 2
    assert said in line
    assert not in_aws.writes


def test_a_version_that_holds_no_text_is_said_by_its_id(in_aws: Rotating, secret: str, call: Call) -> None:
    in_aws.aws.put_secret_value(SecretId=secret, SecretBinary=b"bytes")
    code, line = call("telegram-token", given=NEW)
    assert code == 2
    assert "holds no text" in line


def test_a_version_is_not_written_again_where_it_is_there_already(
    in_aws: Rotating, secret: str, store: AwsStore
) -> None:
    current = store.read().current
    assert current is not None
    store.create(current.value, Version(current.value, current.id))
    assert in_aws.staged_in_aws() == {"AWSCURRENT": OLD, "AWSPENDING": OLD}
