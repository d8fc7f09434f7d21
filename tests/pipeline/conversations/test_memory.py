"""The memory: what it knows of each conversation, when it asks silver, and what it forgets."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from pipeline.conversations import memory as memory_module
from pipeline.conversations.history import KeyedTurn
from pipeline.conversations.memory import Memory, turn_of
from pipeline.conversations.turns import ContextLimits, ConversationKey
from pipeline.messages.answer import AnswerStatus
from pipeline.messages.origin import Probe, Replay
from pipeline.messages.question import Question
from pipeline.replies.reply import PartState, Reply
from tests.support.replies import NOON, answer, part, question

LIMITS = ContextLimits(turns=3, tokens=2000, age=timedelta(hours=24))


def finished(number: int, text: str = "", *, state: PartState = PartState.SENT, **more: Any) -> Reply:
    """The terminal reply to the message of this number."""
    status = AnswerStatus.FIXED if text == "/new" else AnswerStatus.ANSWERED
    asked = question(text or f"q{number}", seq=number, **({"message_id": number} | more))
    told = answer(f"a{number}", status=status)
    return Reply.accepted(asked).with_answer(told, (part(f"a{number}", state, 1000 + number),))


def asked(number: int = 50, **more: Any) -> Question:
    return question("and now?", seq=number, **({"message_id": number} | more))


def replay(number: int, of_message: int) -> Question:
    return asked(number, message_id=of_message, origin=Replay(id=f"r{number}", mode="answer"))


class FakeSilver:
    """Silver with the rows of these replies; it notes what it was asked."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.asked: list[str] = []
        self.fails: Exception | None = None
        self.on_ask: Callable[[], None] = lambda: None

    def ask(self, statement: str) -> list[dict[str, Any]]:
        self.asked.append("chats" if "DISTINCT" in statement else "of chats" if "dense_rank" in statement else "recent")
        if self.fails is not None:
            raise self.fails
        rows = [
            {
                "channel_id": reply.question.chat_id,
                "topic_id": reply.question.topic_id,
                "message_id": reply.question.message_id,
                "seq": reply.question.seq,
                "received_at": reply.question.received_at,
                "user_message": reply.question.text,
                "llm_response": reply.answer.text,
                "answer_status": reply.answer.status,
                "delivery_status": reply.delivery_status,
                "reply_message_ids": [part.message_id for part in reply.parts],
            }
            for reply in self.replies
            if reply.answer is not None
        ]
        self.on_ask()
        return rows


class World:
    """A memory, a journal of finished replies, and silver."""

    def __init__(self, *in_silver: Reply, limits: ContextLimits = LIMITS) -> None:
        self.journal: list[Reply] = []
        self.silver = FakeSilver(*in_silver)
        self.memory = Memory(limits, lambda: self.journal)

    def said(self, question: Question, *, read: bool = True) -> list[str] | None:
        """What the model is given before the question; None if that is not known."""
        if read:
            self.memory.read([question], self.silver)
        context = self.memory.context_of(question)
        return None if context is None else [each.text for each in context.said]

    def answer(self, number: int, text: str = "", **more: Any) -> None:
        """A question that is read for, answered and remembered, as a run does it."""
        reply = finished(number, text, **more)
        self.memory.read([reply.question], self.silver)
        self.memory.remember(reply)


def turns(*numbers: int) -> list[str]:
    return [text for number in numbers for text in (f"q{number}", f"a{number}")]


# Warm and cold


def test_a_cold_conversation_is_read_from_the_journal_and_from_silver_and_is_warm_then() -> None:
    world = World(finished(1), finished(2, chat_id=8), finished(3, topic_id=9))
    world.journal = [finished(4), finished(1), finished(5, chat_id=8)]
    assert world.said(asked()) == turns(1, 4)
    assert world.said(asked(51)) == turns(1, 4)
    assert world.silver.asked == ["of chats"]


def test_all_cold_conversations_of_a_batch_are_read_at_once() -> None:
    world = World(finished(1), finished(2, chat_id=8))
    batch = [asked(50), asked(51, chat_id=8), asked(52, chat_id=9)]
    world.memory.read(batch, world.silver)
    assert [world.said(each, read=False) for each in batch] == [turns(1), turns(2), []]
    assert world.silver.asked == ["of chats"]


def test_a_warm_conversation_learns_from_its_replies_and_asks_silver_no_more() -> None:
    world = World()
    for number in range(1, 6):
        world.answer(number)
    assert world.said(asked()) == turns(3, 4, 5)
    assert world.silver.asked == ["of chats"]


def test_a_reply_that_is_taken_twice_is_one_turn_and_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.answer(1)
    monkeypatch.setattr(Memory, "_tidy", None)
    world.memory.remember(finished(1))
    assert world.said(asked()) == turns(1)


def test_a_conversation_that_was_not_read_is_not_known() -> None:
    world = World()
    assert world.said(asked(), read=False) is None
    world.memory.remember(finished(1))
    assert world.said(asked(), read=False) is None


def test_topics_of_a_chat_are_conversations_of_their_own() -> None:
    world = World(finished(1), finished(2, topic_id=9))
    assert world.said(asked()) == turns(1)
    assert world.said(asked(51, topic_id=9)) == turns(2)
    world.answer(3, topic_id=9)
    assert world.said(asked(52)) == turns(1)


def test_a_reply_that_ends_while_its_conversation_is_read_is_not_missed() -> None:
    world = World(finished(1))
    world.silver.on_ask = lambda: world.memory.remember(finished(2))
    assert world.said(asked()) == turns(1, 2)


def test_silver_that_cannot_be_read_leaves_the_batch_to_be_called_again() -> None:
    world = World(finished(1))
    world.silver.fails = OSError("unreachable")
    with pytest.raises(OSError, match="unreachable"):
        world.memory.read([asked()], world.silver)
    assert world.said(asked(), read=False) is None
    world.silver.fails = None
    assert world.said(asked()) == turns(1)


def test_a_question_from_before_what_was_read_has_its_conversation_read_again() -> None:
    world = World(finished(1, received_at=NOON - timedelta(hours=30)))
    assert world.said(asked()) == []
    early = asked(49, received_at=NOON - timedelta(hours=8))
    assert world.said(early) == turns(1)
    assert world.silver.asked == ["of chats"] * 2
    # What is open since before is still known.
    assert world.said(asked(), read=False) == []


# What is a turn


def test_what_nobody_saw_or_no_model_said_is_no_turn_and_a_probe_never_is() -> None:
    assert turn_of(finished(1, state=PartState.UNKNOWN)) is not None
    assert turn_of(finished(1, state=PartState.DEAD)) is None
    assert turn_of(finished(1, origin=Probe(id="p", deliver=True))) is None
    assert turn_of(Reply.accepted(asked())) is None
    fallback = finished(1).with_answer(answer("sorry", status=AnswerStatus.FALLBACK), ())
    assert turn_of(fallback) is None


def test_a_reply_and_its_row_are_the_same_turn() -> None:
    world = World(finished(1), finished(2, "/new"))
    world.journal = list(world.silver.replies)
    world.memory.read([asked()], world.silver)
    kept = world.memory._conversations[ConversationKey(7, None)].turns
    assert kept == {2: turn_of(finished(2, "/new"))}
    assert KeyedTurn(ConversationKey(7, None), kept[2]).turn.answer is None


def test_a_new_ends_what_came_before_it() -> None:
    world = World(finished(1))
    world.answer(2)
    world.answer(3, "/new")
    assert world.said(asked(10)) == []
    world.answer(11)
    assert world.said(asked(12)) == turns(11)
    # And for the next run.
    assert World(finished(1), finished(3, "/new"), finished(11)).said(asked(12)) == turns(11)


def test_a_probe_belongs_to_no_conversation() -> None:
    world = World()
    world.memory.read([asked(origin=Probe(id="p"))], world.silver)
    assert world.silver.asked == []


# Replays


def test_a_message_that_is_replayed_is_given_what_came_before_it_also_if_that_is_no_longer_kept() -> None:
    rows = [finished(number) for number in range(1, 9)]
    world = World(*rows)
    assert world.said(asked(20)) == turns(6, 7, 8)
    assert world.said(replay(21, of_message=5)) == turns(2, 3, 4)
    assert world.said(replay(22, of_message=1)) == []
    # Those that are not replayed are given the same as before.
    assert world.said(asked(23)) == turns(6, 7, 8)
    assert world.silver.asked == ["of chats"] * 2


def test_older_turns_are_dropped_again_once_no_replay_needs_them() -> None:
    world = World(*(finished(number) for number in range(1, 9)))
    again = replay(21, of_message=5)
    assert world.said(again) == turns(2, 3, 4)
    reply = finished(21, "q5", message_id=5, origin=again.origin)
    world.memory.remember(reply)
    assert len(world.memory._conversations[ConversationKey(7, None)].turns) == 3
    assert world.said(asked(30)) == turns(6, 7, 8)


def test_the_answer_to_a_replayed_message_takes_the_place_of_the_former_one() -> None:
    world = World(finished(1), finished(2))
    world.memory.read([asked()], world.silver)
    world.memory.remember(finished(9, "q1", message_id=1, origin=Replay(id="r", mode="answer")))
    assert world.said(asked()) == ["q1", "a9", "q2", "a2"]


def test_what_is_replayed_from_before_the_kept_turns_makes_no_gap_between_them() -> None:
    world = World(limits=LIMITS._replace(tokens=4))
    for number in (1, 2, 3, 4):
        world.answer(number, "x" * 8 if number == 2 else "")
    assert world.said(asked()) == turns(3, 4)
    world.memory.remember(finished(9, "q1", message_id=1, origin=Replay(id="r", mode="answer")))
    assert world.said(asked()) == turns(3, 4)


# Off


def test_without_turns_the_memory_is_off() -> None:
    world = World(finished(1), limits=LIMITS._replace(turns=0))
    world.memory.begin([Reply.accepted(asked())], world.silver, NOON)
    assert not world.memory.looks_back
    assert world.said(asked()) == []
    world.memory.remember(finished(2))
    context = world.memory.context_of(asked())
    assert context is not None
    assert (context.turns, context.said, world.silver.asked) == (None, (), [])


# The start


def test_at_the_start_the_open_replies_become_known() -> None:
    world = World(finished(1))
    world.journal = [finished(2)]
    still_open = Reply.accepted(asked())
    world.memory.begin([still_open, *world.journal], world.silver, NOON)
    assert world.said(still_open.question, read=False) == turns(1, 2)


def test_a_start_that_reads_all_makes_every_conversation_warm_and_new_chats_known_to_be_new() -> None:
    world = World(finished(1))
    world.memory.begin([], world.silver, NOON)
    assert world.said(asked()) == turns(1)
    assert world.said(asked(51, chat_id=8)) == []
    assert world.silver.asked == ["recent"]


def test_a_start_with_much_in_silver_reads_which_chats_have_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_module, "_MOST_AT_THE_START", 1)
    world = World(finished(1), finished(2))
    world.journal = [finished(3), finished(4, chat_id=9)]
    world.memory.begin([], world.silver, NOON)
    assert world.said(asked(chat_id=8)) == []
    assert world.said(asked(51, chat_id=9)) == turns(4)
    assert world.silver.asked == ["recent", "chats"]
    assert world.said(asked(52)) == turns(1, 2, 3)
    assert world.silver.asked == ["recent", "chats", "of chats"]


def test_a_start_with_more_chats_than_can_be_known_reads_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_module, "_MOST_AT_THE_START", 0)
    monkeypatch.setattr(memory_module, "_MOST_CHATS", 0)
    world = World(finished(1))
    world.memory.begin([], world.silver, NOON)
    assert world.said(asked(51, chat_id=8)) == []
    assert world.silver.asked == ["recent", "chats", "of chats"]


def test_a_message_that_landed_shortly_before_the_start_is_given_what_that_read() -> None:
    world = World(finished(1))
    world.memory.begin([], world.silver, NOON)
    assert world.said(asked(received_at=NOON - timedelta(minutes=5))) == turns(1)
    assert world.silver.asked == ["recent"]


def test_a_message_that_landed_long_before_the_start_is_read_for_further_back() -> None:
    world = World()
    world.memory.begin([], world.silver, NOON)
    assert world.said(asked(received_at=NOON - timedelta(hours=2))) == []
    assert world.silver.asked == ["recent", "of chats"]


def test_a_reply_that_ends_while_the_start_reads_is_not_missed() -> None:
    world = World(finished(1))
    world.silver.on_ask = lambda: world.memory.remember(finished(2))
    world.memory.begin([], world.silver, NOON)
    world.silver.on_ask = lambda: None
    assert world.said(asked()) == turns(1, 2)


# While the start reads


def test_what_was_read_before_the_start_has_read_stays_known_from_as_early() -> None:
    world = World(finished(1), finished(2))
    long_ago = asked(received_at=NOON - timedelta(hours=2))
    assert world.said(long_ago) == turns(1, 2)
    world.memory.begin([], world.silver, NOON)
    assert world.said(long_ago) == turns(1, 2)
    assert world.silver.asked == ["of chats", "recent"]


def test_a_question_that_comes_while_the_start_reads_waits_for_it_and_asks_nothing() -> None:
    world = World(finished(1))
    said: list[list[str] | None] = []
    coming = threading.Thread(target=lambda: said.append(world.said(asked())))

    def come() -> None:
        coming.start()
        coming.join(0.1)

    world.silver.on_ask = come
    world.memory.begin([], world.silver, NOON)
    coming.join(10)
    assert said == [turns(1)]
    assert world.silver.asked == ["recent"]


def test_a_question_that_is_answered_while_the_start_reads_does_not_keep_its_conversation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory_module, "_MOST_AT_THE_START", 0)
    monkeypatch.setattr(memory_module, "_MOST_CONVERSATIONS", 1)
    world = World(finished(1))
    still_open = Reply.accepted(asked())
    world.silver.on_ask = lambda: world.memory.remember(finished(50))
    world.memory.begin([still_open], world.silver, NOON)
    world.silver.on_ask = lambda: None
    assert world.silver.asked == ["recent", "chats"]
    world.answer(60, chat_id=9)
    world.silver.replies.append(finished(50))
    assert world.said(asked(51)) == turns(1, 50)
    assert world.silver.asked == ["recent", "chats", "of chats"]


def test_a_conversation_that_is_evicted_before_the_start_has_read_is_cold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_module, "_MOST_CONVERSATIONS", 1)
    world = World()

    def answered_meanwhile() -> None:
        world.silver.on_ask = lambda: None
        for number, chat in ((1, 8), (2, 9)):
            world.memory.remember(finished(number, chat_id=chat))

    world.silver.on_ask = answered_meanwhile
    world.memory.begin([], world.silver, NOON)
    world.silver.replies = [finished(1, chat_id=8)]
    assert world.said(asked(chat_id=8)) == turns(1)


def test_a_start_that_can_not_read_silver_is_tried_again_and_leaves_the_reading_to_the_questions() -> None:
    world = World(finished(1))
    world.silver.fails = OSError("no network")
    with pytest.raises(OSError, match="no network"):
        world.memory.begin([Reply.accepted(asked(49))], world.silver, NOON)
    world.silver.fails = None
    assert world.said(asked()) == turns(1)
    world.memory.begin([Reply.accepted(asked(49))], world.silver, NOON)
    assert world.said(asked(49), read=False) == turns(1)


# What is kept


def test_the_conversation_that_was_used_longest_ago_becomes_cold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_module, "_MOST_CONVERSATIONS", 2)
    world = World()
    world.memory.begin([], world.silver, NOON)
    for number, chat in enumerate((1, 2, 1, 3), 1):
        world.answer(number, chat_id=chat)
    world.silver.replies = [finished(2, chat_id=2)]
    assert world.said(asked(50, chat_id=1)) == turns(1, 3)
    assert world.said(asked(51, chat_id=3)) == turns(4)
    assert world.silver.asked == ["recent"]
    assert world.said(asked(52, chat_id=2)) == turns(2)
    assert world.silver.asked == ["recent", "of chats"]


def test_a_conversation_with_an_open_question_stays_warm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_module, "_MOST_CONVERSATIONS", 1)
    monkeypatch.setattr(memory_module, "_MOST_CHARACTERS", 1)
    world = World(finished(1))
    still_open = asked()
    world.memory.read([still_open], world.silver)
    for number in range(2, 9):
        world.answer(number, chat_id=100 + number)
    assert world.said(still_open, read=False) == turns(1)
    assert len(world.memory._conversations) == 1
    world.memory.remember(Reply.accepted(still_open).with_answer(answer(), ()))
    assert world.memory._conversations == {}
    assert world.memory._characters == 0


def test_a_row_of_silver_that_is_no_turn_of_ours_keeps_no_other_from_being_read() -> None:
    world = World(finished(1))
    ask = world.silver.ask
    broken = {"delivery_status": None, "answer_status": "fixed", "user_message": "/new"}
    world.silver.ask = lambda statement: [row | broken for row in ask(statement)] + ask(statement)  # type: ignore[method-assign]
    assert world.said(asked()) == ["q1", "a1"]


def test_a_warm_conversation_gives_a_replayed_answer_across_turns_that_became_too_old_as_a_cold_one_does() -> None:
    world, day = World(), timedelta(hours=24)
    world.answer(1)
    world.answer(2)
    world.answer(3, message_id=1, received_at=NOON + day, origin=Replay(id="r", mode="answer"))
    later = asked(50, received_at=NOON + day + timedelta(hours=1))
    assert world.said(later) == ["q3", "a3"]
    cold = World()
    cold.journal = [finished(3, message_id=1, received_at=NOON + day, origin=Replay(id="r", mode="answer"))]
    assert cold.said(later) == ["q3", "a3"]
