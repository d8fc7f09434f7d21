"""The query's edge to Spark, over a session that only records what it is asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest

from pipeline.stream import checkpoint
from pipeline.stream.checkpoint import Mark, MarkFile
from pipeline.stream.processor import Stopped
from pipeline.stream.query import SilverStream
from tests.support.stream import FakeTable, StreamWorld
from tests.support.updates import envelope, raw_message, raw_update


class FakeSession:
    """Spark's session with its readers and writers: each call is recorded, and continues the chain."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.query_id: str | None = "query-1"
        self.id = "query-1"
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
    def __init__(self, folder: Path) -> None:
        self.stream_world = StreamWorld(folder)
        self.journal, self.lanes = self.stream_world.journal, self.stream_world.lanes
        self.committed = self.stream_world.committed
        self.processor = self.stream_world.processor
        self.landing = folder / "landing"
        self.checkpoint = folder / "checkpoints" / "silver"
        self.mark = MarkFile(folder / "query.json")
        self.spark, self.batch_spark = FakeSession(), object()
        self.silver_sessions: list[object] = []
        self.reports: list[tuple[str, str | None]] = []
        self.stream = SilverStream(
            cast("Any", self.spark),
            self.landing,
            folder / "checkpoints",
            self.mark,
            self.processor,
            self._silver,
            lambda *said: self.reports.append(said),
        )

    def _silver(self, spark: object) -> FakeTable:
        self.silver_sessions.append(spark)
        return self.stream_world.tables.silver

    def process(self, *lines: tuple[str, str], batch_id: int = 0) -> FakeFrame:
        frame = FakeFrame(self.batch_spark, *lines)
        self.stream._process(cast("Any", frame), batch_id)
        return frame

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
        return f"file://{self.landing}"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


MESSAGE = (envelope(raw_update(1, body=raw_message("hi"))), "1800000000000000-1-1.jsonl")


def test_the_query_reads_the_landing_with_its_checkpoint(world: World) -> None:
    world.stream.start()
    assert world.spark.calls == [
        ("format", "text"),
        ("option", "lineSep", "\n"),
        ("option", "maxFilesPerTrigger", 50),
        ("option", "maxFileAge", "36500d"),
        ("option", "ignoreMissingFiles", True),
        ("load", world.landing.as_posix()),
        ("selectExpr", "value", "_metadata.file_name as file"),
        ("queryName", "silver"),
        ("option", "checkpointLocation", world.checkpoint.as_posix()),
        ("foreachBatch", world.stream._process),
        ("start",),
    ]


def test_the_mark_says_which_query_reads_the_landing(world: World) -> None:
    world.stream.start()
    assert world.mark.read() == Mark(query_id="query-1", landing=world.landing.as_posix())


def test_an_oversized_checkpoint_is_discarded_before_it_is_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("offsets", "commits"):
        world.log(kind, 3)
    (world.checkpoint / "sources" / "0" / "9.compact").write_text("xx")
    assert not world.stream.oversized
    monkeypatch.setattr(checkpoint, "_OVERSIZED_FROM", 0)
    assert world.stream.oversized
    world.stream.start()
    assert not world.checkpoint.exists()


def test_a_checkpoint_of_another_query_is_set_aside(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.log("offsets", 6)
    world.stream.start()
    assert world.checkpoint.exists(), "as it was left"
    world.mark.note_query("query-2", world.landing)
    world.stream.start()
    assert (world.checkpoint.with_name("silver.set-aside") / "offsets" / "6").exists()
    assert world.reports == [("stream", "a new checkpoint is begun: it is not the one that this storage used last")]
    assert capsys.readouterr().out.count("a new checkpoint is begun") == 1


def test_a_repair_is_a_problem_until_a_micro_batch_is_through(world: World) -> None:
    world.process(MESSAGE)
    world.reports.clear()
    world.stream.begin_anew("it is damaged")
    world.process(MESSAGE, batch_id=1)
    world.process(MESSAGE, batch_id=2)
    assert world.reports == [("stream", "a new checkpoint is begun: it is damaged"), ("stream", None)]


def test_a_stream_says_whether_a_batch_failed_in_its_callback_and_how_many_it_processed(world: World) -> None:
    world.process(MESSAGE, batch_id=0)
    world.process(MESSAGE, batch_id=0)
    assert (world.stream.processed, world.stream.callback_failed) == (1, False)
    world.stream._processor.process = lambda *_: (_ for _ in ()).throw(ValueError())  # type: ignore[method-assign]
    with pytest.raises(RuntimeError):
        world.process(MESSAGE, batch_id=1)
    assert (world.stream.processed, world.stream.callback_failed) == (1, True)
    world.stream.start()
    assert not world.stream.callback_failed


def test_a_micro_batch_asks_silver_in_the_session_of_its_frame(world: World) -> None:
    world.process(MESSAGE, batch_id=4)
    assert world.lanes.accepted == ["hi"]
    assert world.silver_sessions == [world.batch_spark]
    assert world.committed == [(4, 1)]


def test_a_query_without_an_id_counts_its_micro_batches_all_the_same(world: World) -> None:
    world.spark.query_id = None
    world.process(MESSAGE)
    assert world.stream.processed == 1


def test_a_stream_is_busy_while_a_micro_batch_is_processed_and_counts_it_from_its_beginning(world: World) -> None:
    seen: list[tuple[bool, int]] = []

    def room() -> bool:
        seen.append((world.stream.busy.is_set(), world.stream.begun))
        return True

    world.lanes.room = room
    assert (world.stream.busy.is_set(), world.stream.begun) == (False, 0)
    world.process(MESSAGE)
    assert seen == [(True, 1)]
    assert (world.stream.busy.is_set(), world.stream.begun) == (False, 1)


@pytest.mark.parametrize("error", [ValueError("x" * 100_000), OSError(28, "No space left")])
def test_an_error_out_of_the_callback_is_short_whatever_its_cause(
    world: World, error: Exception, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.process(MESSAGE)
    monkeypatch.setattr(world.journal, "record", lambda *_: (_ for _ in ()).throw(error))
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
    assert (world.committed, world.lanes.accepted) == ([], [])
    assert not world.stream.busy.is_set()
    assert isinstance(caught.value.__context__, Stopped)
