"""The Pulumi program as a process of its own, over the engine's protocol."""

from __future__ import annotations

import pytest

from infra.outputs import Outputs
from tests.support.engine import run_process
from tests.support.workspace.server import CALLER, TOKEN, workspace

pytestmark = pytest.mark.e2e

EXISTING = {"host": "https://dbc-1.cloud.databricks.com", "account_id": "acc"}
CREATED = {"workspace": "create", "account_id": "12345678-acc", "region": "eu-west-1", "metastore_id": "m"}


@pytest.mark.parametrize("preview", [True, False], ids=["preview", "up"])
@pytest.mark.parametrize("config", [EXISTING, CREATED], ids=["existing", "created"])
def test_the_program_runs_to_its_end_whatever_is_known_when(config: dict[str, str], preview: bool) -> None:
    # The look-up of the tables asks a provider that is not there yet: it waits, and holds nothing else up.
    done = run_process(config, preview=preview, delays={"MwsWorkspaces": 3.0, "Catalog": 0.5})
    assert (done.exit_code, done.errors) == (0, []), done.output
    assert done.run.one("Job").inputs["name"] == "telegram-lakehouse-dev"
    assert set(done.run.stack_outputs) == set(Outputs.model_fields)


def test_a_job_that_stops_being_continuous_has_its_old_run_cancelled_in_the_workspace() -> None:
    with workspace() as place:
        place.jobs.give(4711, {"schedule": {}}, run_as=CALLER, creator=CALLER)
        place.jobs.began(4711)
        done = run_process(
            {"host": place.url, "account_id": "acc", "mode": "triggered"},
            updated={"Job": {"continuous": {"pauseStatus": "UNPAUSED"}}},
            environment={"DATABRICKS_TOKEN": TOKEN},
        )
        assert (done.exit_code, done.errors, done.hook_errors) == (0, [], []), done.output
        assert place.jobs.cancelled == [1000]
        assert done.said == ["run 1000 of the continuous job was cancelled: the job now runs on its schedule"]


def test_an_old_run_that_can_not_be_cancelled_fails_the_update_with_what_to_do() -> None:
    with workspace() as place:
        done = run_process(
            {"host": place.url, "account_id": "acc", "mode": "triggered"},
            updated={"Job": {"continuous": {"pauseStatus": "UNPAUSED"}}},
            environment={"DATABRICKS_TOKEN": TOKEN},
        )
    (line,) = done.hook_errors
    assert "Job 4711 does not exist" in line
    assert "cancel it with `databricks jobs cancel-all-runs --job-id 4711`" in line
    assert "\n" not in line


def test_the_first_token_goes_to_the_engine_as_a_secret_only() -> None:
    token = "123456:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc"
    done = run_process({**EXISTING, "telegram_token": token}, secret_keys=("telegram_token",))
    assert done.exit_code == 0, done.output
    assert "stringValue" in done.run.one("Secret").secret_inputs
    holders = [one.name for one in done.run.resources if token in str(one.inputs)]
    assert holders == ["secrets-first-token"]
    assert token not in done.output


@pytest.mark.parametrize(
    ("config", "line"),
    [
        ({}, "host is not set: set it to the workspace's address, or set workspace to create"),
        ({**EXISTING, "hots": "x"}, "hots is no setting: did you mean host?"),
    ],
)
def test_a_setting_that_cannot_be_used_is_one_line_and_nothing_is_declared(config: dict[str, str], line: str) -> None:
    done = run_process(config)
    assert done.exit_code == 1
    assert done.errors == [line]
    assert done.run.resources == []
    assert "Traceback" not in done.output
