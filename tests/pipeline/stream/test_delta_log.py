"""A table's log on a local disk: what is made durable, and what is removed after a power cut."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.stream import delta_log
from pipeline.stream.delta_log import DamagedTable, DeltaLog


class Table:
    """A table as Delta writes it, with a record of what was synced."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.commits = folder / "_delta_log"
        self.commits.mkdir(parents=True)
        self.synced: list[str] = []

    def commit(self, version: int, *, checkpoint: bool = False) -> Path:
        data = f"part-{version}.parquet"
        (self.folder / data).write_bytes(b"rows")
        commit = self.commits / f"{version:020d}.json"
        actions = [{"commitInfo": {}}, {"add": {"path": data, "size": 4}}]
        commit.write_text("\n".join(map(json.dumps, actions)))
        (self.commits / f".{commit.name}.crc").write_bytes(b"crc")
        if checkpoint:
            commit.with_suffix(".checkpoint.parquet").write_bytes(b"PAR1")
            (self.commits / "_last_checkpoint").write_text("{}")
        return commit

    def fsync(self, opened: int) -> None:
        self.synced.append(os.path.relpath(Path(f"/proc/self/fd/{opened}").readlink(), self.folder))

    def names(self) -> set[str]:
        return {path.name for path in self.commits.iterdir()}


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Table:
    table = Table(tmp_path / "bronze")
    monkeypatch.setattr(os, "fsync", table.fsync)
    return table


def _file(version: int) -> str:
    return f"{version:020d}.json"


def test_a_commit_is_durable_with_its_data_before_its_name_is(table: Table) -> None:
    log = DeltaLog(table.folder)
    table.commit(0)
    log.sync()
    table.synced.clear()
    table.commit(1)
    log.sync()
    name = f"_delta_log/{_file(1)}"
    assert table.synced == ["part-1.parquet", f"_delta_log/.{_file(1)}.crc", name, ".", "_delta_log"]
    table.synced.clear()
    log.sync()
    assert table.synced == []


def test_a_checkpoint_of_the_table_is_made_durable_too(table: Table) -> None:
    table.commit(0, checkpoint=True)
    DeltaLog(table.folder).sync()
    assert {f"_delta_log/{0:020d}.checkpoint.parquet", "_delta_log/_last_checkpoint", ".."} <= set(table.synced)


def test_a_sync_that_fails_is_done_again(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    table.commit(0)
    log = DeltaLog(table.folder)

    def fails(_: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", fails)
        with pytest.raises(OSError, match="Input/output"):
            log.sync()
    log.sync()
    assert "part-0.parquet" in table.synced


def test_a_first_sync_looks_at_the_newest_commits_only(table: Table) -> None:
    for version in range(30):
        table.commit(version)
    DeltaLog(table.folder).sync()
    assert f"_delta_log/{_file(9)}" in table.synced
    assert f"_delta_log/{_file(8)}" not in table.synced


def test_a_first_sync_begins_at_the_oldest_commit_that_is_left(table: Table) -> None:
    for version in range(30, 33):
        table.commit(version)
    log = DeltaLog(table.folder)
    log.sync()
    assert log.synced == 32
    assert f"_delta_log/{_file(30)}" in table.synced


def test_a_log_without_commits_needs_nothing(tmp_path: Path) -> None:
    log = DeltaLog(tmp_path / "missing")
    assert log.repair(None) == []
    log.sync()


@pytest.mark.parametrize("place", ["main.bot.bronze", "/Volumes/main/bot/lake/bronze"])
def test_a_table_in_a_catalog_or_on_a_volume_has_nothing_to_sync(place: str) -> None:
    assert DeltaLog.of(place) is None


def test_a_whole_table_is_left_as_it_is(table: Table) -> None:
    for version in range(3):
        table.commit(version, checkpoint=version == 2)
    before = table.names()
    for synced in (None, 0, 2):
        assert DeltaLog(table.folder).repair(synced) == []
    assert table.names() == before


@pytest.mark.parametrize("content", [b"", b"\0" * 100])
def test_empty_newest_commits_are_removed_with_what_belongs_to_them(table: Table, content: bytes) -> None:
    table.commit(0, checkpoint=True)
    whole = table.names() - {"_last_checkpoint"}
    for version in (1, 2):
        table.commit(version, checkpoint=version == 1).write_bytes(content)
    assert DeltaLog(table.folder).repair(0) == [_file(2), _file(1)]
    assert table.names() == whole


def test_a_newest_commit_with_content_is_kept_under_a_name_that_delta_ignores(table: Table) -> None:
    table.commit(0)
    commit = table.commit(1)
    commit.write_bytes(commit.read_bytes()[:-5])
    assert DeltaLog(table.folder).repair(0) == [_file(1)]
    assert f"_cut-{_file(1)}" in table.names()


@pytest.mark.parametrize("content", [None, b"", b"ro"])
def test_a_newest_commit_whose_rows_were_cut_is_removed(table: Table, content: bytes | None) -> None:
    table.commit(0)
    table.commit(1)
    if content is None:
        (table.folder / "part-1.parquet").unlink()
    else:
        (table.folder / "part-1.parquet").write_bytes(content)
    assert DeltaLog(table.folder).repair(0) == [_file(1)]


def test_a_table_whose_creation_was_cut_is_created_again(table: Table) -> None:
    (table.commits / _file(0)).write_bytes(b"")
    assert DeltaLog(table.folder).repair(None) == [_file(0)]
    assert list(table.folder.iterdir()) == []


def _no_rows(table: Table) -> str:
    (table.folder / "part-2.parquet").unlink()
    return "part-2.parquet"


def _no_commit(table: Table) -> str:
    (table.commits / _file(2)).write_bytes(b"")
    return f"_delta_log/{_file(2)}"


@pytest.mark.parametrize("damage", [_no_rows, _no_commit])
@pytest.mark.parametrize("synced", [None, 2, 3])
def test_damage_to_what_was_durable_stops_the_run_and_names_the_file(
    table: Table, damage: Callable[[Table], str], synced: int | None
) -> None:
    """What it holds was let go: removed without a word, its rows would be lost. `None`: it may have been."""
    for version in range(4):
        table.commit(version)
    damaged = damage(table)
    (table.commits / _file(3)).write_bytes(b"")
    before = table.names()
    first = damaged if synced == 2 else f"_delta_log/{_file(3)}"
    with pytest.raises(DamagedTable, match=re.escape(f"{table.folder}/{first} is missing or cut")):
        DeltaLog(table.folder).repair(synced)
    assert table.names() == before


def test_a_log_says_up_to_which_version_it_is_durable(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    log = DeltaLog(table.folder)
    log.sync()
    assert log.synced is None
    table.commit(0)
    table.commit(1)
    log.sync()
    assert log.synced == 1
    table.commit(2)
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(5, "Input/output error")))
        with pytest.raises(OSError, match="Input/output"):
            log.sync()
    assert log.synced == 1


def test_a_pointer_to_the_last_checkpoint_that_cannot_be_read_is_removed(table: Table) -> None:
    table.commit(0, checkpoint=True)
    (table.commits / "_last_checkpoint").write_bytes(b"")
    assert DeltaLog(table.folder).repair(0) == []
    assert "_last_checkpoint" not in table.names()


OPTIMIZE = '{"commitInfo":{"timestamp":1,"operation":"OPTIMIZE"}}\n{"add":{"path":"part-2.parquet","size":4}}'


def test_appends_are_counted_from_the_last_compaction_also_after_a_restart(table: Table) -> None:
    for version in range(3):
        table.commit(version)
    table.commit(2).write_text(OPTIMIZE)
    table.commit(3)
    log = DeltaLog(table.folder)
    assert log.appended == 0, "before the first sync nothing is known"
    log.sync()
    assert log.appended == 1
    table.commit(4)
    assert log.appended == 1
    log.sync()
    assert log.appended == 2
    log.note_compaction()
    assert log.appended == 0


def test_a_table_that_was_never_compacted_has_a_small_file_for_each_commit(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in range(30):
        table.commit(version)
    log = DeltaLog(table.folder)
    log.sync()
    assert log.appended == 30
    monkeypatch.setattr(delta_log, "_KEPT", 10)
    log = DeltaLog(table.folder)
    log.sync()
    assert log.appended == 10, "a start reads no more commits than are kept"


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"_KEPT": 20, "_LONGEST_INTERVAL": 10, "_REMOVED_AT_ONCE": 15}.items():
        monkeypatch.setattr(delta_log, name, value)


@pytest.mark.usefixtures("short")
def test_old_commits_that_a_checkpoint_stands_for_are_removed_bit_by_bit(table: Table) -> None:
    for version in range(65):
        table.commit(version, checkpoint=version % 10 == 0)
        (table.commits / f"{version:020d}.crc").write_text("{}")
        (table.commits / f".{version:020d}.crc.crc").write_text("crc")
    log = DeltaLog(table.folder)
    assert log.expire() == 0, "before the first sync nothing is known to be durable"
    log.sync()
    assert [log.expire() for _ in range(5)] == [15, 15, 10, 0, 0]
    kept = {int(name.lstrip(".")[:20]) for name in table.names() - {"_last_checkpoint"}}
    assert kept == set(range(40, 65))
    assert f"{40:020d}.checkpoint.parquet" in table.names()
    assert f"{60:020d}.crc" in table.names()
    assert log.repair(log.synced) == []


@pytest.mark.usefixtures("short")
def test_commits_stay_while_no_checkpoint_stands_for_them(table: Table) -> None:
    for version in range(65):
        table.commit(version, checkpoint=version == 60)
    log = DeltaLog(table.folder)
    log.sync()
    assert log.expire() == 0
    assert len(table.names()) == 65 * 2 + 2


@pytest.mark.usefixtures("short")
def test_a_restart_continues_where_the_log_was_shortened(table: Table) -> None:
    for version in range(65):
        table.commit(version, checkpoint=version % 10 == 0)
    for _ in range(3):
        log = DeltaLog(table.folder)
        log.sync()
        log.expire()
    assert min(name for name in table.names() if name[0] == "0") == f"{40:020d}.checkpoint.parquet"
