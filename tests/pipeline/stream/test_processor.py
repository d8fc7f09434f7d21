"""The steps of a micro-batch, over tables in memory, a real journal and landing, and fake lanes."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any, cast

import pytest

from pipeline.messages.origin import Probe, probe_update
from pipeline.model.answering import Answering
from pipeline.replies.journal import Settlement
from pipeline.storage.landing import injected_file, is_tick
from pipeline.stream.micro_batch import EarlierWork
from pipeline.stream.processor import BatchProcessor, Stopped
from tests.support.replies import NOON
from tests.support.stream import Event, FakeClock, FakeLanes, FakeTables, RecordingJournal, RecordingLanding
from tests.support.updates import BOT, raw_message, raw_update

QUERY = "query-1"
DISTRIBUTED = cast("Answering", object())


class World:
    """A storage on disk, and the runs over it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.events: list[Event] = []
        self.tables = FakeTables(self.events)
        self.committed: list[tuple[int, int]] = []
        self.update_id = 0
        self.run()

    def run(self, **settings: Any) -> None:
        """Begin a run of the pipeline over the storage: only what is durable is left of the one before."""
        self.clock.seconds += 10
        self.landing = RecordingLanding(self.folder / "landing", BOT.id, self.clock, self.events)
        self.journal = RecordingJournal(self.folder / "journal", self.events)
        self.lanes = FakeLanes(self.journal, self.clock, self.events)
        self.processor = BatchProcessor(
            BOT,
            self.landing,
            self.journal,
            self.lanes,
            **{"committed": lambda *batch: self.committed.append(batch), "now": self.clock, **settings},
        )

    def query(self, *, planned: int = -1, files: Collection[str] = (), files_may_be_left: bool = False) -> None:
        """Start the run's query after this earlier work."""
        earlier = EarlierWork(planned, frozenset(files), self.landing.first_seq)
        self.processor.new_query(earlier, files_may_be_left=files_may_be_left)

    def land(self, *texts: str, chat_id: int = 7) -> str:
        """Land messages in one file; returns its name."""
        updates = []
        for text in texts:
            self.update_id += 1
            body = raw_message(text, chat_id=chat_id, message_id=self.update_id)
            updates.append(raw_update(self.update_id, body=body))
        path = self.landing.land(updates)
        assert path is not None
        return path.name

    def inject(self, *names: str, seconds: float = 0) -> str:
        """Inject a probe for each name, in one file; returns its name."""
        now = NOON.fromtimestamp(self.clock.seconds + seconds, NOON.tzinfo)
        file = injected_file([(Probe(id=name), probe_update(name, NOON)) for name in names], BOT.id, now)
        (self.folder / "landing" / file.name).write_bytes(file.content)
        return file.name

    def write(self, name: str, text: str) -> str:
        (self.folder / "landing" / name).write_text(text)
        return name

    def process(self, *files: str, batch_id: int = 0, query: str = QUERY) -> None:
        """Let a micro-batch of these files be called."""
        lines = [
            (line, name) for name in files for line in (self.folder / "landing" / name).read_text().split("\n")[:-1]
        ]
        self.processor.process(lines, self.tables, query, batch_id)

    def silver(self) -> list[str]:
        return [row["user_message"] for row in self.tables.silver.rows]

    def bronze(self) -> list[str | None]:
        return [row["text"] for row in self.tables.bronze.rows]

    def steps(self) -> list[str]:
        """The names of the events so far, which are then forgotten."""
        names = [name for name, _ in self.events]
        self.events.clear()
        return names

    @property
    def waiting(self) -> set[str]:
        return {path.name for path in self.landing.waiting()}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


# The order of the steps


def test_questions_are_durable_then_accepted_before_any_append_and_settled_in_the_journal_before_silver(
    world: World,
) -> None:
    world.process(world.land("a", "b"))
    assert world.steps() == ["journal accepted", "accept", "bronze append", "journal settle", "silver append"]
    assert world.silver() == ["a", "b"]
    assert world.committed == [(0, 2)]


def test_all_questions_of_a_batch_become_durable_in_one_record_in_order_of_arrival(world: World) -> None:
    first, second = world.land("a"), world.land("b")
    world.process(second, first)
    assert ("journal accepted", 2) in world.events
    assert world.lanes.accepted == world.bronze() == ["a", "b"]


def test_a_row_says_by_which_file_and_batch_it_came(world: World) -> None:
    file = world.land("a")
    world.process(file, batch_id=3)
    [row] = world.tables.bronze.rows
    assert (row["source_file"], row["batch_id"], row["disposition"]) == (file, 3, "answer")
    assert world.tables.silver.rows[0]["batch_id"] == 3


def test_an_update_that_is_not_a_question_is_in_bronze_alone_with_its_reason(world: World) -> None:
    world.run(allowed_chats=frozenset({5}))
    world.process(world.land("a", chat_id=6), world.land("b", chat_id=5))
    assert [(row["text"], row["disposition"]) for row in world.tables.bronze.rows] == [
        ("a", "chat_not_allowed"),
        ("b", "answer"),
    ]
    assert world.lanes.accepted == world.silver() == ["b"]


def test_a_bad_line_goes_to_quarantine_and_stops_no_other(world: World) -> None:
    world.process(world.land("a"), world.write("1-0-0.jsonl", "garbage\n"))
    assert [(row["raw"], row["source_file"]) for row in world.tables.quarantine.rows] == [("garbage", "1-0-0.jsonl")]
    assert world.silver() == ["a"]


def test_messages_of_this_run_are_not_looked_up_in_the_tables(world: World) -> None:
    world.process(world.land("a"))
    world.process(world.land("b"), batch_id=1)
    assert not {name for name in world.steps() if name.endswith((" known", " lines"))}


# Replays: nothing twice


def test_a_replayed_batch_repeats_nothing_in_the_same_run(world: World) -> None:
    file = world.land("a")
    for error in (OSError("disk"), None):
        world.tables.silver.fails_after = error
        if error:
            with pytest.raises(OSError, match="disk"):
                world.process(file)
        else:
            world.query(planned=0, files=[file])
            world.process(file)
    assert world.lanes.accepted == world.bronze() == world.silver() == ["a"]


def test_a_batch_that_failed_before_bronze_is_appended_when_it_is_called_again_and_accepts_nothing_twice(
    world: World,
) -> None:
    file = world.land("a")
    world.tables.bronze.fails_with = OSError("disk")
    with pytest.raises(OSError, match="disk"):
        world.process(file)
    assert (world.bronze(), world.silver()) == ([], [])
    world.query(planned=0, files=[file])
    world.process(file)
    assert world.lanes.accepted == world.bronze() == world.silver() == ["a"]


def test_a_batch_that_failed_after_bronze_has_its_bad_lines_in_quarantine_once(world: World) -> None:
    files = world.land("a"), world.write("1-0-0.jsonl", "garbage\n")
    world.tables.quarantine.fails_after = OSError("disk")
    with pytest.raises(OSError, match="disk"):
        world.process(*files)
    # With a new checkpoint Delta would not skip the append.
    world.run()
    world.query(files=files)
    world.process(*files, query="query-2")
    assert len(world.tables.quarantine.rows) == 1
    assert world.bronze() == ["a"]


@pytest.mark.parametrize("checkpoint_kept", [True, False], ids=["checkpoint kept", "checkpoint deleted"])
def test_a_batch_killed_after_silver_repeats_nothing_in_the_next_run(world: World, checkpoint_kept: bool) -> None:
    file = world.land("a", "b")
    world.tables.silver.fails_after = OSError("killed")
    with pytest.raises(OSError, match="killed"):
        world.process(file)
    world.run()
    world.query(planned=0 if checkpoint_kept else -1, files=[] if checkpoint_kept else [file])
    world.process(file, query=QUERY if checkpoint_kept else "query-2")
    world.process(world.land("c"), query=QUERY if checkpoint_kept else "query-2", batch_id=1)
    assert world.bronze() == world.silver() == ["a", "b", "c"]
    assert world.lanes.accepted == ["c"]
    assert [*world.journal.settlements()[0].keys] == [reply.key for reply in world.journal.replies().values()]


def test_a_replayed_batch_that_the_journal_has_forgotten_is_known_by_silver(world: World) -> None:
    file = world.land("a")
    world.process(file)
    world.journal.forget(world.journal.settlements())
    world.run()
    world.query(planned=0)
    world.process(file)
    assert (world.lanes.accepted, world.lanes.waited_for) == ([], [])
    assert world.bronze() == world.silver() == ["a"]


@pytest.mark.parametrize("reason", ["planned", "left by an earlier query", "put back"])
def test_rows_are_looked_up_where_they_may_be_in_the_tables(world: World, reason: str) -> None:
    file, bad = world.land("a"), world.write("1-0-0.jsonl", "garbage\n")
    if reason != "put back":
        world.write(bad, "")
        bad = world.write(f"{world.landing.first_seq + 5000}-0-0.jsonl", "garbage\n")
    world.query(planned=4 if reason == "planned" else -1, files=[file] if reason.startswith("left") else [])
    world.process(file, bad, batch_id=4)
    assert world.steps()[:2] == ["bronze known", "silver known"]
    assert world.bronze() == ["a"]


def test_a_message_that_is_landed_twice_within_a_run_counts_once(world: World) -> None:
    update = raw_update(5, body=raw_message("a"))
    for batch_id in (0, 1):
        path = world.landing.land([update])
        assert path is not None
        world.process(path.name, batch_id=batch_id)
    assert world.lanes.accepted == world.bronze() == world.silver() == ["a"]


# Injected files


def test_injected_lines_are_always_looked_up_in_the_tables(world: World) -> None:
    world.process(world.inject("p"), world.land("a"))
    assert world.events[:2] == [("bronze known", 1), ("silver known", 1)]
    world.run()
    again = world.inject("p", seconds=1)
    world.process(again, batch_id=1)
    assert (world.silver(), len(world.bronze())) == (["p", "a"], 2)
    assert world.lanes.accepted == []


def test_an_injected_file_that_brought_nothing_new_is_finished_at_once_and_no_other(world: World) -> None:
    first = world.inject("p")
    world.process(first, world.land("a"))
    again, bad = world.inject("p", seconds=1), world.write("2000-injected-x.jsonl", "garbage\n")
    with_news = world.inject("p", "q", seconds=2)
    world.events.clear()
    own = world.land("b")
    world.process(again, bad, with_news, own, batch_id=1)
    assert [names for name, names in world.events if name == "finish"][1:] == [[again]]
    assert {bad, with_news, own} <= world.waiting


# Silver may lag, answers get a moment


def test_a_batch_waits_for_its_answers_as_long_as_its_patience_and_no_longer(world: World) -> None:
    world.run(patience=2.0)
    world.lanes.slow = True
    world.process(world.land("a"))
    assert world.lanes.waited == pytest.approx(2.0, abs=0.06)
    assert world.lanes.waited_for == [reply.key for reply in world.journal.replies().values()]
    assert world.silver() == []


def test_a_slow_answer_reaches_silver_in_a_later_batch(world: World) -> None:
    world.lanes.slow = True
    world.process(world.land("a"))
    world.lanes.finish()
    world.lanes.slow = False
    world.landing.tick()
    [tick] = [name for name in world.waiting if is_tick(name)]
    world.process(tick, batch_id=1)
    assert [(row["user_message"], row["batch_id"]) for row in world.tables.silver.rows] == [("a", 1)]


def test_a_batch_does_not_wait_while_other_messages_do(world: World) -> None:
    file = world.land("a")
    world.land("b")
    world.lanes.slow = True
    world.process(file)
    assert world.lanes.waited == 0


def test_a_batch_ends_its_wait_when_more_is_landed(world: World) -> None:
    world.lanes.slow = True
    world.lanes.while_waiting = lambda: world.land("b") if world.lanes.waited >= 0.2 else None
    world.process(world.land("a"))
    assert 0.2 <= world.lanes.waited <= 0.3


def test_silver_waits_while_messages_stream_in_but_not_longer_than_its_lag(world: World) -> None:
    appended = []
    for batch_id in range(8):
        file = world.land(f"message {batch_id}")
        world.land("another")
        world.clock.seconds += 1.0
        world.process(file, batch_id=batch_id)
        world.lanes.finish()
        appended.append(world.tables.silver.commits)
    assert appended == [0, 0, 0, 1, 1, 1, 1, 2]


def test_a_batch_that_nobody_waits_for_settles_at_once(world: World) -> None:
    for batch_id in range(2):
        world.process(world.land("a"), batch_id=batch_id)
    assert world.tables.silver.commits == 2


# Settlements


def test_a_replayed_batch_appends_the_replies_that_were_named_the_first_time_and_no_others(world: World) -> None:
    world.lanes.slow = True
    first = world.land("a")
    world.process(first)
    world.lanes.finish()
    second = world.land("b")
    world.tables.silver.fails_with = OSError("disk")
    with pytest.raises(OSError, match="disk"):
        world.process(second, batch_id=1)
    world.lanes.finish()
    world.land("more waits, so silver could wait")
    world.query(planned=1)
    world.process(second, batch_id=1)
    assert world.silver() == ["a"]
    [settlement] = world.journal.settlements()
    assert (settlement.query_id, settlement.batch_id, len(settlement.keys)) == (QUERY, 1, 1)


def test_a_settlement_is_forgotten_only_when_a_later_batch_of_its_query_begins(world: World) -> None:
    first = world.land("a")
    world.process(first)
    world.query(planned=0)
    world.process(first)
    assert len(world.journal.settlements()) == len(world.journal.replies()) == 1
    world.process(world.land("b"), batch_id=1)
    assert [reply.question.text for reply in world.journal.replies().values()] == ["b"]
    assert [settlement.batch_id for settlement in world.journal.settlements()] == [1]


@pytest.mark.parametrize("committed", [True, False], ids=["in silver", "not in silver"])
def test_a_settlement_of_a_query_that_is_gone_is_ended_by_what_silver_has(world: World, committed: bool) -> None:
    if committed:
        world.tables.silver.fails_after = OSError("killed")
    else:
        world.tables.silver.fails_with = OSError("killed")
    with pytest.raises(OSError, match="killed"):
        world.process(world.land("a"))
    assert len(world.tables.silver.rows) == committed
    world.run()
    world.query()
    world.process(world.land("b"), query="query-2")
    assert sorted(world.silver()) == ["a", "b"]
    [settlement] = world.journal.settlements()
    assert settlement.query_id == "query-2"
    assert len(world.journal.replies()) == len(settlement.keys) == (1 if committed else 2)


def test_a_settlement_whose_replies_are_all_gone_appends_nothing(world: World) -> None:
    world.journal.settle(Settlement(query_id=QUERY, batch_id=0, keys=("42:9:7:9",)))
    file = world.land("a")
    world.process(file)
    assert world.silver() == []


# Files


def test_a_file_is_finished_only_when_a_later_batch_begins(world: World) -> None:
    first, second = world.land("a"), world.land("b")
    world.process(first)
    assert world.waiting == {first, second}
    world.process(second, batch_id=1)
    assert world.waiting == {second}


def test_a_file_is_not_finished_by_the_replay_of_its_batch(world: World) -> None:
    first = world.land("a")
    world.process(first)
    world.process(first)
    assert world.waiting == {first}
    world.process(world.land("b"), batch_id=1)
    assert first not in world.waiting


def test_a_batch_that_failed_leaves_its_file_for_its_replay(world: World) -> None:
    first = world.land("a")
    world.tables.bronze.fails_with = OSError("disk")
    with pytest.raises(OSError, match="disk"):
        world.process(first)
    world.process(world.land("b"), batch_id=1)
    assert first in world.waiting


def test_a_new_query_forgets_which_files_its_predecessor_had_read(world: World) -> None:
    first = world.land("a")
    world.process(first)
    world.query(files=[first])
    world.process(world.land("b"), batch_id=1)
    assert first in world.waiting


@pytest.mark.parametrize("may_be_left", [True, False])
def test_files_of_a_former_runs_last_batch_are_finished_once_where_the_tables_have_them(
    world: World, may_be_left: bool
) -> None:
    read, bad = world.land("a"), world.write("1-0-0.jsonl", "garbage\n")
    world.landing.tick()
    world.process(read, bad)
    unread = world.land("b")
    world.run()
    world.query(planned=0, files=world.waiting, files_may_be_left=may_be_left)
    world.landing.tick()
    later_tick = max(name for name in world.waiting if is_tick(name))
    world.process(world.land("c"), batch_id=1)
    assert world.waiting >= {unread}
    assert (read in world.waiting) is (bad in world.waiting) is not may_be_left
    ticks = [name for name in world.waiting if is_tick(name)]
    assert len(ticks) == (0 if may_be_left else 2)
    assert (later_tick in ticks) is not may_be_left
    world.write(read, "put back\n")
    world.process(world.land("d"), batch_id=2)
    assert read in world.waiting


def test_a_tick_that_was_landed_after_the_batchs_files_stays(world: World) -> None:
    world.query(files_may_be_left=True)
    file = world.land("a")
    world.landing.tick()
    world.process(file)
    assert len(world.waiting) == 2


# Room, executors, and the end


def test_a_batch_waits_until_there_is_room_for_its_questions(world: World) -> None:
    answers = iter([False, False, True])
    world.lanes.room = lambda: next(answers)
    world.process(world.land("a"))
    assert next(answers, None) is None
    assert world.lanes.accepted == world.bronze() == ["a"]


def test_a_batch_without_questions_waits_for_no_room(world: World) -> None:
    world.lanes.room = lambda: pytest.fail("it asked for room")
    world.process(world.write("1-0-0.jsonl", "garbage\n"))
    assert len(world.tables.quarantine.rows) == 1


@pytest.mark.parametrize(
    ("above", "count", "ahead"), [(2, 2, None), (2, 3, DISTRIBUTED), (0, 1, DISTRIBUTED), (None, 9, None)]
)
def test_the_executors_are_asked_above_a_number_of_questions(
    world: World, above: int | None, count: int, ahead: Answering | None
) -> None:
    world.run(distribute_above=above, distributed=DISTRIBUTED)
    world.process(world.land(*map(str, range(count))))
    assert world.lanes.ahead == [ahead]


@pytest.mark.parametrize("line", ["a question", "garbage"])
def test_a_run_that_ends_begins_no_batch(world: World, line: str) -> None:
    file = world.land("a") if line == "a question" else world.write("1-0-0.jsonl", "garbage\n")
    world.processor.stop()
    with pytest.raises(Stopped):
        world.process(file)
    assert (world.events, world.committed) == ([], [])


def test_a_run_that_ends_while_a_batch_waits_for_room_leaves_it_uncommitted(world: World) -> None:
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


def test_a_run_that_ends_while_room_appears_accepts_nothing_more(world: World) -> None:
    def room_at_the_end() -> bool:
        world.processor.stop()
        return True

    world.lanes.room = room_at_the_end
    with pytest.raises(Stopped):
        world.process(world.land("a"))
    assert world.journal.replies() == {}


def test_a_run_that_ends_while_a_batch_waits_for_answers_lets_it_end(world: World) -> None:
    world.lanes.slow = True
    world.lanes.while_waiting = world.processor.stop
    world.process(world.land("a"))
    assert world.lanes.waited == pytest.approx(0.05)
    assert world.committed == [(0, 1)]
