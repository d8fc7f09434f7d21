"""The steps of a micro-batch, over tables in memory, a real journal and landing, and fake lanes."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from pipeline.messages.question import Question
from pipeline.model.answering import Answering
from pipeline.stream.processor import Stopped
from tests.support.stream import StreamWorld
from tests.support.updates import raw_message, raw_update

DISTRIBUTED = cast("Answering", object())


@pytest.fixture
def world(tmp_path: Path) -> StreamWorld:
    return StreamWorld(tmp_path)


# The order of the steps


def test_questions_are_durable_before_they_are_accepted_and_a_batch_waits_for_no_table(world: StreamWorld) -> None:
    world.process(world.land("a", "b"))
    assert world.steps() == ["journal accepted", "accept"]
    assert world.committed == [(0, 2)]
    assert (world.bronze(), world.silver()) == ([], [])


def test_all_questions_of_a_batch_become_durable_in_one_record_in_order_of_arrival(world: StreamWorld) -> None:
    first, second = world.land("a"), world.land("b")
    world.process(second, first)
    assert ("journal accepted", 2) in world.events
    assert world.lanes.accepted == ["a", "b"]


def test_an_update_that_is_not_a_question_is_in_bronze_alone_with_its_reason(world: StreamWorld) -> None:
    world.run(allowed_chats={5}, allowed_users={98})
    world.process(world.land("a", chat_id=6), world.land("b", chat_id=5), world.land("c", chat_id=5, user_id=98))
    world.answer()
    assert [(row["text"], row["disposition"]) for row in world.tables.bronze.rows] == [
        ("a", "chat_not_allowed"),
        ("b", "user_not_allowed"),
        ("c", "answer"),
    ]
    assert world.lanes.accepted == world.silver() == ["c"]
    assert [row["author_id"] for row in world.tables.silver.rows] == [98]


def test_a_bad_line_stops_no_other(world: StreamWorld) -> None:
    world.process(world.land("a"), world.write("1-0-0.jsonl", "garbage\n"))
    assert world.lanes.accepted == ["a"]
    world.answer()
    assert world.quarantine() == ["garbage"]


def test_messages_of_this_run_are_not_looked_up_in_the_tables(world: StreamWorld) -> None:
    world.process(world.land("a"))
    world.process(world.land("b"), batch_id=1)
    world.answer()
    assert not {name for name in world.steps() if name.endswith((" known", " lines"))}


def test_of_an_album_one_message_is_accepted_whatever_batches_it_comes_in(world: StreamWorld) -> None:
    first, second = world.photos(None, None), world.photos(None)
    world.process(first)
    world.process(second, batch_id=1)
    world.answer()
    assert world.lanes.accepted == world.silver() == [""]
    assert [row["disposition"] for row in world.tables.bronze.rows] == ["answer", "no_text", "no_text"]


# A micro-batch that is called again: nothing twice


def test_a_batch_that_is_called_again_in_the_same_run_repeats_nothing(world: StreamWorld) -> None:
    files = world.land("a"), world.write(f"{world.landing.first_seq + 5000}-0-0.jsonl", "garbage\n")
    for _ in range(2):
        world.process(*files)
    world.answer()
    assert world.lanes.accepted == world.bronze() == world.silver() == ["a"]
    assert world.quarantine() == ["garbage"]


@pytest.mark.parametrize("moment", ["accepted", "answered", "in silver", "in bronze too"])
def test_a_batch_that_is_called_again_in_the_next_run_repeats_nothing(world: StreamWorld, moment: str) -> None:
    file = world.land("a")
    world.process(file)
    content = (world.folder / "landing" / file).read_text()
    if moment != "accepted":
        world.lanes.finish()
    if moment.startswith("in"):
        if moment == "in silver":
            world.tables.bronze.fails_with = OSError("killed")
            with pytest.raises(OSError, match="killed"):
                world.writer.write()
        else:
            world.writer.write()
            # Its name came back with a power cut.
            world.write(file, content)
    world.run()
    world.process(file)
    assert world.lanes.accepted == []
    for reply in world.journal.replies().values():
        world.lanes.accept([reply])
    world.answer()
    assert world.bronze() == world.silver() == ["a"]
    assert file not in world.waiting


def test_a_question_that_leaves_the_journal_for_silver_while_it_is_looked_up_is_seen_in_one_of_them(
    world: StreamWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = world.land("a")
    world.process(file)
    world.lanes.finish()
    world.run()
    get = world.journal.get
    asked: list[str] = []

    def forgotten_after_the_look(key: str) -> object:
        found = get(key)
        if not asked:
            asked.append(key)
            world.writer.write()
        return found

    monkeypatch.setattr(world.journal, "get", forgotten_after_the_look)
    world.process(file)
    assert world.lanes.accepted == []


def test_a_message_that_is_landed_twice_within_a_run_counts_once(world: StreamWorld) -> None:
    update = raw_update(5, body=raw_message("a"))
    for batch_id in (0, 1):
        path = world.landing.land([update])
        assert path is not None
        world.process(path.name, batch_id=batch_id)
    world.answer()
    assert world.lanes.accepted == world.bronze() == world.silver() == ["a"]
    assert world.waiting == set()


def test_a_journal_that_cannot_be_written_leaves_the_batch_to_be_called_again(
    world: StreamWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = world.land("a")
    with monkeypatch.context() as patched:
        patched.setattr(world.journal, "record", lambda *replies: (_ for _ in ()).throw(OSError("full")))
        with pytest.raises(OSError, match="full"):
            world.process(file)
    assert world.writer.idle
    world.process(file)
    world.answer()
    assert world.lanes.accepted == world.bronze() == world.silver() == ["a"]


# Injected files


def test_injected_lines_are_always_looked_up_in_silver(world: StreamWorld) -> None:
    world.process(world.inject("p"), world.land("a"))
    assert ("silver known", 1) in world.events
    world.answer()
    world.run()
    world.process(world.inject("p", seconds=1), batch_id=1)
    world.answer()
    assert sorted(world.silver()) == ["a", "p"]
    assert len(world.bronze()) == 2
    assert world.lanes.accepted == []


# Conversations


def test_conversations_are_read_before_replies_are_prepared_and_for_accepted_questions_only(
    world: StreamWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[tuple[list[str], bool]] = []

    def reads(questions: list[Question], silver: object) -> None:
        read.append(([question.text for question in questions], silver is world.tables.silver))
        assert world.lanes.prepared == []

    monkeypatch.setattr(world.memory, "read", reads)
    first = world.land("a", "b")
    world.process(first)
    assert world.lanes.prepared == ["a", "b"]
    monkeypatch.setattr(world.lanes, "prepared", [])
    world.process(first, world.land("c"), batch_id=1)
    assert read == [(["a", "b"], True), (["c"], True)]


def test_a_silver_that_cannot_be_read_for_conversations_leaves_the_batch_to_be_called_again(
    world: StreamWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = world.land("a")
    with monkeypatch.context() as patched:
        patched.setattr(world.memory, "read", lambda *_: (_ for _ in ()).throw(OSError("unreachable")))
        with pytest.raises(OSError, match="unreachable"):
            world.process(file)
    assert (world.journal.replies(), world.lanes.accepted) == ({}, [])
    world.process(file)
    assert world.lanes.accepted == ["a"]


# Room, executors, and the end


def test_a_batch_waits_until_there_is_room_for_its_questions(world: StreamWorld) -> None:
    answers = iter([False, False, True])
    world.lanes.room = lambda: next(answers)
    world.process(world.land("a"))
    assert next(answers, None) is None
    assert world.lanes.accepted == ["a"]


def test_a_batch_without_questions_waits_for_no_room_in_the_lanes(world: StreamWorld) -> None:
    world.lanes.room = lambda: pytest.fail("it asked for room")
    world.process(world.write("1-0-0.jsonl", "garbage\n"))
    world.writer.write()
    assert world.quarantine() == ["garbage"]


def test_a_batch_waits_while_too_many_rows_wait_for_the_tables(
    world: StreamWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([False, True])
    monkeypatch.setattr(world.writer, "wait_for_room", lambda timeout: next(answers))
    world.process(world.land("a"))
    assert next(answers, None) is None


@pytest.mark.parametrize(
    ("above", "count", "ahead"), [(2, 2, None), (2, 3, DISTRIBUTED), (0, 1, DISTRIBUTED), (None, 9, None)]
)
def test_the_executors_are_asked_above_a_number_of_questions(
    world: StreamWorld, above: int | None, count: int, ahead: Answering | None
) -> None:
    world.run(distribute_above=above, distributed=DISTRIBUTED)
    world.process(world.land(*map(str, range(count))))
    assert world.lanes.ahead == [ahead]


@pytest.mark.parametrize("line", ["a question", "garbage"])
def test_a_run_that_ends_begins_no_batch(world: StreamWorld, line: str) -> None:
    file = world.land("a") if line == "a question" else world.write("1-0-0.jsonl", "garbage\n")
    world.processor.stop()
    with pytest.raises(Stopped):
        world.process(file)
    assert (world.events, world.committed) == ([], [])


def test_a_run_that_ends_while_a_batch_waits_for_room_leaves_it_uncommitted(world: StreamWorld) -> None:
    def no_room() -> bool:
        world.processor.stop()
        return False

    world.lanes.room = no_room
    file = world.land("a")
    with pytest.raises(Stopped):
        world.process(file)
    assert (world.events, world.committed) == ([], [])
    assert world.journal.replies() == {}
    assert world.waiting == {file}


def test_a_run_that_ends_while_room_appears_accepts_nothing_more(world: StreamWorld) -> None:
    def room_at_the_end() -> bool:
        world.processor.stop()
        return True

    world.lanes.room = room_at_the_end
    with pytest.raises(Stopped):
        world.process(world.land("a"))
    assert world.journal.replies() == {}


def test_a_press_of_the_stop_button_reaches_the_lanes_once_and_after_the_questions(world: StreamWorld) -> None:
    world.update_id += 1
    body = {"chat": {"id": 7, "type": "private"}, "draft_id": 101}
    path = world.landing.land([raw_update(world.update_id, "stopped_message_generation", body)])
    assert path is not None
    asked = world.land("a")
    world.process(path.name, asked)
    world.process(path.name, asked)
    assert world.lanes.stopped == [(7, 101)]
    assert world.lanes.accepted == ["a"]
    world.writer.write()
    assert [row["disposition"] for row in world.tables.bronze.rows] == ["not_a_message", "answer"]
