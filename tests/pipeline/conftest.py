"""Fixtures of the pipeline's tests."""

import os
from collections.abc import Iterator

import pytest
from pydantic import SecretStr
from starlette.types import ASGIApp, Receive, Scope, Send

from pipeline.platform.credentials import ModelAccess
from pipeline.sandbox.scripted_model import ScriptedModel
from pipeline.sandbox.server import serve


@pytest.fixture(autouse=True)
def _no_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fsync is for, no test in one process can see; that it is called, test_storage does."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


class ModelServer:
    """The scripted model of the test that runs: one server for all of them."""

    def __init__(self) -> None:
        self.app: ASGIApp = ScriptedModel().app
        self.url = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)

    def access(self, bearer: str = "test-bearer") -> ModelAccess:
        return ModelAccess(self.url, SecretStr(bearer))


@pytest.fixture(scope="session")
def _model_server() -> Iterator[ModelServer]:
    server = ModelServer()
    with serve(server) as served:
        server.url = f"{served.url}/v1"
        yield server


@pytest.fixture
def model_server(_model_server: ModelServer) -> ModelServer:
    """Where a scripted model answers; the `scripted` fixture is its script."""
    return _model_server


@pytest.fixture
def scripted(_model_server: ModelServer) -> ScriptedModel:
    """A fresh script for the served model."""
    model = ScriptedModel()
    _model_server.app = model.app
    return model
