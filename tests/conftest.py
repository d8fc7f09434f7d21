"""Fixtures for every test: nothing of the machine's own environment reaches one, and no log set-up outlives one."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
import structlog

from pipeline import redaction
from pipeline.platform import local_spark

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_OURS = ("PIPELINE_", "TELEGRAM_", "OPENAI_", "DATABRICKS_")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with a longer timeout than usual come first: several workers then end at about the same time."""

    def timeout(item: pytest.Item) -> float:
        marker = item.get_closest_marker("timeout")
        return marker.args[0] if marker is not None else 0.0

    items.sort(key=timeout, reverse=True)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(_OURS) or name.lower() in _PROXIES:
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _default_logs() -> Iterator[None]:
    yield
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
def _no_known_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test resolves as a secret is an ordinary text in the next."""
    monkeypatch.setattr("pipeline.redaction._secrets", redaction._Secrets())


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator["SparkSession"]:
    """One session for all tests that need one: a start takes many seconds."""
    session = local_spark.session("local[2]", tmp_path_factory.mktemp("logs"))
    yield session
    session.stop()
