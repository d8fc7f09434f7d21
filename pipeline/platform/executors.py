"""The executors of a Spark session: whether it has any of its own, and how much they can do at once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_LOCAL = re.compile(r"local($|\[)")
_DRIVER = "driver"


@dataclass(frozen=True)
class Executors:
    """The executors that are there now, and how many tasks they run at once."""

    count: int
    slots: int


def has_executors(spark: SparkSession) -> bool:
    """Whether the session's tasks run in processes of their own. It says nothing about how many are there now."""
    return not _LOCAL.match(spark.sparkContext.master or "")


def executors_of(spark: SparkSession) -> Executors:
    """The executors that are there now: they come and go. A session without its own counts as one executor.

    So does one that keeps no list of them. Raises what Spark raises where its JVM is gone.
    """
    context = spark.sparkContext
    if not has_executors(spark):
        return Executors(1, context.defaultParallelism)
    try:
        # `defaultParallelism` says 2 for a single core.
        listed = context._jsc.sc().statusStore().executorList(True)
        executors = [listed.apply(index) for index in range(listed.size())]
        cores = [executor.totalCores() for executor in executors if executor.id() != _DRIVER]
    except Exception:  # a cluster's Spark may keep no such list
        return Executors(1, context.defaultParallelism)
    return Executors(len(cores), sum(cores))
