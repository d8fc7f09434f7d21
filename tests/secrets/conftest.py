"""A deployment to rotate the secrets of, the script called in this process, and moto's AWS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import rotate
from pydantic import SecretStr
from rotation import lock as rotation_lock
from typer.testing import CliRunner

from pipeline.errors import OperatorError
from tests.support.rotating import Rotating, moto_aws, rotating
from tests.support.workspace.server import Workspace, workspace

Call = Callable[..., tuple[int, str]]


@pytest.fixture(name="workspace")
def _workspace() -> Iterator[Workspace]:
    with workspace() as made:
        yield made


@pytest.fixture(name="deployment")
def _deployment(tmp_path: Path, workspace: Workspace) -> Iterator[Rotating]:
    with rotating(tmp_path, workspace) as made:
        yield made


@pytest.fixture(scope="session", name="aws_url")
def _aws_url() -> Iterator[str]:
    with moto_aws() as url:
        yield url


@pytest.fixture(name="call")
def _call(deployment: Rotating, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Calls the script in this process: `call("telegram-token", given=…)` gives its exit code and what it printed."""
    monkeypatch.setattr(rotation_lock, "_SETTLE_SECONDS", 0.1)
    monkeypatch.setattr(rotation_lock, "_POLL_SECONDS", 0.05)

    def call(*words: str, given: str = "") -> tuple[int, str]:
        for name, value in deployment.environment.items():
            monkeypatch.setenv(name, value)
        # Standard input is a file descriptor there, which only a process of its own can have.
        for module in ("calls", "new_value"):
            monkeypatch.setattr(f"rotation.{module}.piped_value", lambda: SecretStr(given) if given else None)
        result = CliRunner().invoke(rotate.app, deployment.words(*words), env={"COLUMNS": "150"})
        if isinstance(result.exception, OperatorError):
            return 2, f"{result.output}{result.exception}"
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.output

    return call
