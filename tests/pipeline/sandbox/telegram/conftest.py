"""A simulated Telegram whose time a test moves."""

import pytest

from pipeline.sandbox.telegram.simulator import Telegram
from tests.support.simulated import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def telegram(clock: Clock) -> Telegram:
    return Telegram(clock=clock, now=lambda: 1_700_000_000.5)
