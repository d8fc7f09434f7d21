"""Rounds of the table writer, over tables in memory, a real journal and a real landing."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path

import pytest

from pipeline.errors import OperatorError
from pipeline.stream import table_writer
from pipeline.stream.rows import Row
from pipeline.stream.table_writer import ROUND_AFTER
from tests.support.stream import StreamWorld


@pytest.fixture
def world(tmp_path: Path) -> StreamWorld:
    return StreamWorld(tmp_path)


# What a round writes, in which order


def test_a_round_lets_go_only_what_is_durable(world: StreamWorld) -> None:
    world.process(world.land("a"), world.write("1-0-0.jsonl", "garbage\n"))
    world.lanes.finish()
    world.events.clear()
    world.writer.write()
    assert [name for name in world.steps() if not name.endswith("lines")] == [
        "bronze append", "quarantine append", "durable", "finish",
        "silver append", "durable", "journal forget",
    ]  # fmt: skip
    assert (world.silver(), world.bronze(), world.quarantine()) == (["a"], ["a"], ["garbage"])
    assert (world.waiting, world.journal.replies()) == (set(), {})


def test_a_press_is_a_row_of_bronze_and_of_feedback_before_its_file_is_let_go(world: StreamWorld) -> None:
    file = world.press("up")
    world.process(file, batch_id=3)
    world.writer.write()
    assert world.steps()[-4:] == ["bronze append", "feedback append", "durable", "finish"]
    [bronze], [feedback] = world.tables.bronze.rows, world.tables.feedback.rows
    assert (bronze["disposition"], bronze["message_id"], bronze["author_id"]) == ("feedback", None, 99)
    assert (feedback["vote"], feedback["message_id"], feedback["source_file"], feedback["batch_id"]) == (
        "up", 77, file, 3,
    )  # fmt: skip
    assert (world.lanes.accepted, world.waiting) == ([], set())


def test_each_press_of_one_person_is_a_row_and_a_press_that_is_not_ours_is_none(world: StreamWorld) -> None:
    files = [world.press(vote) for vote in ("up", "up", "down", "sideways")]
    world.process(*files)
    world.writer.write()
    assert world.votes() == ["up", "up", "down"]
    assert [row["disposition"] for row in world.tables.bronze.rows] == ["feedback"] * 3 + ["not_a_message"]


def test_a_row_says_by_which_file_and_batch_it_came(world: StreamWorld) -> None:
    file = world.land("a")
    world.process(file, batch_id=3)
    world.answer()
    [row] = world.tables.bronze.rows
    assert (row["source_file"], row["batch_id"], row["disposition"]) == (file, 3, "answer")
    assert row["ingested_at"].tzinfo is not None
    assert world.tables.silver.rows[0]["batch_id"] == 3


def test_a_reply_reaches_silver_once_it_is_finished_and_its_update_does_not_wait_for_it(world: StreamWorld) -> None:
    world.process(world.land("a"))
    world.writer.write()
    assert (world.bronze(), world.silver(), world.waiting) == (["a"], [], set())
    world.answer()
    assert (world.bronze(), world.silver()) == (["a"], ["a"])


def test_replies_are_appended_in_their_order_of_arrival(world: StreamWorld) -> None:
    for text in "abc":
        world.process(world.land(text))
    world.answer()
    assert world.silver() == ["a", "b", "c"]


def test_what_many_micro_batches_bring_is_one_append(world: StreamWorld) -> None:
    for number in range(20):
        world.process(world.land(f"message {number}"), batch_id=number)
    world.answer()
    assert (world.tables.bronze.commits, world.tables.silver.commits) == (1, 1)
    assert len(world.bronze()) == len(world.silver()) == 20


def test_a_round_has_so_many_rows_at_most_and_the_rest_comes_in_the_next_ones(
    world: StreamWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_writer, "_MOST_ROWS", 4)
    world.process(world.land(*"abcdef"))
    for text in "ghi":
        world.process(world.land(text))
    world.lanes.finish()
    rows = []
    while not world.writer.idle:
        world.writer.write()
        rows.append((len(world.bronze()), len(world.silver())))
    assert rows == [(6, 4), (9, 8), (9, 9)], "the updates of one micro-batch stay together"


def test_a_lost_lease_lets_nothing_be_appended(world: StreamWorld) -> None:
    world.process(world.land("a"))
    world.lanes.finish()
    world.journal.confirm = lambda: (_ for _ in ()).throw(OperatorError("it is another run's"))
    with pytest.raises(OperatorError):
        world.writer.write()
    assert (world.bronze(), world.silver()) == ([], [])


# When a round is due


def test_a_round_is_due_when_its_first_row_has_waited(world: StreamWorld) -> None:
    assert not world.writer.due
    world.process(world.land("a"))
    assert not world.writer.due
    world.clock.seconds += ROUND_AFTER - 0.1
    world.process(world.land("b"))
    assert not world.writer.due
    world.clock.seconds += 0.1
    assert world.writer.due
    world.writer.write()
    assert not world.writer.due


def test_a_finished_reply_is_waited_for_as_long(world: StreamWorld) -> None:
    world.process(world.land("a"))
    world.writer.write()
    world.lanes.finish()
    assert not world.writer.due
    world.clock.seconds += ROUND_AFTER
    assert world.writer.due


def test_an_idle_writer_appends_nothing(world: StreamWorld) -> None:
    world.process(world.land("a"))
    world.answer()
    commits = world.tables.bronze.commits + world.tables.silver.commits
    for _ in range(100):
        world.clock.seconds += 10
        assert not world.writer.due
    world.writer.write()
    assert world.tables.bronze.commits + world.tables.silver.commits == commits


def test_a_table_gets_no_two_appends_within_two_seconds(world: StreamWorld) -> None:
    appended: list[float] = []
    for number in range(200):
        world.clock.seconds += 0.1
        world.process(world.land(f"message {number}"), batch_id=number)
        world.lanes.finish()
        if world.writer.due:
            world.writer.write()
            appended.append(world.clock.seconds)
    gaps = [later - earlier for earlier, later in itertools.pairwise(appended)]
    assert len(gaps) >= 6
    assert 2.0 <= min(gaps) <= max(gaps) <= 3.0


def test_so_many_rows_as_one_round_takes_do_not_wait(world: StreamWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_writer, "_MOST_ROWS", 3)
    world.process(world.land("a", "b"))
    assert not world.writer.due
    world.process(world.land("c"))
    assert world.writer.due


def test_micro_batches_wait_while_more_rows_wait_than_fit_into_memory(
    world: StreamWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_writer, "_ROOM", 2)
    world.process(world.land("a", "b"))
    assert not world.writer.wait_for_room(0.01)
    waited = threading.Thread(target=lambda: world.writer.wait_for_room(10))
    waited.start()
    world.writer.write()
    waited.join(5)
    assert not waited.is_alive()
    assert world.writer.wait_for_room(0)


# What fails, and what a kill leaves


@pytest.mark.parametrize("table", ["bronze", "silver", "feedback", "quarantine"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_failed_append_is_made_again_and_no_row_is_there_twice(world: StreamWorld, table: str, when: str) -> None:
    world.process(world.land("a"), world.press("up"), world.write("1-0-0.jsonl", "garbage\n"))
    world.lanes.finish()
    setattr(getattr(world.tables, table), f"fails_{'with' if when == 'before' else 'after'}", OSError("disk"))
    with pytest.raises(OSError, match="disk"):
        world.writer.write()
    assert not world.writer.idle
    world.writer.write()
    assert world.writer.idle
    assert (world.silver(), world.bronze(), world.votes()) == (["a"], ["a", None], ["up"])
    assert world.quarantine() == ["garbage"]
    assert (world.waiting, world.journal.replies()) == (set(), {})


@pytest.mark.parametrize(("fails", "written"), [("silver", (["a"], [])), ("bronze", ([], ["a"]))])
def test_a_table_that_fails_does_not_keep_others_from_being_written(
    world: StreamWorld, fails: str, written: tuple[list[str], list[str]]
) -> None:
    world.process(world.land("a"))
    world.lanes.finish()
    getattr(world.tables, fails).fails_with = OSError("disk")
    with pytest.raises(OSError, match="disk"):
        world.writer.write()
    assert (world.bronze(), world.silver()) == written


def test_a_reply_that_finishes_while_a_round_is_written_waits_for_the_next_so_that_bronze_is_first(
    world: StreamWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.process(world.land("a"))
    append = world.tables.bronze.append

    def meanwhile(rows: list[Row]) -> None:
        append(rows)
        world.process(world.land("b"), batch_id=1)
        world.lanes.finish()

    with monkeypatch.context() as patched:
        patched.setattr(world.tables.bronze, "append", meanwhile)
        world.writer.write()
    assert (world.bronze(), world.silver()) == (["a"], [])
    world.writer.write()
    assert (world.bronze(), world.silver()) == (["a", "b"], ["a", "b"])


@pytest.mark.parametrize("step", ["durable", "forget", "finish"])
def test_what_fails_after_an_append_makes_no_row_appear_twice(
    world: StreamWorld, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    world.process(world.land("a"))
    world.lanes.finish()

    def fail(*_: object) -> None:
        raise OSError("full")

    with monkeypatch.context() as patched:
        owner: object
        owner, name = {
            "durable": (world.writer, "_made_durable"),
            "forget": (world.journal, "forget"),
            "finish": (world.landing, "finish"),
        }[step]
        patched.setattr(owner, name, fail)
        with pytest.raises(OSError, match="full"):
            world.writer.write()
    world.writer.write()
    assert (world.silver(), world.bronze()) == (["a"], ["a"])
    assert (world.waiting, world.journal.replies()) == (set(), {})


@pytest.mark.parametrize("table", ["bronze", "silver", "feedback", "quarantine"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_before_or_after_an_append_loses_no_row_and_makes_none_appear_twice(
    world: StreamWorld, table: str, when: str
) -> None:
    world.process(world.land("a"), world.press("up"), world.write("1-0-0.jsonl", "garbage\n"))
    world.lanes.finish()
    setattr(getattr(world.tables, table), f"fails_{'with' if when == 'before' else 'after'}", OSError("killed"))
    with pytest.raises(OSError, match="killed"):
        world.writer.write()
    world.run()
    while not world.leftover.done:
        world.leftover.step()
    world.writer.write()
    assert (world.silver(), world.bronze(), world.votes()) == (["a"], ["a", None], ["up"])
    assert world.quarantine() == ["garbage"]
    assert (world.waiting, world.journal.replies()) == (set(), {})


def test_a_press_of_this_run_is_looked_up_in_no_table(world: StreamWorld) -> None:
    world.process(world.press("up"))
    world.writer.write()
    assert not {name for name in world.steps() if name.endswith(" known")}


def test_what_an_earlier_run_finished_is_looked_up_in_silver_only_once(world: StreamWorld) -> None:
    world.process(world.land("a"))
    world.lanes.finish()
    world.run()
    world.writer.write()
    assert ("silver known", 1) in world.events
    world.process(world.land("b"))
    world.events.clear()
    world.answer()
    assert "silver known" not in world.steps()
    assert world.silver() == ["a", "b"]
