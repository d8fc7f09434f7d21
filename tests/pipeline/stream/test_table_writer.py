"""The table writer by itself, over tables in memory, a real journal and a real landing."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import OperatorError
from pipeline.replies.reply import PartState
from pipeline.stream.micro_batch import Batch, read_batch, routed
from pipeline.stream.table_writer import TableWriter
from tests.support.replies import answered, part
from tests.support.stream import Event, FakeClock, FakeTables, RecordingJournal, RecordingLanding
from tests.support.updates import BOT, envelope, raw_update


class World:
    def __init__(self, folder: Path) -> None:
        self.events: list[Event] = []
        self.clock = FakeClock()
        self.tables = FakeTables(self.events)
        self.folder = folder / "landing"
        self.landing = RecordingLanding(self.folder, BOT.id, self.clock, self.events)
        self.journal = RecordingJournal(folder / "journal", self.events)
        self.writer = TableWriter(self.landing, self.journal, self.clock)

    def land(self) -> str:
        path = self.landing.land([raw_update()])
        assert path is not None
        return path.name

    def answered(self, text: str, seq: int) -> None:
        self.journal.record(answered(part("hello", PartState.SENT, 1), text=text, seq=seq))

    def release(self, *files: str, query: str = "query", batch_id: int = 0) -> None:
        self.writer.release_committed(self.tables, Batch(files=frozenset(files)), query, batch_id)

    def settle(self, batch_id: int = 0, *, query: str = "query", others_wait: bool = False) -> int:
        return self.writer.settle(self.tables, query, batch_id, others_wait=others_wait)

    def silver(self) -> list[str]:
        return [row["user_message"] for row in self.tables.silver.rows]

    @property
    def waiting(self) -> set[str]:
        return {path.name for path in self.landing.waiting()}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_updates_and_malformed_lines_become_rows_with_their_file_and_batch(world: World) -> None:
    batch = read_batch([(envelope(raw_update()), "a"), ("{", "b")], BOT.id)
    world.writer.append_updates(world.tables, routed(batch, BOT, frozenset()), "query", 3)
    world.writer.append_malformed(world.tables, batch.malformed, "query", 3)
    [row] = world.tables.bronze.rows
    assert (row["text"], row["disposition"], row["source_file"], row["batch_id"]) == ("hi", "answer", "a", 3)
    [row] = world.tables.quarantine.rows
    assert (row["raw"], row["source_file"], row["batch_id"]) == ("{", "b", 3)
    assert row["ingested_at"].tzinfo is not None


def test_terminal_replies_are_appended_in_their_order_of_arrival_and_open_ones_are_not(world: World) -> None:
    world.answered("b", 2)
    world.answered("a", 1)
    world.journal.record(answered("pending", text="c", seq=3))
    assert world.settle() == 2
    assert world.silver() == ["a", "b"]


def test_nothing_to_settle_writes_neither_the_journal_nor_the_table(world: World) -> None:
    assert world.settle() == 0
    assert world.events == []


def test_a_reply_is_settled_by_one_batch_only(world: World) -> None:
    world.answered("a", 1)
    assert [world.settle(0), world.settle(1)] == [1, 0]
    assert world.silver() == ["a"]


def test_silver_waits_for_its_lag_while_other_messages_wait(world: World) -> None:
    world.answered("a", 1)
    assert world.settle(others_wait=True) == 0
    world.clock.seconds += 3.1
    assert world.settle(others_wait=True) == 1
    world.answered("b", 2)
    assert world.settle(1, others_wait=True) == 0, "the lag counts from the last append"


def test_a_replayed_batch_settles_at_once_what_it_had_named(world: World) -> None:
    world.answered("a", 1)
    world.tables.silver.fails_with = OSError("disk")
    with pytest.raises(OSError, match="disk"):
        world.settle()
    world.answered("b", 2)
    assert world.settle(others_wait=True) == 1
    assert world.silver() == ["a"]


def test_the_journal_keeps_replies_until_a_later_batch_of_the_same_query_begins(world: World) -> None:
    world.answered("a", 1)
    world.settle(5)
    world.release(batch_id=5)
    assert len(world.journal.replies()) == 1
    world.release(batch_id=6)
    assert (world.journal.replies(), world.journal.settlements()) == ({}, [])


@pytest.mark.parametrize("batch_id", [0, 20], ids=["lower batch ids", "higher batch ids"])
def test_a_settlement_of_another_query_is_ended_and_what_silver_lacks_is_settled_again(
    world: World, batch_id: int
) -> None:
    world.answered("a", 1)
    world.settle(9, query="gone")
    world.answered("b", 2)
    world.tables.silver.fails_with = OSError("killed")
    with pytest.raises(OSError, match="killed"):
        world.settle(10, query="gone")
    world.release(batch_id=batch_id)
    assert [reply.question.text for reply in world.journal.unsettled()] == ["b"]
    assert world.settle(batch_id) == 1
    assert world.silver() == ["a", "b"]


def test_a_file_that_is_read_is_finished_when_a_later_batch_begins_that_does_not_read_it_too(world: World) -> None:
    first, second = world.land(), world.land()
    world.writer.mark_read([first, second])
    world.release(first, batch_id=1)
    assert world.waiting == {first}
    world.release(batch_id=2)
    assert world.waiting == set()


def test_a_finished_file_that_is_put_back_is_not_finished_unread(world: World) -> None:
    file = world.land()
    world.writer.mark_read([file])
    world.release(batch_id=1)
    assert world.waiting == set()
    (world.folder / file).write_text("put back\n")
    world.release(batch_id=2)
    assert world.waiting == {file}


def test_a_file_that_is_not_marked_as_read_stays(world: World) -> None:
    file = world.land()
    world.release(batch_id=1)
    assert world.waiting == {file}


def test_files_that_may_be_left_are_looked_up_once(world: World) -> None:
    file = world.land()
    batch = read_batch([(envelope(raw_update()), file)], BOT.id)
    world.writer.new_query(files_may_be_left=True)
    world.release()
    assert world.waiting == {file}
    world.writer.append_updates(world.tables, routed(batch, BOT, frozenset()), "query", 0)
    world.release(batch_id=1)
    assert world.waiting == {file}
    world.writer.new_query(files_may_be_left=True)
    world.release(batch_id=2)
    assert world.waiting == set()


def test_files_of_the_batch_itself_are_not_finished_although_the_tables_have_them(world: World) -> None:
    """A batch that is called again may fail again: it is not committed yet."""
    file = world.land()
    batch = read_batch([(envelope(raw_update()), file)], BOT.id)
    world.writer.append_updates(world.tables, routed(batch, BOT, frozenset()), "query", 0)
    world.writer.new_query(files_may_be_left=True)
    world.release(file, batch_id=0)
    assert world.waiting == {file}


def test_a_run_that_lost_its_storage_appends_to_no_table(world: World) -> None:
    batch = read_batch([(envelope(raw_update()), "a"), ("{", "b")], BOT.id)
    world.answered("a", 1)
    world.settle(batch_id=3)
    world.tables.silver.rows.clear()

    def taken() -> None:
        raise OperatorError("taken over")

    world.journal.confirm = taken
    with pytest.raises(OperatorError):
        world.writer.append_updates(world.tables, routed(batch, BOT, frozenset()), "query", 3)
    with pytest.raises(OperatorError):
        world.writer.append_malformed(world.tables, batch.malformed, "query", 3)
    with pytest.raises(OperatorError):
        world.settle(batch_id=3)
    assert world.tables.bronze.rows == world.tables.quarantine.rows == world.tables.silver.rows == []
