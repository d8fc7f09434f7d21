"""The memory between the lanes, the journal and silver: the same context whatever was restarted, moved or forgotten."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.conversations import memory as memory_module
from pipeline.conversations.memory import Memory
from pipeline.conversations.turns import ContextLimits
from pipeline.limits.ledger import Ledger
from pipeline.messages.question import Question
from pipeline.replies.journal import Journal
from pipeline.replies.lanes import Lanes
from pipeline.replies.preparation import Preparation
from pipeline.replies.reply import Reply
from pipeline.telegram import pacing
from tests.pipeline.conversations.test_memory import FakeSilver
from tests.support.fakes import FakeAnswering, FakeApi
from tests.support.replies import NOON, question, wait_for_replies
from tests.support.waiting import eventually

LIMITS = ContextLimits(turns=3, tokens=2000, age=timedelta(hours=24))


class Run:
    """Runs over one journal and one silver. Questions are accepted as the stream does it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.silver = FakeSilver()
        self.answering = FakeAnswering()
        self.begin()

    def begin(self) -> None:
        """A run that finds what is durable; what the former one asked comes to nothing."""
        self.answering.waiting.clear()
        self.journal = Journal(self.folder)
        self.memory = Memory(LIMITS, self.journal.finished)
        preparation = Preparation(self.memory, Ledger(), 512)
        self.lanes = Lanes(self.journal, self.answering, FakeApi(), preparation, send_rate=10_000.0, model_attempts=2)
        self.lanes.start()
        self.memory.begin(self.journal.replies().values(), self.silver, NOON)
        self.lanes.look_again()

    def end(self) -> None:
        """Whatever it has under way comes to nothing, as in a process that was killed."""
        self.lanes.stop(5.0)
        with self.journal._turn:
            self.journal.confirm = _dead

    def accept(self, *questions: Question) -> None:
        self.memory.read(questions, self.silver)
        replies = self.lanes.prepare(questions)
        self.journal.record(*replies)
        self.lanes.accept(replies)

    def write_tables(self) -> None:
        """Finished replies go to silver, and the journal forgets them."""
        done = self.journal.finished()
        self.silver.replies += done
        self.journal.forget([reply.key for reply in done])

    def finish(self) -> None:
        assert wait_for_replies(self.lanes, self.journal.replies(), 10.0), self.lanes._open._keys


def _dead() -> None:
    raise OSError("this run has ended")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "CHAT_WINDOW", 0.001)


def given(run: Run, text: str) -> list[str]:
    return [each.text for each in run.answering.requests[text].said]


def test_what_a_former_run_left_undecided_is_decided_from_silver_and_what_was_decided_stays(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.accept(question("1", seq=1))
    run.finish()
    run.write_tables()
    run.answering.held.add("2")
    run.accept(question("2", seq=2), question("3", seq=3))
    eventually(lambda: "2" in run.answering.waiting)
    contexts = {reply.question.text: reply.context for reply in run.journal.replies().values()}
    assert (contexts["2"] is not None, contexts["3"]) == (True, None)
    decided = run.answering.requests["2"]
    run.end()
    run.answering.held.clear()
    run.begin()
    run.finish()
    assert run.answering.requests["2"] == decided
    assert given(run, "3") == ["1", "re: 1", "2", "re: 2", "3"]
    run.end()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("warm", [True, False], ids=["all read at the start", "chats read at the start"])
def test_each_question_is_given_the_last_turns_whatever_happens_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, warm: bool
) -> None:
    monkeypatch.setattr(memory_module, "_MOST_CONVERSATIONS", 3)
    if not warm:
        monkeypatch.setattr(memory_module, "_MOST_AT_THE_START", 0)
    chance = random.Random(seed)
    run, seq = Run(tmp_path), 0
    expected: dict[str, list[str]] = {}
    said: defaultdict[tuple[int, int | None], list[str]] = defaultdict(list)
    for _ in range(50):
        batch = []
        for _ in range(chance.randrange(1, 4)):
            seq += 1
            chat, topic = chance.randrange(1, 6), chance.choice([None, None, 71])
            before = said[chat, topic]
            if chance.random() < 0.1:
                before.clear()
                batch.append(question("/new", seq=seq, chat_id=chat, topic_id=topic, command="new"))
                continue
            text = f"q{seq}"
            expected[text] = [*before[-2 * LIMITS.turns :], text]
            before += [text, f"re: {text}"]
            batch.append(question(text, seq=seq, chat_id=chat, topic_id=topic))
            if chance.random() < 0.15:
                run.answering.held.add(text)
        run.accept(*batch)
        dice = chance.random()
        if dice < 0.3:
            run.write_tables()
        elif dice < 0.5:
            for text in list(run.answering.waiting):
                run.answering.release(text)
        elif dice < 0.6:
            run.end()
            run.answering.held.clear()
            run.begin()
    run.end()
    run.answering.held.clear()
    run.begin()
    run.finish()
    assert {text: given(run, text) for text in expected} == expected
    run.end()
    replies: list[Reply] = [*run.silver.replies, *run.journal.finished()]
    assert sorted(reply.question.seq for reply in replies) == list(range(1, seq + 1))
