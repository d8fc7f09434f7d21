"""A scripted model over HTTP."""

import pytest

from pipeline.sandbox.models.scripted import ScriptedModel
from tests.support.asking import ModelClient
from tests.support.current_app import CurrentApp


@pytest.fixture
def model(current_app: CurrentApp) -> ModelClient:
    script = ScriptedModel()
    current_app.app = script.app
    return ModelClient(script, current_app.url)
