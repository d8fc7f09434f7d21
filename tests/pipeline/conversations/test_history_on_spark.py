"""What silver has of conversations, asked on real Spark and Delta."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.conversations.history import recent_chats, recent_turns, turns_of_chats
from pipeline.conversations.memory import Memory, turn_of
from pipeline.conversations.turns import ContextLimits, ConversationKey
from pipeline.messages.answer import AnswerStatus
from pipeline.messages.origin import Probe, Replay
from pipeline.replies.reply import PartState, Reply
from pipeline.stream.delta import DeltaTable
from pipeline.stream.rows import silver_row
from pipeline.tables import SILVER
from tests.support.replies import NOON, answer, part, question

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

DAY = timedelta(hours=24)
TEXT = "wörd '\"\\ 🙂\n"


def finished(seq: int, *, state: PartState = PartState.SENT, status: str = "answered", **more: Any) -> Reply:
    asked = question(**{"text": f"{TEXT}{seq}", "seq": seq, "message_id": seq, **more})
    told = answer(f"{TEXT}answer {seq}", status=AnswerStatus(status))
    return Reply.accepted(asked).with_answer(told, (part("a", state, 1000 + seq), part("b", state, 2000 + seq)))


REPLIES = [
    finished(1, received_at=NOON - timedelta(hours=25)),
    finished(2, received_at=NOON - DAY),
    finished(3, chat_id=8),
    finished(4, topic_id=9),
    finished(5, state=PartState.UNKNOWN, received_at=NOON - timedelta(hours=1, microseconds=7)),
    finished(6, state=PartState.DEAD),
    finished(7, status="fallback"),
    finished(8, status="fixed", text="/New@our_bot"),
    finished(9, status="fixed", text="/help"),
    finished(10, origin=Probe(id="p", deliver=True)),
    finished(11, message_id=5, origin=Replay(id="r", mode="answer")),
    finished(12, chat_id=-100),
]


@pytest.fixture
def silver(spark: SparkSession, tmp_path: Path) -> DeltaTable:
    table = DeltaTable(SILVER, str(tmp_path / "silver"), spark)
    table.ensure()
    for replies in (REPLIES[:5], REPLIES[5:]):
        table.append([silver_row(reply, processed_at=NOON, batch_id=1) for reply in replies])
    return table


def seqs(silver: DeltaTable, chats: set[int], since: datetime, most: int = 100) -> list[tuple[ConversationKey, int]]:
    return sorted((key, turn.seq) for key, turn in turns_of_chats(silver, chats, since, most))


def test_silver_gives_the_turns_that_the_replies_were(silver: DeltaTable) -> None:
    found = {turn.seq: turn for _, turn in turns_of_chats(silver, {7, 8}, NOON - DAY, 100)}
    assert found == {seq: turn_of(REPLIES[seq - 1]) for seq in (2, 3, 4, 5, 8, 11)}


def test_only_the_chats_that_are_asked_for_are_read_and_what_is_not_too_old(silver: DeltaTable) -> None:
    assert seqs(silver, {8, -100}, NOON - DAY) == [(ConversationKey(-100, None), 12), (ConversationKey(8, None), 3)]
    assert seqs(silver, {8, 9}, NOON - timedelta(microseconds=-1)) == []


def test_of_each_conversation_the_newest_messages_are_read_with_every_answer_to_them(silver: DeltaTable) -> None:
    in_chat, in_topic = ConversationKey(7, None), ConversationKey(7, 9)
    expected = [(in_chat, 8), (in_topic, 4)]
    found = [(key, turn.seq) for key, turn in turns_of_chats(silver, {7}, NOON - DAY, 1)]
    assert sorted(found, key=lambda each: -each[1]) == expected
    of_two = {turn.seq for key, turn in turns_of_chats(silver, {7}, NOON - DAY, 2) if key == in_chat}
    assert of_two == {5, 8, 11}


def test_a_start_reads_everything_or_the_chats_that_there_are(silver: DeltaTable) -> None:
    everything = recent_turns(silver, NOON - DAY, 7)
    assert everything is not None
    assert sorted(turn.seq for _, turn in everything) == [2, 3, 4, 5, 8, 11, 12]
    assert recent_turns(silver, NOON - DAY, 6) is None
    assert recent_chats(silver, NOON - DAY, 3) == {7, 8, -100}
    assert recent_chats(silver, NOON - DAY, 2) is None
    assert recent_chats(silver, NOON + DAY, 2) == set()


def test_a_memory_over_silver_gives_a_question_its_context(silver: DeltaTable) -> None:
    memory = Memory(ContextLimits(turns=10, tokens=2000, age=DAY))
    asked = question("and now?", seq=20, message_id=20, topic_id=9)
    memory.read([asked], silver)
    context = memory.context_of(asked)
    assert context is not None
    assert [each.text for each in context.said] == [f"{TEXT}4", f"{TEXT}answer 4"]
    assert (context.since, context.turns) == (4, 1)
