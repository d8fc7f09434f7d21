"""The query's edge to Spark, over a session that only records what it is asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest

from pipeline.storage.landing import injected_file
from pipeline.storage.places import Storage
from pipeline.stream import checkpoint, query
from pipeline.stream.delta_log import DamagedTable
from pipeline.stream.micro_batch import EarlierWork
from pipeline.stream.processor import Stopped
from pipeline.stream.query import SilverStream
from tests.support.replies import NOON
from tests.support.stream import Event, FakeClock, FakeLanes, FakeTable, RecordingJournal, RecordingLanding
from tests.support.updates import BOT, envelope, raw_message, raw_update


class FakeSession:
    """Spark's session with its readers and writers: each call is recorded, and continues the chain."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.query_id: str | None = "query-1"
        self.readStream = self.writeStream = self.sparkContext = self

    def getLocalProperty(self, name: str) -> str | None:  # noqa: N802
        assert name == "sql.streaming.queryId"
        return self.query_id

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any) -> FakeSession:
            self.calls.append((name, *args))
            return self

        return call


class FakeFrame:
    def __init__(self, session: object, *lines: tuple[str, str]) -> None:
        self.sparkSession = session
        self.lines = lines
        self.collected = False

    def collect(self) -> list[dict[str, str]]:
        self.collected = True
        return [{"value": line, "file": file} for line, file in self.lines]


class World:
    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = FakeClock()
        self.events: list[Event] = []
        self.tables: dict[str, FakeTable] = {}
        self.table_sessions: list[object] = []
        self.ensured: list[str] = []
        self.checked: list[str] = []
        self.spark, self.batch_spark = FakeSession(), object()
        self.storage = Storage(
            folder,
            folder / "landing",
            folder / "journal",
            folder / "checkpoints",
            "b",
            "main.bot.silver",
            "q",
        )
        self.checkpoint = self.storage.checkpoints / "silver"
        monkeypatch.setattr(query, "DeltaTable", self._table)
        self.landing = RecordingLanding(self.storage.landing, BOT.id, self.clock, self.events)
        self.journal = RecordingJournal(self.storage.journal, self.events)
        self.lanes = FakeLanes(self.journal, self.clock, self.events)
        self.committed: list[tuple[int, int]] = []
        self.reports: list[tuple[str, str | None]] = []
        self.stream = SilverStream(
            cast("Any", self.spark),
            self.storage,
            BOT,
            self.landing,
            self.journal,
            self.lanes,
            committed=lambda *batch: self.committed.append(batch),
            report=lambda *said: self.reports.append(said),
        )
        self.starts: list[tuple[EarlierWork, bool]] = []

    def _table(self, table: Any, place: str, spark: object, _log: object) -> FakeTable:
        self.table_sessions.append(spark)
        found = self.tables.setdefault(place, FakeTable(table, self.events))
        cast("Any", found).ensure = lambda: self.ensured.append(place)
        cast("Any", found).check = lambda: self.checked.append(place)
        return found

    def process(self, *lines: tuple[str, str], batch_id: int = 0) -> FakeFrame:
        frame = FakeFrame(self.batch_spark, *lines)
        self.stream._process(cast("Any", frame), batch_id)
        return frame

    def start(self) -> tuple[EarlierWork, bool]:
        """Start the query; returns what its processor is told of earlier work, and whether files may be left."""
        calls: list[tuple[EarlierWork, bool]] = []
        processor = self.stream._processor
        new_query = processor.new_query

        def record(earlier: EarlierWork, *, files_may_be_left: bool) -> None:
            calls.append((earlier, files_may_be_left))
            new_query(earlier, files_may_be_left=files_may_be_left)

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(processor, "new_query", record)
            self.stream.start()
        return calls[0]

    def log(self, kind: str, batch_id: int) -> None:
        """Write a file of a log of the checkpoint, which then is whole."""
        landed = {"path": f"{self.landing_address}/1-1-1.jsonl"}
        texts = {
            f"{kind}/{batch_id}": "v1",
            "metadata": json.dumps({"id": "query-1"}),
            f"sources/0/{batch_id}": f"v1\n{json.dumps(landed)}\n",
        }
        for name, text in texts.items():
            path = self.checkpoint / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    @property
    def landing_address(self) -> str:
        return f"file://{self.storage.landing}"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


MESSAGE = (envelope(raw_update(1, body=raw_message("hi"))), "1800000000000000-1-1.jsonl")


def test_the_query_reads_the_landing_with_its_checkpoint(world: World) -> None:
    world.stream.start()
    assert world.spark.calls == [
        ("format", "text"),
        ("option", "lineSep", "\n"),
        ("option", "maxFilesPerTrigger", 50),
        ("option", "maxFileAge", "36500d"),
        ("option", "ignoreMissingFiles", True),
        ("load", world.storage.landing.as_posix()),
        ("selectExpr", "value", "_metadata.file_name as file"),
        ("queryName", "silver"),
        ("option", "checkpointLocation", world.checkpoint.as_posix()),
        ("foreachBatch", world.stream._process),
        ("start",),
    ]


def test_preparing_creates_the_three_tables_where_the_storage_has_them(world: World) -> None:
    world.stream.prepare()
    assert world.ensured == ["b", "main.bot.silver", "q"]
    assert set(world.table_sessions) == {world.spark}


def test_a_first_query_is_told_of_planned_batches_and_of_files_from_before_the_run(world: World) -> None:
    world.log("offsets", 3)
    (world.storage.landing / "1-0-0.jsonl").write_text("x")
    world.landing.land([raw_update()])
    injected = injected_file([], BOT.id, NOON.replace(year=2030))
    (world.storage.landing / injected.name).write_bytes(b"x")
    assert world.start() == (
        EarlierWork(3, frozenset({"1-0-0.jsonl", injected.name}), world.landing.first_seq),
        False,
    )
    world.log("commits", 3)
    assert world.start()[1] is True


def test_a_second_query_of_a_run_doubts_the_runs_own_files_too(world: World) -> None:
    path = world.landing.land([raw_update()])
    assert path is not None
    assert world.start()[0].files == set()
    assert world.start()[0].files == {path.name}


def test_an_oversized_checkpoint_is_discarded_before_it_is_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("offsets", "commits"):
        world.log(kind, 3)
    (world.checkpoint / "sources" / "0" / "9.compact").write_text("xx")
    assert not world.stream.oversized
    monkeypatch.setattr(checkpoint, "_OVERSIZED_FROM", 0)
    assert world.stream.oversized
    earlier, files_may_be_left = world.start()
    assert (earlier.planned, files_may_be_left) == (-1, False)
    assert not world.checkpoint.exists()


def test_a_checkpoint_that_ends_before_the_storages_last_batch_is_set_aside(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.log("offsets", 6)
    world.process(MESSAGE, batch_id=6)
    assert world.start()[0].planned == 6, "as it was left"
    world.log("offsets", 5)
    (world.checkpoint / "offsets" / "6").unlink()
    path = world.landing.land([raw_update()])
    assert path is not None
    earlier, files_may_be_left = world.start()
    assert (earlier.planned, set(earlier.files), files_may_be_left) == (-1, {path.name}, False)
    assert (world.checkpoint.with_name("silver.set-aside") / "offsets" / "5").exists()
    reason = "a new checkpoint is begun: it ends at micro-batch 5, and 6 had begun"
    assert world.reports == [("stream", reason)]
    assert capsys.readouterr().out.count("a new checkpoint is begun") == 1


def test_the_mark_is_durable_before_a_batch_appends(world: World) -> None:
    world.process(MESSAGE, batch_id=3)
    world.tables["b"].fails_with = OSError(28, "No space left")
    more = (envelope(raw_update(2, body=raw_message("b", message_id=2))), "1800000000002000-2-2.jsonl")
    with pytest.raises(RuntimeError):
        world.process(more, batch_id=4)
    mark = json.loads((world.storage.root / "query.json").read_text())
    assert mark == {
        "query_id": "query-1", "landing": world.storage.landing.as_posix(), "batch_id": 4, "synced": {}
    }  # fmt: skip


def three_commits(world: World) -> Path:
    """The log of quarantine, with three commits in it."""
    commits = world.storage.root / "q" / "_delta_log"
    commits.mkdir(parents=True)
    for version in range(3):
        (commits / f"{version:020d}.json").write_text("{}")
    return commits


def test_before_a_batch_lets_anything_go_the_mark_says_which_versions_of_the_tables_are_durable(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(world.storage.root)
    three_commits(world)
    world.stream.prepare()
    seen: list[dict[str, int]] = []
    release = world.stream._processor._writer.release_committed

    def released(*arguments: Any) -> None:
        seen.append(json.loads((world.storage.root / "query.json").read_text())["synced"])
        release(*arguments)

    monkeypatch.setattr(world.stream._processor._writer, "release_committed", released)
    world.process(MESSAGE)
    assert seen == [{"quarantine": 2}]


def test_a_durable_commit_that_is_damaged_stops_the_start(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(world.storage.root)
    commits = three_commits(world)
    world.stream.prepare()
    world.process(MESSAGE)
    (commits / f"{2:020d}.json").write_text("")
    with pytest.raises(DamagedTable, match=rf"q/_delta_log/{2:020d}\.json is missing or cut"):
        world.stream.prepare()


def test_a_repair_is_a_problem_until_a_micro_batch_is_through(world: World) -> None:
    world.process(MESSAGE)
    assert world.reports == []
    world.stream.begin_anew("it is damaged")
    world.process(MESSAGE, batch_id=1)
    world.process(MESSAGE, batch_id=2)
    assert world.reports == [("stream", "a new checkpoint is begun: it is damaged"), ("stream", None)]


def test_after_a_failure_of_the_callback_the_tables_are_checked_before_the_next_query(world: World) -> None:
    world.start()
    assert world.checked == []
    world.stream.callback_failed = True
    world.start()
    assert world.checked == ["b", "main.bot.silver", "q"]


def test_a_stream_says_whether_a_batch_failed_in_its_callback_and_how_many_it_processed(world: World) -> None:
    world.process(MESSAGE, batch_id=0)
    world.process(MESSAGE, batch_id=0)
    assert (world.stream.processed, world.stream.callback_failed) == (1, False)
    world.stream._processor.process = lambda *_: (_ for _ in ()).throw(ValueError())  # type: ignore[method-assign]
    with pytest.raises(RuntimeError):
        world.process(MESSAGE, batch_id=1)
    assert (world.stream.processed, world.stream.callback_failed) == (1, True)
    world.start()
    assert not world.stream.callback_failed


def test_a_cut_commit_is_removed_before_the_table_is_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(world.storage.root)
    commits = world.storage.root / "q" / "_delta_log"
    commits.mkdir(parents=True)
    (commits / f"{0:020d}.json").write_text("{}")
    world.stream.prepare()
    world.process(MESSAGE)
    (commits / f"{1:020d}.json").write_text("")
    world.stream.prepare()
    assert [path.name for path in commits.iterdir()] == [f"{0:020d}.json"]
    assert world.reports == [("stream", "the newest commits of quarantine were cut: what they had is appended again")]


def test_a_micro_batch_is_processed_under_the_querys_id_and_in_the_session_of_its_frame(world: World) -> None:
    world.process(MESSAGE, batch_id=4)
    assert [row["user_message"] for row in world.tables["main.bot.silver"].rows] == ["hi"]
    assert [row["source_file"] for row in world.tables["b"].rows] == [MESSAGE[1]]
    assert set(world.table_sessions) == {world.batch_spark}
    [settlement] = world.journal.settlements()
    assert (settlement.query_id, settlement.batch_id) == ("query-1", 4)
    assert world.committed == [(4, 1)]


def test_a_query_without_an_id_has_one_that_says_so(world: World) -> None:
    world.spark.query_id = None
    world.process(MESSAGE)
    assert world.journal.settlements()[0].query_id == "unknown"


def test_a_stream_is_busy_while_a_micro_batch_is_processed_and_counts_it_from_its_beginning(world: World) -> None:
    seen: list[tuple[bool, int]] = []
    world.lanes.while_waiting = lambda: seen.append((world.stream.busy.is_set(), world.stream.begun))
    assert (world.stream.busy.is_set(), world.stream.begun) == (False, 0)
    world.process(MESSAGE)
    assert seen == [(True, 1)]
    assert (world.stream.busy.is_set(), world.stream.begun) == (False, 1)


@pytest.mark.parametrize("error", [ValueError("x" * 100_000), OSError(28, "No space left")])
def test_an_error_out_of_the_callback_is_short_whatever_its_cause(
    world: World, error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    world.process(MESSAGE)
    world.tables["b"].fails_with = error
    bad = (envelope(raw_update(2, body=raw_message("b", message_id=2))), "1800000000002000-2-2.jsonl")
    with pytest.raises(RuntimeError) as caught:
        world.process(bad, batch_id=7)
    assert str(caught.value) == f"micro-batch 7: {type(error).__name__}"
    assert caught.value.__suppress_context__
    assert len(capsys.readouterr().out) < 1000
    assert not world.stream.busy.is_set()
    assert world.committed == [(0, 1)]


def test_a_stopped_stream_collects_nothing_and_leaves_the_batch_uncommitted(world: World) -> None:
    world.stream.stop()
    frame = FakeFrame(world.batch_spark, MESSAGE)
    with pytest.raises(RuntimeError, match=r"^stopped$") as caught:
        world.stream._process(cast("Any", frame), 0)
    assert not frame.collected
    assert (world.committed, world.events) == ([], [])
    assert not world.stream.busy.is_set()
    assert isinstance(caught.value.__context__, Stopped)
