"""The view `answers`: what it says of votes, to a local run's engine and to Spark, whose SQL a warehouse speaks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, QueryBuilder
from pyspark.sql import SparkSession

from pipeline.tables import ANSWERS, FEEDBACK, SILVER, View
from tests.support.delta_rows import append
from tests.support.replies import NOON

Votes = dict[str, tuple[int, int]]


class World:
    """Rows of silver and of feedback; what the view says of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.presses = 0
        self._silver: list[dict[str, Any]] = []
        self._feedback: list[dict[str, Any]] = []

    def answer(self, name: str, **more: Any) -> None:
        """A row of silver, by default of question 1 in chat 7 and sent as the messages 11 and 12."""
        row = {
            "bot_id": 42, "update_id": 1, "seq": len(self._silver), "message_id": 101, "channel_id": 7,
            "conversation_type": "private", "llm_response": name, "delivery_status": "sent",
            "reply_message_ids": [11, 12], "processed_at": NOON,
        }  # fmt: skip
        self._silver.append({**row, **more})

    def press(self, vote: str, author: int = 99, **more: Any) -> None:
        self.presses += 1
        row = {
            "bot_id": 42, "update_id": 500 + self.presses, "seq": 500 + self.presses, "channel_id": 7, "message_id": 12,
            "question_update_id": 1, "question_message_id": 101, "author_id": author, "vote": vote,
        }  # fmt: skip
        self._feedback.append({**row, **more})

    def write(self) -> dict[str, str]:
        """Write the tables; their places by their names."""
        append(SILVER, self.folder / "silver", *self._silver)
        append(FEEDBACK, self.folder / "feedback", *self._feedback)
        return {table.name: str(self.folder / table.name) for table in ANSWERS.reads}

    def votes(self) -> Votes:
        """How many are for and against each answer, as a local run's engine says it."""
        builder = QueryBuilder()
        for name, place in self.write().items():
            builder.register(name, DeltaTable(place))
        found = builder.execute(ANSWERS.select({name: name for name in ("silver", "feedback")})).read_all()
        return _votes(pa.table(found).to_pylist())


def _votes(rows: list[dict[str, Any]]) -> Votes:
    assert all(list(row) == [column.name for column in ANSWERS.columns] for row in rows)
    found = {row["llm_response"]: (row["thumbs_up"], row["thumbs_down"]) for row in rows}
    assert len(found) == len(rows), "each answer is one row"
    return found


@pytest.fixture(name="world")
def _world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_an_answer_that_nobody_voted_on_has_no_votes_and_each_answer_has_its_own(world: World) -> None:
    world.answer("a")
    world.answer("b", update_id=2, message_id=102, reply_message_ids=[14])
    world.answer("c", update_id=3, message_id=103, reply_message_ids=[16])
    world.press("up", question_update_id=2, question_message_id=102, message_id=14)
    world.press("down", author=98, question_update_id=2, question_message_id=102, message_id=14)
    world.press("up", question_update_id=3, question_message_id=103, message_id=16)
    assert world.votes() == {"a": (0, 0), "b": (1, 1), "c": (1, 0)}


@pytest.mark.parametrize(
    ("presses", "votes"),
    [("up up", (1, 0)), ("up down", (0, 1)), ("down up down up", (1, 0)), ("down down", (0, 1))],
)
def test_the_latest_press_of_a_user_is_the_one_vote(world: World, presses: str, votes: tuple[int, int]) -> None:
    world.answer("a")
    for vote in presses.split():
        world.press(vote)
    assert world.votes() == {"a": votes}


def test_of_a_replayed_question_each_answer_has_the_votes_under_its_own_message(world: World) -> None:
    world.answer("first")
    world.answer("again", reply_message_ids=[21], origin="replay:r")
    world.press("down", message_id=12)
    world.press("up", message_id=21)
    world.press("up", author=98, message_id=21)
    assert world.votes() == {"first": (0, 1), "again": (2, 0)}


def test_a_vote_on_an_answer_whose_arrival_was_not_known_counts_for_it_alone(world: World) -> None:
    world.answer("unknown", delivery_status="unknown", reply_message_ids=[])
    world.answer("replay", reply_message_ids=[21], origin="replay:r")
    world.press("up", message_id=12)
    world.press("down", message_id=21)
    assert world.votes() == {"unknown": (1, 0), "replay": (0, 1)}


@pytest.mark.parametrize(
    "press",
    [
        {"channel_id": 8},
        {"message_id": 13},
        {"question_update_id": 2},
        {"question_message_id": 102},
        {"bot_id": 43},
        {"origin": "probe:p"},
    ],
)
def test_a_press_that_does_not_fit_the_answer_does_not_count(world: World, press: dict[str, Any]) -> None:
    world.answer("a")
    world.press("up", **press)
    assert world.votes() == {"a": (0, 0)}


def test_a_group_that_became_another_chat_keeps_its_votes(world: World) -> None:
    world.answer("a", channel_id=-7, conversation_type="group")
    world.press("up", channel_id=-1007)
    assert world.votes() == {"a": (1, 0)}


def test_a_press_in_a_private_chat_is_no_vote_on_a_groups_answer(world: World) -> None:
    world.answer("group", channel_id=-7, conversation_type="group")
    world.press("up", channel_id=99)
    assert world.votes() == {"group": (0, 0)}


def test_a_check_can_vote_on_the_answer_of_a_check(world: World) -> None:
    world.answer("a", delivery_status="withheld", reply_message_ids=[], channel_id=0, origin="probe:p")
    world.press("up", channel_id=0, message_id=1, origin="probe:p-press")
    assert world.votes() == {"a": (1, 0)}


def test_the_view_has_the_columns_of_silver_with_their_comments_and_the_votes() -> None:
    assert isinstance(ANSWERS, View)
    assert ANSWERS.columns[: len(SILVER.columns)] == SILVER.columns
    assert [column.name for column in ANSWERS.columns[len(SILVER.columns) :]] == ["thumbs_up", "thumbs_down"]
    assert all(column.comment.endswith(".") for column in ANSWERS.columns)


@pytest.mark.spark
def test_spark_says_the_same(world: World, spark: SparkSession) -> None:
    world.answer("a")
    world.answer("b", update_id=2, message_id=102, delivery_status="unknown", reply_message_ids=[])
    world.answer("c", delivery_status="withheld", channel_id=0, update_id=3, origin="probe:p")
    for vote in ("up", "down", "up"):
        world.press(vote)
    world.press("down", author=98)
    world.press("down", question_update_id=2, question_message_id=102, message_id=55)
    names = {name: f"delta.`{place}`" for name, place in world.write().items()}
    frame = spark.sql(ANSWERS.select(names))
    expected = {"a": (1, 1), "b": (0, 1), "c": (0, 0)}
    assert _votes([row.asDict() for row in frame.collect()]) == expected
    types = [(column.name, column.type) for column in ANSWERS.columns]
    assert [(field.name, field.dataType.simpleString()) for field in frame.schema.fields] == types
