"""The request of an answer, made again from real Delta tables."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.conversations.memory import Memory
from pipeline.conversations.turns import ContextLimits
from pipeline.errors import OperatorError
from pipeline.limits.ledger import Ledger
from pipeline.messages.answer import Answer, AnswerStatus
from pipeline.replies.preparation import Preparation
from pipeline.replies.reply import Part, PartState, Reply
from pipeline.replies.work import ready_answer
from pipeline.settings import StorageSettings
from pipeline.stream.micro_batch import question_of
from pipeline.stream.rows import bronze_row, silver_row
from pipeline.tables import BRONZE, SILVER
from pipeline.telegram.routing import Disposition, disposition
from pipeline.view.data import ViewError
from pipeline.view.explanation import AnswerRow, explained, explanation_of, print_explanation
from pipeline.view.local import LocalView
from pipeline.view.query import Query
from tests.support.delta_rows import append
from tests.support.replies import NOON
from tests.support.updates import BOT, parsed, raw_message, raw_update

LIMITS = ContextLimits(turns=4, tokens=150, age=timedelta(minutes=20))


class RowsOfSilver:
    """Asks a table that is still in memory; more rows than were asked for change nothing."""

    def __init__(self, rows: Sequence[dict[str, Any]]) -> None:
        self._rows = rows

    def ask(self, statement: str) -> list[dict[str, Any]]:
        assert "$table" in statement
        return [row for row in self._rows if not str(row["origin"]).startswith("probe:")]


@dataclass
class Lake:
    """A run's way from update to row, without its threads: what is answered is kept for the tables."""

    folder: Path
    limits: ContextLimits = LIMITS
    bronze: list[dict[str, Any]] = field(default_factory=list)
    silver: list[dict[str, Any]] = field(default_factory=list)
    answers: dict[tuple[int, int], Answer] = field(default_factory=dict)
    updates: dict[tuple[int, int], dict[str, Any]] = field(default_factory=dict)
    seconds: int = 0
    seq: int = 0

    def __post_init__(self) -> None:
        self.begin_run()

    def begin_run(self) -> None:
        """Nothing but the tables is left of the run before."""
        self.memory = Memory(self.limits)
        self.preparation = Preparation(self.memory, Ledger(), 512)

    def say(
        self,
        text: str,
        *,
        chat_id: int = 7,
        message: int,
        status: AnswerStatus = AnswerStatus.ANSWERED,
        state: PartState = PartState.SENT,
        origin: dict[str, Any] | None = None,
        **more: Any,
    ) -> Reply | None:
        """A message and what comes of it: its reply, if it is answered."""
        self.seconds += 1
        self.seq += 1
        now = NOON + timedelta(seconds=self.seconds)
        body = raw_message(text, chat_id=chat_id, message_id=message, **more)
        raw = raw_update(self.seq, body=body) if origin is None else self.updates[chat_id, message]
        self.updates[chat_id, message] = raw
        envelope = {"received_at": now.isoformat(), **({"origin": origin} if origin else {})}
        update = parsed(raw, seq=self.seq, **envelope)
        decided = disposition(update, BOT)
        self.bronze.append(dict(bronze_row(update, decided, source_file="f", ingested_at=now, batch_id=1)))
        if decided is not Disposition.ANSWER:
            return None
        question = question_of(update, BOT)
        self.memory.read([question], RowsOfSilver(self.silver))
        answer, reply = ready_answer(question), Reply.accepted(question)
        if answer is None:
            prepared = self.preparation.prepare(reply)
            assert isinstance(prepared, Reply)
            reply = prepared
            answer = Answer(
                text=f"answer {self.seq} to {question.text}", status=status, model="m", asked_at=now, answered_at=now
            )
            self.answers[chat_id, message] = answer.model_copy(update={"asked_at": None})
        sent = Part(text=answer.text, state=state, message_id=10_000 + self.seq if state is PartState.SENT else None)
        reply = reply.with_answer(answer, (sent,)).model_copy(
            update={"delivered_at": now if state is PartState.SENT else None}
        )
        self.silver.append(dict(silver_row(reply, processed_at=now, batch_id=1)))
        self.memory.remember(reply)
        return reply

    def view(self) -> LocalView:
        append(BRONZE, self.folder / "bronze", *self.bronze)
        append(SILVER, self.folder / "silver", *self.silver)
        return LocalView(StorageSettings(storage=self.folder).places)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


def asked_rows(view: LocalView) -> Iterator[AnswerRow]:
    columns = ", ".join(AnswerRow.model_fields)
    for row in view.ask(Query(f"SELECT {columns} FROM $silver WHERE request_hash IS NOT NULL ORDER BY seq")):  # noqa: S608
        yield AnswerRow.model_validate(row)


def test_the_request_is_made_again_from_the_tables(lake: Lake) -> None:
    lake.say("one?", message=1)
    lake.say("two?", message=2)
    explanation = explained(lake.view(), 7, 2)
    assert [(each["role"], each["content"]) for each in explanation.messages[1:]] == [
        ("user", "one?"),
        ("assistant", "answer 1 to one?"),
        ("user", "two?"),
    ]
    assert explanation.reproduced
    assert (explanation.context_from, explanation.context_turns, explanation.model) == (1, 1, "m")


def test_tables_that_were_changed_do_not_give_the_same_hash(lake: Lake) -> None:
    lake.say("one?", message=1)
    lake.say("two?", message=2)
    lake.silver[0]["llm_response"] = "what was never said"
    explanation = explained(lake.view(), 7, 2)
    assert not explanation.reproduced
    assert explanation.hash_of_tables != explanation.request_hash == lake.silver[1]["request_hash"]


def test_what_is_replied_to_comes_from_the_update(lake: Lake) -> None:
    lake.say("and that?", message=9, reply_to_message={"message_id": 5, "text": "a picture", "from": {"id": 43}})
    explanation = explained(lake.view(), 7, 9)
    assert explanation.messages[1] == {"role": "user", "content": "a picture"}
    assert explanation.reproduced


def test_without_memory_a_question_is_all_that_was_asked(tmp_path: Path) -> None:
    lake = Lake(tmp_path, LIMITS._replace(turns=0))
    lake.say("one?", message=1)
    lake.say("two?", message=2, reply_to_message={"message_id": 1, "text": "one?", "from": {"id": 99}})
    explanation = explained(lake.view(), 7, 2)
    assert [each["content"] for each in explanation.messages[1:]] == ["two?"]
    assert (explanation.context_turns, explanation.reproduced) == (None, True)


def test_an_edited_question_changes_nothing_that_was_answered(lake: Lake) -> None:
    lake.say("one?", message=1)
    lake.seq += 1
    edit = raw_update(lake.seq, "edited_message", raw_message("one, but other?", message_id=1))
    update = parsed(edit, seq=lake.seq)
    assert disposition(update, BOT) is Disposition.EDIT
    lake.bronze.append(dict(bronze_row(update, Disposition.EDIT, source_file="f", ingested_at=NOON, batch_id=1)))
    reply = lake.say("two?", message=2)
    assert reply is not None
    view = lake.view()
    assert explained(view, 7, 2).messages[1]["content"] == "one?"
    assert all(explanation_of(view, row).reproduced for row in asked_rows(view))


def test_a_message_that_was_replayed_is_explained_by_the_latest_answer_that_the_model_gave(lake: Lake) -> None:
    lake.say("one?", message=1)
    lake.say("two?", message=2)
    lake.say("one?", message=1, origin={"kind": "replay", "id": "r", "mode": "answer"})
    stored = lake.answers[7, 1].model_dump(mode="json", exclude={"asked_at", "first_token_at"})
    lake.say("one?", message=1, origin={"kind": "replay", "id": "d", "mode": "deliver", "answer": stored})
    view = lake.view()
    explanation = explained(view, 7, 1)
    assert (explanation.origin, explanation.context_turns, explanation.reproduced) == ("replay:r", 0, True)
    # What came after the first answer and before the replay was given the first.
    assert explained(view, 7, 2).messages[2]["content"] == "answer 1 to one?"


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        ("answer_status", "fixed", "has a fixed answer, and no model was asked: there is no request to explain"),
        ("answer_status", "fallback", "has a fallback, and no model was asked"),
        ("processed_at", NOON, "was answered by an earlier release, which kept no hash"),
    ],
)
def test_a_row_without_a_request_says_why_in_one_line(lake: Lake, column: str, value: object, why: str) -> None:
    lake.say("one?", message=1)
    lake.silver[0] |= {"request_hash": None, "asked_at": None, column: value}
    with pytest.raises(OperatorError, match=f"^7/1 {why}"):
        explained(lake.view(), 7, 1)


def test_what_was_never_answered_or_is_not_in_bronze_says_so(lake: Lake) -> None:
    lake.say("one?", message=1)
    lake.bronze[0]["message_id"] = 99
    view = lake.view()
    with pytest.raises(OperatorError, match=r"^7/3 is not in silver: only what was answered can be explained"):
        explained(view, 7, 3)
    with pytest.raises(ViewError, match=r"^the update of 7/1 is not in bronze"):
        explained(view, 7, 1)


def test_an_explanation_is_printed_as_text_or_as_json(lake: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    lake.say("one [bold]\u202e?", message=1)
    explanation = explained(lake.view(), 7, 1)
    print_explanation(explanation)
    text = capsys.readouterr().out
    assert "user\none [bold]\\u202e?" in text
    assert f"SHA-256 {explanation.request_hash}, as the model was asked" in text
    print_explanation(explanation.model_copy(update={"reproduced": False}))
    assert "these are not the same messages" in capsys.readouterr().out
    print_explanation(explanation, as_json=True)
    assert json.loads(capsys.readouterr().out)["reproduced"] is True


def test_a_thousand_requests_of_chats_topics_replies_news_replays_and_restarts_are_made_again(lake: Lake) -> None:
    chance = random.Random(13)
    places: list[tuple[int, dict[str, Any]]] = [(chat, {}) for chat in range(1, 9)]
    for topic in (None, 71, 72):
        forum: dict[str, Any] = {"chat": {"id": -100, "type": "supergroup", "title": "Club"}}
        places.append((-100, forum | ({"message_thread_id": topic, "is_topic_message": True} if topic else {})))
    said: list[tuple[int, int]] = []
    message = 0
    while sum(row["request_hash"] is not None for row in lake.silver) < 1000:
        message += 1
        chat, more = chance.choice(places)
        dice = chance.random()
        if dice < 0.03:
            lake.begin_run()
        if dice < 0.08:
            lake.say("/new@our_bot", chat_id=chat, message=message, **more)
        elif dice < 0.13:
            lake.say("/help@our_bot", chat_id=chat, message=message, **more)
        elif dice < 0.2 and said:
            chat, replayed = chance.choice(said[-60:])
            origin: dict[str, Any] = {"kind": "replay", "id": f"r{message}", "mode": "answer"}
            if chance.random() < 0.3:
                stored = lake.answers[chat, replayed].model_dump(mode="json", exclude={"asked_at", "first_token_at"})
                origin |= {"mode": "deliver", "answer": stored}
            lake.say("", chat_id=chat, message=replayed, origin=origin)
        else:
            if chance.random() < 0.4:
                target = chance.choice([message - 5, 10_000 + max(lake.seq - 20, 0)])
                quoted = {"message_id": target, "text": "quoted " * chance.randrange(1, 30)}
                more = more | {"reply_to_message": quoted | {"from": {"id": chance.choice([42, 43])}}}
            status = AnswerStatus.FALLBACK if chance.random() < 0.05 else AnswerStatus.ANSWERED
            state = chance.choice([PartState.SENT] * 8 + [PartState.UNKNOWN, PartState.DEAD])
            text = f"@our_bot {'wörd ' * chance.randrange(1, 12)}{message}"
            lake.say(text, chat_id=chat, message=message, status=status, state=state, **more)
            said.append((chat, message))
    view = lake.view()
    rows = list(asked_rows(view))
    assert len(rows) == 1000
    assert [row.message_id for row in rows if not explanation_of(view, row).reproduced] == []
    turns = [row.context_turns for row in rows]
    assert {0, 1, 2, 3, 4} == set(turns)
