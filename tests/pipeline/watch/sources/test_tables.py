"""A table's rows are read whole once, and then only as they are appended."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import deltalake
import pytest

from pipeline.tables import BRONZE
from pipeline.watch.sources.tables import MOST_ROWS, WATCHED, TableTail, added_files
from tests.support.delta_rows import append

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def _tail(place: Path) -> TableTail:
    return TableTail(WATCHED[0], str(place))


def _row(seq: int, disposition: str = "answer") -> dict[str, object]:
    return {"seq": seq, "disposition": disposition, "received_at": NOON}


def test_a_table_that_does_not_exist_yet_has_nothing_new(tmp_path: Path) -> None:
    assert _tail(tmp_path / "bronze").look() is None


def test_a_table_of_a_catalog_is_not_read(tmp_path: Path) -> None:
    tail = TableTail(WATCHED[0], "main.bot.bronze")
    assert not tail.readable
    assert tail.look() is None


def test_the_first_look_counts_all_rows_and_gives_the_latest_in_their_order(tmp_path: Path) -> None:
    place = tmp_path / "bronze"
    append(BRONZE, place, *(_row(seq, "edit" if seq % 3 == 0 else "answer") for seq in range(MOST_ROWS + 100, 0, -1)))
    found = _tail(place).look()
    assert found is not None
    assert found.whole
    assert found.count == MOST_ROWS + 100
    assert found.values == {"disposition": Counter(answer=200, edit=100)}
    assert [row["seq"] for row in found.rows] == list(range(101, MOST_ROWS + 101))
    assert found.rows[0]["received_at"] == NOON


def test_later_looks_read_the_appended_files_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "bronze"
    append(BRONZE, place, _row(1))
    tail = _tail(place)
    assert tail.look() is not None
    assert tail.look() is None
    monkeypatch.setattr(deltalake, "DeltaTable", None)
    append(BRONZE, place, _row(2), _row(3, "edit"))
    append(BRONZE, place, _row(4))
    found = tail.look()
    assert found is not None
    assert not found.whole
    assert [row["seq"] for row in found.rows] == [2, 3, 4]
    assert found.rows[0]["received_at"] == NOON
    assert (found.count, found.values["disposition"]) == (3, Counter(answer=2, edit=1))
    assert tail.look() is None


def test_a_compaction_brings_no_row_again(tmp_path: Path) -> None:
    place = tmp_path / "bronze"
    append(BRONZE, place, _row(1))
    append(BRONZE, place, _row(2))
    tail = _tail(place)
    tail.look()
    deltalake.DeltaTable(place).optimize.compact()
    assert tail.look() is None
    append(BRONZE, place, _row(3))
    found = tail.look()
    assert found is not None
    assert [row["seq"] for row in found.rows] == [3]


def test_a_table_that_was_made_anew_is_read_whole_again(tmp_path: Path) -> None:
    place = tmp_path / "bronze"
    for seq in (1, 2, 3):
        append(BRONZE, place, _row(seq))
    tail = _tail(place)
    tail.look()
    place.rename(tmp_path / "old")
    append(BRONZE, place, _row(9))
    found = tail.look()
    assert found is not None
    assert found.whole
    assert [row["seq"] for row in found.rows] == [9]


def test_a_row_that_was_deleted_makes_the_table_read_whole_again(tmp_path: Path) -> None:
    place = tmp_path / "bronze"
    append(BRONZE, place, _row(1), _row(2))
    tail = _tail(place)
    tail.look()
    deltalake.DeltaTable(place).delete("seq = 1")
    found = tail.look()
    assert found is not None
    assert found.whole
    assert [row["seq"] for row in found.rows] == [2]


def test_a_commit_that_is_not_whole_is_read_at_a_later_look(tmp_path: Path) -> None:
    place = tmp_path / "bronze"
    append(BRONZE, place, _row(1))
    tail = _tail(place)
    tail.look()
    append(BRONZE, place, _row(2))
    commit = place / "_delta_log" / f"{1:020d}.json"
    content = commit.read_bytes()
    commit.write_bytes(content[:-9])
    with pytest.raises(ValueError, match=r"delimiter|Unterminated|property"):
        tail.look()
    commit.write_bytes(content)
    found = tail.look()
    assert found is not None
    assert [row["seq"] for row in found.rows] == [2]


def test_the_names_of_added_files_are_unquoted() -> None:
    added = {"add": {"path": "a%20b.parquet", "dataChange": True}}
    assert list(added_files(json.dumps(added).encode())) == ["a b.parquet"]
