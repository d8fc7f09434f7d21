"""Compaction on real Spark and Delta: rows, durability and the log."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import deltalake
import pytest

from pipeline.stream import delta, delta_log
from pipeline.stream.compaction import DAY, Compaction
from pipeline.stream.delta import DeltaTable
from pipeline.stream.delta_log import DeltaLog
from pipeline.stream.rows import Row
from pipeline.tables import QUARANTINE
from tests.support.replies import NOON

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark


def _row(number: int) -> Row:
    return {"reason": f"reason {number}", "raw": "raw", "source_file": "file", "ingested_at": NOON, "batch_id": number}


def _opened(place: Path, spark: SparkSession) -> DeltaTable:
    table = DeltaTable(QUARANTINE, str(place), spark, DeltaLog(place))
    table.ensure()
    return table


def _reasons(place: Path) -> list[str]:
    return sorted(row["reason"] for row in deltalake.DeltaTable(str(place)).to_pyarrow_table().to_pylist())


def test_a_compacted_table_has_its_rows_in_one_file_and_takes_more(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(delta._LOCAL_PROPERTIES, "delta.checkpointInterval", "10")
    place, now = tmp_path / "quarantine", time.time()
    table = _opened(place, spark)
    for number in range(14):
        table.append([_row(number)])
    rows = _reasons(place)
    assert (table.small_files, len(deltalake.DeltaTable(str(place)).file_uris())) == (15, 14)

    monkeypatch.setattr("pipeline.stream.compaction.TOO_MANY", 15)
    monkeypatch.setattr(delta_log, "_KEPT", 2)
    monkeypatch.setattr(delta_log, "_LONGEST_INTERVAL", 12)
    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda opened: synced.append(str(Path(f"/proc/self/fd/{opened}").readlink())))
    compaction = Compaction(tmp_path / "compaction.json")
    assert compaction.step([table], now, quiet=False) == "quarantine"
    (compacted,) = deltalake.DeltaTable(str(place)).file_uris()
    assert compacted in synced, "the rows are durable in their new place before a vacuum can remove the old one"
    assert _reasons(place) == rows
    assert table.small_files == 0

    table.append([_row(14)])
    assert _reasons(place) == sorted([*rows, "reason 14"])

    assert compaction.step([table], now + DAY, quiet=True) == "quarantine"
    assert len(list(place.glob("*.parquet"))) == 16, "a vacuum leaves what was replaced within an hour"
    commits = sorted(path.name for path in (place / "_delta_log").glob("*.json"))
    assert commits[0] == f"{10:020d}.json", "the log begins at a checkpoint"
    again = _opened(place, spark)
    again._log.sync()  # type: ignore[union-attr]
    assert 1 <= again.small_files <= 3, "the append, and at most the two commits of the vacuum"
    assert _reasons(place) == sorted([*rows, "reason 14"])
    assert spark.read.format("delta").load(str(place)).count() == 15


def test_a_table_of_an_earlier_release_gets_the_local_properties(spark: SparkSession, tmp_path: Path) -> None:
    place = tmp_path / "quarantine"
    DeltaTable(QUARANTINE, str(place), spark).ensure()
    _opened(place, spark)
    _opened(place, spark)
    described = deltalake.DeltaTable(str(place))
    assert described.version() == 1
    assert described.metadata().configuration["delta.deletedFileRetentionDuration"] == "interval 1 hour"
    assert described.metadata().configuration["delta.appendOnly"] == "true"
