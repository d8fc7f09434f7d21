"""Fixtures of the sandbox's tests."""

from collections.abc import Iterator

import pytest

from pipeline.sandbox.telegram.simulator import Telegram
from pipeline.sandbox.web.app import create_app
from tests.support.current_app import CurrentApp, serving_current


@pytest.fixture(scope="session")
def current_app() -> Iterator[CurrentApp]:
    """One server for all tests of the sandbox."""
    current = CurrentApp(create_app(Telegram()))
    with serving_current(current):
        yield current
