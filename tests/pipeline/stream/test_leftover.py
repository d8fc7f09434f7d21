"""Files that an earlier run left in the landing."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.stream import leftover
from pipeline.stream.table_writer import EARLIER
from tests.support.stream import StreamWorld


@pytest.fixture
def world(tmp_path: Path) -> StreamWorld:
    return StreamWorld(tmp_path)


def take(world: StreamWorld) -> None:
    """Take all that is left, and write a round."""
    while not world.leftover.done:
        world.leftover.step()
    world.writer.write()


def test_rows_of_a_committed_micro_batch_that_no_table_has_are_written(world: StreamWorld) -> None:
    # The run dies after Spark's commit: Spark calls this micro-batch never again.
    world.process(world.land("a"), world.write("1-0-0.jsonl", "garbage\n"))
    world.run()
    take(world)
    assert (world.bronze(), world.quarantine(), world.waiting) == (["a"], ["garbage"], set())
    assert [row["batch_id"] for row in world.tables.bronze.rows] == [EARLIER]


def test_a_file_whose_answers_are_in_silver_is_accepted_although_the_journal_has_forgotten_them(
    world: StreamWorld,
) -> None:
    world.process(world.land("a"))
    world.lanes.finish()
    world.tables.bronze.fails_with = OSError("killed")
    with pytest.raises(OSError, match="killed"):
        world.writer.write()
    assert (world.silver(), world.journal.replies()) == (["a"], {})
    world.run()
    take(world)
    assert (world.bronze(), world.silver(), world.waiting) == (["a"], ["a"], set())


def test_a_file_with_a_question_that_was_not_accepted_is_left_to_the_stream(world: StreamWorld) -> None:
    accepted, not_accepted = world.land("a"), world.land("b", "c")
    world.process(accepted)
    world.run()
    take(world)
    assert (world.bronze(), world.waiting) == (["a"], {not_accepted})
    world.process(not_accepted)
    world.writer.write()
    assert (world.bronze(), world.lanes.accepted, world.waiting) == (["a", "b", "c"], ["b", "c"], set())


def test_a_press_that_no_table_has_gets_its_rows(world: StreamWorld) -> None:
    world.process(world.press("up"))
    world.run()
    take(world)
    assert (world.votes(), world.bronze(), world.waiting) == (["up"], [None], set())
    assert [row["batch_id"] for row in world.tables.feedback.rows] == [EARLIER]


def test_of_an_album_what_an_earlier_run_did_not_accept_is_not_waited_for(world: StreamWorld) -> None:
    # The stream has read both files: it reads neither again, and only the earlier run knew why it accepted one photo.
    world.process(world.photos(None))
    world.process(world.photos(None, None), batch_id=1)
    world.run()
    take(world)
    assert [row["disposition"] for row in world.tables.bronze.rows] == ["answer", "no_text", "no_text"]
    assert world.waiting == set()


def test_a_photo_on_its_own_that_was_not_accepted_is_left_to_the_stream(world: StreamWorld) -> None:
    file = world.photos("look")
    world.run()
    take(world)
    assert (world.bronze(), world.waiting) == ([], {file})


def test_what_may_not_be_answered_is_not_left_to_the_stream_but_gets_its_row(world: StreamWorld) -> None:
    world.land("a", chat_id=6)
    world.land("b", user_id=98)
    world.run(allowed_chats={7}, allowed_users={99})
    take(world)
    assert [row["disposition"] for row in world.tables.bronze.rows] == ["chat_not_allowed", "user_not_allowed"]
    assert world.waiting == set()


def test_a_file_that_the_stream_reads_too_gets_each_row_once(world: StreamWorld) -> None:
    files = world.land("a"), world.write("1-0-0.jsonl", "garbage\n")
    world.process(*files)
    world.run()
    world.process(*files)
    take(world)
    assert (world.bronze(), world.quarantine(), world.waiting) == (["a"], ["garbage"], set())
    world.write(files[0], "")
    world.process(files[0], batch_id=1)
    world.writer.write()
    assert world.bronze() == ["a"]


def test_files_of_this_run_are_no_leftover(world: StreamWorld) -> None:
    world.land("a")
    assert world.leftover.done


def test_a_file_that_has_left_meanwhile_and_one_without_rows_are_no_hindrance(world: StreamWorld) -> None:
    gone = world.land("a")
    world.landing.tick()
    world.write("2-0-0.jsonl", "")
    world.run()
    (world.folder / "landing" / gone).unlink()
    take(world)
    assert (world.bronze(), world.waiting) == ([], set())


def test_many_files_are_taken_step_by_step(world: StreamWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftover, "_FILES", 2)
    for number in range(5):
        world.write(f"{number}-0-0.jsonl", f"garbage {number}\n")
    world.run()
    steps = 0
    while not world.leftover.done:
        world.leftover.step()
        steps += 1
    world.writer.write()
    assert (steps, sorted(world.quarantine())) == (3, [f"garbage {number}" for number in range(5)])


def test_a_step_that_fails_is_taken_again(world: StreamWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    world.process(world.land("a"))
    world.run()
    with monkeypatch.context() as patched:
        patched.setattr(world.landing, "read", lambda name: (_ for _ in ()).throw(OSError("disk")))
        with pytest.raises(OSError, match="disk"):
            world.leftover.step()
    assert not world.leftover.done
    take(world)
    assert world.bronze() == ["a"]
