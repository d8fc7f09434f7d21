"""A change of a Delta table's metadata while an append to it is under way: after its look at it, before its commit.

It is committed by the append's own rows as they are computed, without a second session. This module is imported by
Spark's Python workers, and in the process of a run by a test's prelude.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame


def changing_metadata(frame: DataFrame, table: str, change: str) -> DataFrame:
    """The same rows. Whoever computes them commits a change of the table's metadata first."""

    def rows(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        commit_metadata(table, change)
        yield from batches

    return frame.coalesce(1).mapInPandas(rows, frame.schema)


def commit_metadata(table: str, change: str = "the same properties") -> None:
    """Commit a new version of the table that has nothing but its metadata, changed as named."""
    log = Path(table) / "_delta_log"
    commits = sorted(log.glob("*.json"))
    metadata = next(
        action["metaData"]
        for commit in reversed(commits)
        for action in map(json.loads, commit.read_text().splitlines())
        if "metaData" in action
    )
    _change(metadata, change)
    newest = int(commits[-1].stem)
    content = json.dumps({"commitInfo": {"timestamp": 0, "operation": "SET TBLPROPERTIES", "txnId": str(uuid.uuid4())}})
    with (log / f"{newest + 1:020}.json").open("x") as file:
        file.write(f"{content}\n{json.dumps({'metaData': metadata})}\n")


def _change(metadata: dict[str, Any], change: str) -> None:
    if change == "a property":
        metadata["configuration"]["delta.logRetentionDuration"] = "interval 31 days"
    elif change == "a comment":
        metadata["description"] = "Another comment."
    elif change == "a column":
        schema = json.loads(metadata["schemaString"])
        schema["fields"].append({"name": "score", "type": "double", "nullable": True, "metadata": {}})
        metadata["schemaString"] = json.dumps(schema)
    else:
        assert change == "the same properties", change
