"""Fixtures of the pipeline's tests."""

import os
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from pipeline.platform.credentials import ModelAccess
from pipeline.sandbox.models.scripted import ScriptedModel
from tests.support.current_app import CurrentApp, serving_current


@pytest.fixture(autouse=True)
def _no_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests in one process can't see what fsync is for; `storage/test_places.py` checks that it is called."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


class ModelServer(CurrentApp):
    """Serves the scripted model of the test that runs."""

    def access(self, bearer: str = "test-bearer") -> ModelAccess:
        """What a client of the model needs."""
        return ModelAccess(self.url, SecretStr(bearer))


@pytest.fixture(scope="session")
def _model_server() -> Iterator[ModelServer]:
    server = ModelServer(ScriptedModel().app)
    with serving_current(server):
        server.url += "/v1"
        yield server


@pytest.fixture
def model_server(_model_server: ModelServer) -> ModelServer:
    """A served scripted model; the `scripted` fixture is its script."""
    return _model_server


@pytest.fixture
def scripted(_model_server: ModelServer) -> ScriptedModel:
    """A new script for the served model."""
    model = ScriptedModel()
    _model_server.app = model.app
    return model
