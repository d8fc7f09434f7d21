"""The program on the real engine with the real provider, against the workspace that the environment names.

Set DATABRICKS_HOST with credentials for it, and DATABRICKS_ACCOUNT_ID, to run these: they make a small deployment of
their own, and remove it.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from infra.outputs import Outputs
from pipeline.platform.databricks import WaitLimits, sign_in
from pipeline.tables import SILVER
from tests.support.exported_state import without_resource, without_resources

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

ROOT = Path(__file__).resolve().parents[2]
_NEEDED = ("DATABRICKS_HOST", "DATABRICKS_ACCOUNT_ID")
_PATIENCE = 1800.0

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(4 * _PATIENCE),
    pytest.mark.xdist_group("deployment"),
    pytest.mark.skipif(shutil.which("pulumi") is None, reason="the Pulumi engine is not on the PATH"),
    pytest.mark.skipif(
        not all(os.environ.get(name) for name in _NEEDED), reason=f"set {' and '.join(_NEEDED)}, with credentials"
    ),
]


class Stack:
    """A stack of the program, its state and its settings in a folder of the test's."""

    def __init__(self, folder: Path) -> None:
        self.name = f"it-{secrets.token_hex(3)}"
        self.project = folder / "project"
        self.project.mkdir()
        shutil.copy(ROOT / "Pulumi.yaml", self.project)
        for name in ("infra", ".venv"):
            (self.project / name).symlink_to(ROOT / name)
        state = folder / "state"
        state.mkdir()
        # The provider of a workspace that finds an account's id in the environment asks the account instead.
        inherited = {key: value for key, value in os.environ.items() if key != "DATABRICKS_ACCOUNT_ID"}
        self._environment = {
            **inherited,
            "PULUMI_BACKEND_URL": f"file://{state}",
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }

    def pulumi(self, *arguments: str, check: bool = True) -> str:
        done = subprocess.run(
            ["pulumi", *arguments, "--non-interactive", "--stack", self.name],
            cwd=self.project,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
        assert not check or done.returncode == 0, f"pulumi {arguments[0]}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def create(self) -> None:
        subprocess.run(
            ["pulumi", "stack", "init", self.name, "--non-interactive"],
            cwd=self.project,
            env=self._environment,
            check=True,
            timeout=_PATIENCE,
            capture_output=True,
        )
        self.pulumi("config", "set", "--path", "pulumi:disable-default-providers[0]", "databricks")
        self.configure("host", os.environ["DATABRICKS_HOST"].rstrip("/"))
        self.configure("account_id", os.environ["DATABRICKS_ACCOUNT_ID"])
        self.configure("paused", "true")

    def configure(self, key: str, value: str) -> None:
        self.pulumi("config", "set", key, value)

    def up(self) -> None:
        self.pulumi("up", "--yes", "--skip-preview", "--policy-pack", str(ROOT / "infra" / "policy"))

    def expect_no_changes(self) -> None:
        self.pulumi("preview", "--expect-no-changes", "--diff")

    def planned(self) -> dict[str, set[str]]:
        """What a preview would do, by the names of the resources; what stays as it is is left out."""
        planned: dict[str, set[str]] = {}
        steps: list[dict[str, Any]] = json.loads(self.pulumi("preview", "--json"))["steps"]
        for step in steps:
            if step["op"] != "same":
                planned.setdefault(step["urn"].rsplit("::", 1)[-1], set()).add(step["op"])
        return planned

    def outputs(self) -> Outputs:
        return Outputs.model_validate_json(self.pulumi("stack", "output", "--json"))

    def edit_state(self, edit: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Give the engine another state than it has."""
        file = self.project / "state.json"
        file.write_text(json.dumps(edit(json.loads(self.pulumi("stack", "export")))))
        self.pulumi("stack", "import", "--file", str(file))

    def workspace(self) -> WorkspaceClient:
        return sign_in(self.outputs().host, waits=WaitLimits(request=60, retries=120))

    def sql(self, statement: str) -> None:
        """Run a statement on the stack's own warehouse."""
        done = self.workspace().statement_execution.execute_statement(
            statement, self.outputs().warehouse_id, wait_timeout="50s"
        )
        assert done.status is not None
        assert done.status.state is not None
        assert done.status.state.name == "SUCCEEDED", done.status.error

    def remove(self) -> None:
        self.pulumi("destroy", "--yes", "--skip-preview")
        self.pulumi("stack", "rm", "--yes")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("deployment"))
    stack.create()
    try:
        stack.up()
        yield stack
    finally:
        stack.remove()


def test_a_second_up_changes_nothing(stack: Stack) -> None:
    stack.expect_no_changes()


def test_the_outputs_are_what_the_scripts_read(stack: Stack) -> None:
    outputs = stack.outputs()
    assert outputs.environment == stack.name
    assert outputs.silver.endswith(".telegram.silver")


def test_a_changed_setting_updates_the_job_in_place_and_nothing_else(stack: Stack) -> None:
    stack.configure("max_tokens", "256")
    assert stack.planned() == {"job-job": {"update"}}
    stack.up()
    stack.expect_no_changes()


def test_a_table_whose_state_was_lost_is_adopted_and_not_made_anew(stack: Stack) -> None:
    before = stack.outputs()
    stack.edit_state(lambda exported: without_resource(exported, "catalog-quarantine"))
    planned = stack.planned()
    assert "import" in planned["catalog-quarantine"]
    assert not {"create", "replace", "delete"} & planned["catalog-quarantine"]
    # What depends on the table is still known: nothing is made a second time.
    assert "create" not in set().union(*planned.values())
    stack.up()
    stack.expect_no_changes()
    assert stack.outputs() == before


def test_the_view_can_be_read_and_is_adopted_when_its_state_was_lost(stack: Stack) -> None:
    stack.sql(f"SELECT thumbs_up, thumbs_down FROM {stack.outputs().answers}")  # noqa: S608 (the stack's own output)
    stack.edit_state(lambda exported: without_resource(exported, "catalog-answers"))
    planned = stack.planned()
    assert "import" in planned["catalog-answers"]
    assert not {"create", "replace", "delete"} & set().union(*planned.values())
    stack.up()
    stack.expect_no_changes()


def test_a_column_of_a_later_version_stays(stack: Stack) -> None:
    stack.sql(f"ALTER TABLE {stack.outputs().silver} ADD COLUMNS (score DOUBLE COMMENT 'Of a later version.')")
    stack.up()
    stack.expect_no_changes()
    columns = stack.workspace().tables.get(stack.outputs().silver).columns or []
    assert [column.name for column in columns] == [*SILVER.column_names, "score"]


def test_a_continuous_job_becomes_a_triggered_one_in_place_and_leaves_no_run_of_its_own(stack: Stack) -> None:
    before = stack.outputs()
    stack.configure("mode", "triggered")
    assert stack.planned() == {"job-job": {"update"}}
    stack.up()
    stack.expect_no_changes()
    assert stack.outputs().job_id == before.job_id
    assert list(stack.workspace().jobs.list_runs(job_id=int(before.job_id), active_only=True)) == []
    stack.configure("mode", "continuous")
    stack.up()


def test_after_a_wholly_lost_state_all_is_adopted_and_nothing_is_made_twice(stack: Stack) -> None:
    before = stack.outputs()
    stack.edit_state(without_resources)
    planned = stack.planned()
    adopted = ("identity-principal", "catalog-catalog", "catalog-schema", "catalog-state", "catalog-silver",
               "catalog-warehouse", "secrets-scope", "job-job", "dashboard-dashboard")  # fmt: skip
    assert {name for name in adopted if "import" not in planned[name]} == set()
    assert {name for name in adopted if {"create", "replace", "delete"} & planned[name]} == set()
    stack.up()
    stack.expect_no_changes()
    assert stack.outputs() == before
