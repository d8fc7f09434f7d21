"""What the tests of a run share."""

import pytest

from tests.support.run_parts import Works


@pytest.fixture
def works() -> Works:
    """Starts work in the background that ends when the test says so."""
    return Works()
