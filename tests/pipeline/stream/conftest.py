"""Fixtures of the tests of the stream: one Spark session for all that need one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from pipeline.platform import local_spark

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="package")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    session = local_spark.session("local[2]", tmp_path_factory.mktemp("logs"))
    yield session
    session.stop()
