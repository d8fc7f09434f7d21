"""The tables of a storage, over a session that is asked for nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from pipeline.storage.places import Storage
from pipeline.stream import delta_tables
from pipeline.stream.checkpoint import Mark, MarkFile
from pipeline.stream.delta_log import DamagedTable
from pipeline.stream.delta_tables import DeltaTables
from tests.support.stream import Event, FakeTable

SPARK, OTHER = cast("Any", object()), cast("Any", object())


class World:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ensured: list[str] = []
        self.checked: list[str] = []
        self.sessions: list[object] = []
        self.reports: list[tuple[str, str | None]] = []
        self.mark = MarkFile(folder / "query.json")
        self.tables = DeltaTables(
            SPARK,
            Storage(folder, folder, folder, folder, "b", "main.bot.silver", "q", "f"),
            self.mark,
            lambda *said: self.reports.append(said),
        )

    def table(self, table: Any, place: str, spark: object, _log: object) -> FakeTable:
        self.sessions.append(spark)
        events: list[Event] = []
        found: Any = FakeTable(table, events)
        found.ensure = lambda: self.ensured.append(place)
        found.check = lambda: self.checked.append(place)
        return cast("FakeTable", found)

    def commits(self, count: int) -> Path:
        """The log of quarantine, with so many commits in it."""
        commits = self.folder / "q" / "_delta_log"
        commits.mkdir(parents=True)
        for version in range(count):
            (commits / f"{version:020d}.json").write_text("{}")
        return commits


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.chdir(tmp_path)
    world = World(tmp_path)
    monkeypatch.setattr(delta_tables, "DeltaTable", world.table)
    return world


def test_preparing_creates_the_tables_where_the_storage_has_them(world: World) -> None:
    world.tables.prepare()
    assert world.ensured == ["b", "main.bot.silver", "q", "f"]
    assert set(world.sessions) == {SPARK}


def test_a_check_asks_all_tables(world: World) -> None:
    world.tables.check()
    assert world.checked == ["b", "main.bot.silver", "q", "f"]


def test_tables_are_seen_by_the_session_that_is_given(world: World) -> None:
    world.tables.of(OTHER)
    world.tables.all(OTHER)
    world.tables.silver(OTHER)
    assert set(world.sessions) == {OTHER}


def test_the_mark_says_which_versions_of_local_tables_are_durable(world: World) -> None:
    world.mark.note_query("query-1", world.folder)
    world.commits(3)
    world.tables.prepare()
    world.tables.note_durable()
    assert world.mark.read() == Mark(query_id="query-1", landing=world.folder.as_posix(), synced={"quarantine": 2})


def test_a_durable_commit_that_is_damaged_stops_the_start(world: World) -> None:
    commits = world.commits(3)
    world.tables.prepare()
    world.tables.note_durable()
    (commits / f"{2:020d}.json").write_text("")
    with pytest.raises(DamagedTable, match=rf"q/_delta_log/{2:020d}\.json is missing or cut"):
        world.tables.prepare()


def test_a_cut_commit_that_was_not_durable_is_removed_before_the_table_is_read(world: World) -> None:
    commits = world.commits(1)
    world.tables.prepare()
    world.tables.note_durable()
    (commits / f"{1:020d}.json").write_text("")
    world.tables.prepare()
    assert [path.name for path in commits.iterdir()] == [f"{0:020d}.json"]
    assert world.reports == [("stream", "the newest commits of quarantine were cut: what they had is appended again")]
