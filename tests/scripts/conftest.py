"""The engine and the workspace that the tests of `scripts/stack.py` share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.engine import calls
from tests.support.fake_engine import FakeEngine, WhoAmI


@pytest.fixture
def workspace() -> Iterator[WhoAmI]:
    server = WhoAmI()
    yield server
    server.server.shutdown()
    server.server.server_close()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with two stacks, and a caller whose only credential is a token."""
    for key in [key for key in os.environ if key.startswith(("DATABRICKS", "PULUMI"))]:
        monkeypatch.delenv(key)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DATABRICKS_TOKEN", "a-token")
    monkeypatch.setattr(calls, "PROJECT", tmp_path)
    for name in ("dev", "prod"):
        (tmp_path / f"Pulumi.{name}.yaml").write_text("config: {}\n")
    return tmp_path


@pytest.fixture
def engine(project: Path, workspace: WhoAmI, monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    folder = project / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return FakeEngine(folder, {"host": workspace.host, "service_principal": "8d23", "protect": "false"})
