"""What a session's executors are, and how many tasks they run at once."""

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from pipeline.platform.executors import Executors, executors_of, has_executors

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def session(master: str, *cores: int, keeps_list: bool = True) -> "SparkSession":
    """A session whose executors have these cores. The JVM's list has the driver too, which runs no tasks there."""
    listed = [
        SimpleNamespace(id=lambda name=name: name, totalCores=lambda count=count: count)
        for name, count in [("driver", 0), *((str(number), count) for number, count in enumerate(cores))]
    ]
    seq = SimpleNamespace(size=lambda: len(listed), apply=lambda index: listed[index])
    store = SimpleNamespace(executorList=lambda active: seq)
    context: dict[str, Any] = {"master": master, "defaultParallelism": max(2, sum(cores))}
    if keeps_list:
        context["_jsc"] = SimpleNamespace(sc=lambda: SimpleNamespace(statusStore=lambda: store))
    return cast("SparkSession", SimpleNamespace(sparkContext=SimpleNamespace(**context)))


@pytest.mark.parametrize("master", ["local", "local[2]", "local[*]", "local[*, 4]"])
def test_a_session_within_the_driver_has_no_executors_of_its_own(master: str) -> None:
    assert not has_executors(session(master))


@pytest.mark.parametrize("master", ["local-cluster[2,1,1024]", "spark://10.0.0.1:7077", "yarn"])
def test_a_session_on_a_cluster_has_executors(master: str) -> None:
    assert has_executors(session(master))


@pytest.mark.parametrize("cores", [(), (1,), (1, 1), (4, 4), (2, 8)])
def test_the_executors_that_are_there_now_are_counted_without_the_driver(cores: tuple[int, ...]) -> None:
    assert executors_of(session("spark://10.0.0.1:7077", *cores)) == Executors(len(cores), sum(cores))


def test_a_session_within_the_driver_counts_as_one_executor() -> None:
    assert executors_of(session("local[3]", 3)) == Executors(1, 3)


def test_a_cluster_that_keeps_no_list_counts_as_one_executor_with_all_its_places() -> None:
    assert executors_of(session("spark://10.0.0.1:7077", 4, 4, keeps_list=False)) == Executors(1, 8)
