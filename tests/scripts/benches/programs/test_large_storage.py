"""The large storage that starts are measured on: it is as the product leaves it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from pipeline.storage.done import DoneFiles
from pipeline.tables import BRONZE, SILVER
from scripts.benches.programs import large_storage
from scripts.benches.programs.large_storage import Size, build

NOW = 1_800_000_000.0 + 1800  # 2027-01-15T08:30:00Z
SIZE = Size(messages=500, commits=12, small_files=4, replaced=7, done_hours=3, done_per_hour=250, files_read=5)


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a run has begun."""
    import deltalake
    import pyarrow

    monkeypatch.setattr(large_storage, "_ROWS_IN_LARGE_FILE", 100)
    types = {"bigint": pyarrow.int64(), "string": pyarrow.string(), "timestamp": pyarrow.timestamp("us", "UTC")}
    for table in (BRONZE, SILVER):
        fields = [(c.name, types.get(c.type, pyarrow.list_(pyarrow.int64()))) for c in table.columns]
        deltalake.DeltaTable.create(tmp_path / table.name, pyarrow.schema(fields))
    log = tmp_path / "checkpoints" / "silver" / "sources" / "0" / "0"
    log.parent.mkdir(parents=True)
    read = {"path": "file:///lake/landing/1-1-1.jsonl", "timestamp": 1, "batchId": 0}
    log.write_text("v1\n" + json.dumps(read))
    return tmp_path


def test_a_storage_has_the_messages_files_and_commits_that_are_asked_for(storage: Path) -> None:
    import deltalake

    build(storage, SIZE, NOW)
    for table in (BRONZE, SILVER):
        built = deltalake.DeltaTable(storage / table.name)
        rows = built.to_pyarrow_table().to_pylist()
        assert sorted(row["update_id"] for row in rows) == list(range(1, 501))
        assert len(built.file_uris()) <= SIZE.small_files + 2
        commits = [path.read_text() for path in (storage / table.name / "_delta_log").glob("*.json")]
        assert sum(commit.count('"remove":{"path":"part-00000-0000') for commit in commits) == SIZE.replaced
        assert built.version() >= SIZE.commits
    read = (storage / "checkpoints" / "silver" / "sources" / "0" / "0").read_text().splitlines()
    assert len(read) == 2 + SIZE.files_read
    assert {json.loads(line)["batchId"] for line in read[1:]} == {0}


def test_its_packs_are_those_that_the_product_makes_of_the_same_files(storage: Path, tmp_path: Path) -> None:
    build(storage, SIZE, NOW)
    day = storage / "landing" / "_done" / "2027-01-15"
    packs = sorted(day.glob("*.zip"))
    assert [pack.name for pack in packs] == ["2027-01-15T05.zip", "2027-01-15T06.zip"]
    assert len(list(day.glob("*.jsonl"))) == 250
    own = tmp_path / "own" / "_done" / day.name
    own.mkdir(parents=True)
    for number, hour in enumerate((5, 6)):
        began = NOW // 86400 * 86400 + hour * 3600
        for seq, update_id, line in large_storage._landed(began, 250, 250 * number):
            (own / f"{seq}-{update_id}-{update_id}.jsonl").write_text(line)
    while DoneFiles(tmp_path / "own", pause=lambda: None).pack(NOW, lambda: None):
        pass
    for pack in packs:
        with zipfile.ZipFile(pack) as built, zipfile.ZipFile(own / pack.name) as packed:
            assert built.namelist() == packed.namelist()
            assert built.comment == packed.comment
            assert all(built.read(name) == packed.read(name) for name in built.namelist())
