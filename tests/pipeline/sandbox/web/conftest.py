"""A simulated Telegram over HTTP."""

from collections.abc import Iterator

import pytest

from pipeline.sandbox.telegram.simulator import Telegram
from pipeline.sandbox.web.app import create_app
from tests.support.current_app import CurrentApp
from tests.support.simulated import Sandbox


@pytest.fixture
def sandbox(current_app: CurrentApp) -> Iterator[Sandbox]:
    current_app.app = create_app(Telegram())
    sandbox = Sandbox(current_app.url)
    with sandbox.client:
        yield sandbox
