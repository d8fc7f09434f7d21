"""What `up` does to the tables while the pipeline serves: an append that it hits is repeated, and nothing doubled."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.metadata_change import commit_metadata
from tests.support.world import World, repeated, wait_until

pytestmark = pytest.mark.e2e

_HIT_THE_FIRST_APPEND_OF_EACH = """
import sys
sys.path.insert(0, {root!r})
from pipeline.stream.delta import DeltaTable
from tests.support.metadata_change import changing_metadata
append, hit = DeltaTable.append, set()
class Changing:
    def __init__(self, spark, place):
        self.spark, self.place = spark, place
    def __getattr__(self, name):
        return getattr(self.spark, name)
    def createDataFrame(self, *values, **options):
        return changing_metadata(self.spark.createDataFrame(*values, **options), self.place, "a property")
def append_hit_once(self, rows):
    spark = self._spark
    if rows and self.table.name in ("bronze", "silver") and self.table.name not in hit:
        hit.add(self.table.name)
        self._spark = Changing(spark, self.place)
    try:
        append(self, rows)
    finally:
        self._spark = spark
DeltaTable.append = append_hit_once
"""
_ROOT = Path(__file__).resolve().parents[2]


def _assert_each_once(world: World, texts: list[str]) -> None:
    for table, column in (("bronze", "text"), ("silver", "user_message")):
        assert sorted(row[column] for row in world.table(table)) == sorted(texts)
    assert sorted(sent["text"].removeprefix("echo: ") for sent in world.sent()) == sorted(texts)
    assert not repeated([call["user_text"] for call in world.model.calls])


def _seconds_to_answer(world: World, text: str) -> float:
    began, before = time.monotonic(), len(world.sent())
    world.say(text)
    wait_until(lambda: len(world.sent()) > before, 90)
    return time.monotonic() - began


def test_appends_that_a_changed_table_refuses_are_repeated_and_nothing_is_doubled_or_lost(world: World) -> None:
    job = world.serving(world.run(prelude=_HIT_THE_FIRST_APPEND_OF_EACH.format(root=str(_ROOT))))
    texts = world.burst(20, chats=10)
    wait_until(lambda: "the tables can't be written" in job.log, 90, lambda: job.log)
    # A person who writes meanwhile does not wait for the tables.
    late = _seconds_to_answer(world, "in between")
    texts += ["in between", "afterwards"]
    wait_until(lambda: "the tables are written again" in job.log, 90, lambda: job.log)
    quiet = _seconds_to_answer(world, "afterwards")
    job.terminate()
    world.run_once()
    assert "MetadataChangedException" in job.log or "DELTA_METADATA_CHANGED" in job.log, job.log[-4000:]
    assert "micro-batch failed" not in job.log
    _assert_each_once(world, texts)
    print(f"answered after {late:.1f} s beside a refused append, {quiet:.1f} s without")
    assert late < 10


def test_properties_that_are_set_again_and_again_while_people_write_disturb_nothing(world: World) -> None:
    job = world.serving(world.run())
    texts = world.burst(1, chats=1, text="first")
    wait_until(lambda: len(world.sent()) == 1, 60, lambda: job.log)
    for number in range(10):
        texts += world.burst(4, chats=4, text=f"round {number}")
        for table in ("bronze", "silver"):
            _set_properties_again(world.storage / table)
        time.sleep(0.2)
    wait_until(lambda: len(world.sent()) == len(texts), 90, lambda: job.log)
    world.wait_for_rows(job, silver=len(texts), bronze=len(texts))
    job.terminate()
    _assert_each_once(world, texts)


def _set_properties_again(table: Path) -> None:
    """Commit the table's metadata anew, however often the pipeline commits first."""
    while True:
        try:
            return commit_metadata(str(table))
        except FileExistsError:
            continue
