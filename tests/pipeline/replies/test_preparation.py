"""What is decided about a reply before the model is asked, and that the journal has it first."""

import threading
from pathlib import Path
from typing import Any

import pytest

from pipeline.conversations.context import Context, request_of
from pipeline.limits.charge import Charge, Tokens, cost_of
from pipeline.messages.answer import Answer
from pipeline.messages.origin import Probe
from pipeline.messages.phrases import phrases
from pipeline.messages.question import Question
from pipeline.model.outcome import Outcome, Verdict
from pipeline.model.request import Said
from pipeline.replies.journal import Journal, read_journal
from pipeline.replies.lanes import Lanes
from pipeline.replies.preparation import Preparation
from pipeline.replies.reply import Reply
from tests.support.fakes import FakeAnswering, FakeApi, failed
from tests.support.replies import NOON, answer, question, wait_for_replies
from tests.support.waiting import eventually

MET = answer("A ceiling is met.")
USED = answer("You have used it.")


class FakeMemory:
    """Gives each question what was said in its chat before."""

    looks_back = True

    def __init__(self) -> None:
        self.known = True
        self.turns: dict[int, list[Reply]] = {}

    def context_of(self, question: Question) -> Context | None:
        if not self.known:
            return None
        turns = self.turns.get(question.chat_id, [])
        said = [
            Said(role=role, text=text)
            for turn in turns
            if turn.answer
            for role, text in (("user", turn.question.text), ("assistant", turn.answer.text))
        ]
        context = Context(said=tuple(said), turns=len(turns), since=turns[0].question.seq if turns else None)
        return context.model_copy(update={"digest": request_of(question, context).digest})

    def remember(self, reply: Reply) -> None:
        turns = self.turns.setdefault(reply.question.chat_id, [])
        if reply not in turns:
            turns.append(reply)


class FakeLedger:
    """Reserves for one call at a time."""

    limited = True

    def __init__(self) -> None:
        self.met = self.withheld = False
        self.known = True
        self.reserved: dict[str, Tokens] = {}
        self.at_once = 100

    def reserve(self, question: Question, charge: Charge, most: Tokens) -> Charge | Answer | None:
        if self.met:
            return MET.model_copy(update={"withheld": self.withheld})
        if charge.reserved is not None and question.key in self.reserved:
            return charge
        if len(self.reserved) >= self.at_once:
            return None
        self.reserved[question.key] = most
        return charge.with_reservation(most, NOON)

    def settle(self, question: Question, charge: Charge, outcome: Outcome) -> Charge:
        self.reserved.pop(question.key, None)
        return charge.charged(cost_of(outcome, charge.reserved))

    def release(self, question: Question, charge: Charge) -> Charge:
        self.reserved.pop(question.key, None)
        return charge.released()

    def usage(self, _: Question) -> Answer | None:
        return USED if self.known else None


class Run:
    """Lanes over a journal, with a memory and a ledger; replies are accepted as the stream does it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.api, self.answering = FakeApi(), FakeAnswering()
        self.memory, self.ledger = FakeMemory(), FakeLedger()
        self.begin()

    def begin(self) -> None:
        self.journal = Journal(self.folder)
        self.preparation = Preparation(self.memory, self.ledger, 50)
        self.lanes = Lanes(
            self.journal, self.answering, self.api, self.preparation, send_rate=10_000.0, model_attempts=2
        )
        self.lanes.start()

    def accept(self, *questions: Question) -> None:
        replies = self.lanes.prepare(questions)
        self.journal.record(*replies)
        self.lanes.accept(replies)

    def reply(self, seq: int) -> Reply:
        return next(r for r in read_journal(self.folder).replies.values() if r.question.seq == seq)

    def finish(self) -> None:
        keys = [reply.key for reply in self.journal.replies().values()]
        assert wait_for_replies(self.lanes, keys, 5.0)


@pytest.fixture
def run(tmp_path: Path) -> Any:
    run = Run(tmp_path)
    yield run
    run.lanes.stop(1.0)


def given(run: Run, text: str) -> list[str]:
    return [said.text for said in run.answering.requests[text].said]


def test_the_first_question_of_a_chat_is_prepared_in_the_write_that_accepts_it(run: Run) -> None:
    run.answering.held.add("hi")
    run.accept(question("hi"))
    eventually(lambda: run.answering.asked == ["hi"])
    assert len(list(run.folder.iterdir())) == 1
    accepted = run.reply(1)
    assert accepted.context is not None
    assert accepted.context.digest == run.answering.requests["hi"].digest
    assert accepted.charge.reserved is not None
    run.answering.release("hi")
    run.finish()


def test_a_question_that_follows_an_open_one_is_prepared_when_its_answer_is_there(run: Run) -> None:
    run.answering.held.add("1")
    run.accept(question("1", seq=1), question("2", seq=2))
    run.accept(question("3", seq=3), question("other", chat_id=8, seq=4))
    eventually(lambda: run.answering.asked == ["1", "other"])
    assert run.reply(2).context is None
    run.answering.release("1")
    run.finish()
    assert given(run, "2") == ["1", "re: 1", "2"]
    assert given(run, "3") == ["1", "re: 1", "2", "re: 2", "3"]
    assert given(run, "other") == ["other"]


def test_the_next_question_of_a_chat_is_prepared_in_the_write_that_ends_the_reply_before_it(run: Run) -> None:
    run.answering.held |= {"1", "2"}
    run.accept(question("1", seq=1), question("2", seq=2))
    eventually(lambda: run.answering.asked == ["1"])
    run.answering.release("1")
    eventually(lambda: run.answering.asked == ["1", "2"])
    # Accepted; answered and sending; sent, and the next one prepared.
    assert len(list(run.folder.iterdir())) == 3
    assert (run.reply(1).stage, run.reply(2).charge.reserved is not None) == ("sent", True)
    run.answering.release("2")
    run.finish()
    assert given(run, "2") == ["1", "re: 1", "2"]


def test_a_question_after_a_command_or_with_a_met_ceiling_is_prepared_in_its_turn(run: Run) -> None:
    run.answering.held.add("1")
    run.accept(question("1", seq=1), question("/help", seq=2, command="help"), question("3", seq=3))
    eventually(lambda: run.answering.asked == ["1"])
    run.ledger.met = True
    run.answering.release("1")
    run.finish()
    texts = run.api.texts_in(7)
    assert (texts[0], len(texts), texts[2]) == ("re: 1", 3, MET.text)
    assert run.answering.asked == ["1"]


def test_a_run_that_is_stopped_once_the_next_question_is_prepared_gives_back_what_was_reserved(run: Run) -> None:
    run.answering.held.add("1")
    run.accept(question("1", seq=1), question("2", seq=2))
    eventually(lambda: run.answering.asked == ["1"])
    stopped = threading.Event()
    following = run.preparation.following

    def stop() -> None:
        run.lanes.stop(5.0)
        stopped.set()

    def stop_then_prepare(finished: Reply, reply: Reply) -> Reply | None:
        threading.Thread(target=stop).start()
        eventually(run.lanes._stopping.is_set)
        return following(finished, reply)

    run.preparation.following = stop_then_prepare  # type: ignore[method-assign]
    run.answering.release("1")
    assert stopped.wait(5.0)
    assert run.answering.asked == ["1"]
    assert (run.reply(1).stage, run.reply(2).charge.reserved) == ("sent", None)


def test_what_the_model_is_given_is_in_the_journal_before_it_is_asked(run: Run) -> None:
    digests: dict[str, str] = {}
    submit = run.answering.submit

    def submitted(asked: Any, done: Any) -> None:
        for each in asked:
            context = run.reply(each.question.seq).context
            assert context is not None
            digests[each.question.text] = context.digest
        submit(asked, done)

    run.answering.submit = submitted  # type: ignore[method-assign]
    run.accept(*(question(str(seq), seq=seq) for seq in range(1, 6)))
    run.finish()
    assert digests == {text: request.digest for text, request in run.answering.requests.items()}
    assert len(digests) == 5


def test_a_restart_asks_for_what_was_decided_and_decides_nothing_anew(run: Run) -> None:
    run.answering.held.add("2")
    run.accept(question("1", seq=1))
    run.finish()
    run.accept(question("2", seq=2))
    eventually(lambda: run.answering.asked == ["1", "2"])
    before = run.answering.requests["2"]
    run.lanes.stop(1.0)
    run.memory.turns.clear()
    run.answering.held.clear()
    run.begin()
    run.finish()
    assert run.answering.asked == ["1", "2", "2"]
    assert run.answering.requests["2"] == before
    assert given(run, "2") == ["1", "re: 1", "2"]


def test_an_attempt_that_a_crash_cut_short_counts_as_all_that_was_reserved_and_the_next_is_reserved_anew(
    run: Run,
) -> None:
    run.answering.held.add("hi")
    run.accept(question("hi"))
    eventually(lambda: run.answering.asked == ["hi"])
    most = run.ledger.reserved["42:1:7:101"]
    run.lanes.stop(1.0)
    run.answering.held.clear()
    run.begin()
    run.finish()
    assert run.reply(1).charge == Charge(settled=most + Tokens(prompt=3, completion=2))


def test_a_question_that_cannot_be_prepared_waits_until_somebody_looks_again(run: Run) -> None:
    run.memory.known = False
    run.accept(question("hi"))
    run.accept(question("/help", chat_id=8, seq=2, command="help"))
    eventually(lambda: run.api.texts_in(8) != [])
    assert run.answering.asked == []
    run.memory.known = True
    run.lanes.look_again()
    run.finish()
    assert run.api.texts_in(7) == ["re: hi"]


def test_a_question_that_waits_for_anothers_cost_is_asked_when_that_is_known(run: Run) -> None:
    run.ledger.at_once = 1
    run.answering.held |= {"1", "2"}
    run.accept(*(question(str(chat), chat_id=chat, seq=chat) for chat in (1, 2, 3)))
    eventually(lambda: run.answering.asked == ["1"])
    run.answering.release("1")
    eventually(lambda: run.answering.asked == ["1", "2"])
    run.answering.release("2")
    run.finish()
    assert run.answering.asked == ["1", "2", "3"]


def test_where_a_ceiling_is_met_its_answer_is_sent_and_the_model_is_not_asked(run: Run) -> None:
    run.ledger.met = True
    run.accept(question("hi"))
    run.finish()
    assert (run.api.texts, run.answering.asked) == ([MET.text], [])


def test_a_checks_question_belongs_to_no_conversation(run: Run) -> None:
    run.accept(question("1", seq=1))
    run.finish()
    run.accept(question("probe", seq=2, origin=Probe(id="p", deliver=True)))
    run.finish()
    run.accept(question("2", seq=3))
    run.finish()
    assert given(run, "probe") == ["probe"]
    assert given(run, "2") == ["1", "re: 1", "2"]


def test_usage_is_answered_by_the_ledger_once_it_knows(run: Run) -> None:
    run.ledger.known = False
    run.accept(question("/usage", command="usage"))
    run.accept(question("next", chat_id=8, seq=2))
    eventually(lambda: run.api.texts == ["re: next"])
    run.ledger.known = True
    run.lanes.look_again()
    run.finish()
    assert (run.api.texts, run.answering.asked) == (["re: next", USED.text], ["next"])


def test_an_answer_that_is_withheld_is_recorded_and_not_sent(run: Run) -> None:
    run.ledger.met = True
    run.ledger.withheld = True
    run.accept(question("hi"))
    run.finish()
    assert (run.api.texts, run.reply(1).stage) == ([], "withheld")


def test_where_there_are_ceilings_only_the_first_open_question_of_a_chat_is_reserved(run: Run) -> None:
    run.memory.looks_back, run.ledger.limited = False, True
    run.answering.held.add("1")
    run.accept(question("1", seq=1), question("2", seq=2))
    eventually(lambda: run.answering.asked == ["1"])
    assert [run.reply(seq).charge.reserved is not None for seq in (1, 2)] == [True, False]
    run.answering.release("1")
    run.finish()
    assert run.answering.asked == ["1", "2"]


def test_an_orderly_stop_gives_back_what_was_reserved_for_calls_that_were_not_begun(run: Run) -> None:
    run.answering.held |= {"begun", "waits"}
    run.accept(question("begun", chat_id=1, seq=1), question("waits", chat_id=2, seq=2))
    eventually(lambda: len(run.answering.asked) == 2)
    run.answering.queued = [question("waits", chat_id=2, seq=2)]
    run.lanes.stop(1.0)
    assert [run.reply(seq).charge.reserved is not None for seq in (1, 2)] == [True, False]


def test_a_stop_gives_back_what_was_reserved_for_messages_that_are_accepted_as_it_begins(run: Run) -> None:
    replies = run.lanes.prepare([question("hi")])
    run.journal.record(*replies)
    assert run.reply(1).charge.reserved is not None
    run.lanes._stopping.set()
    run.lanes.accept(replies)
    run.lanes.stop(5.0)
    assert (run.reply(1).charge, run.answering.asked) == (Charge(), [])


def test_a_stop_in_an_outage_of_the_model_leaves_nothing_reserved(run: Run) -> None:
    run.answering.held |= {"fails", "waits"}
    run.accept(question("fails", chat_id=1, seq=1), question("waits", chat_id=2, seq=2))
    eventually(lambda: len(run.answering.asked) == 2)
    run.answering.queued = [question("waits", chat_id=2, seq=2)]
    run.answering.release("fails", failed(Verdict.UNREACHABLE, retry_after=60.0))
    eventually(lambda: not run.ledger.reserved)
    run.lanes.stop(5.0)
    assert [run.reply(seq).charge for seq in (1, 2)] == [Charge(), Charge()]


def test_a_stop_gives_back_what_is_being_recorded_as_reserved(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run.ledger.at_once = 0
    run.accept(question("hi"))
    record, begun, go_on, written = run.journal.record, threading.Event(), threading.Event(), threading.Event()

    def slow(*replies: Reply) -> None:
        begun.set()
        assert go_on.wait(5.0)
        record(*replies)
        written.set()

    monkeypatch.setattr(run.journal, "record", slow)
    run.ledger.at_once = 1
    run.lanes.look_again()
    assert begun.wait(5.0)
    stop = threading.Thread(target=run.lanes.stop, args=(5.0,))
    stop.start()
    stop.join(0.2)
    go_on.set()
    assert written.wait(5.0)
    stop.join(5.0)
    assert (run.reply(1).charge, run.answering.asked) == (Charge(), [])


def poisoned(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the memory fail at one message, and at its turn."""
    context_of, remember = run.memory.context_of, run.memory.remember

    def broken_context(asked: Question) -> Context | None:
        if asked.text == "bad":
            raise ValueError("a bug")
        return context_of(asked)

    def broken_turn(reply: Reply) -> None:
        if reply.question.text == "forgotten":
            raise ValueError("a bug")
        remember(reply)

    monkeypatch.setattr(run.memory, "context_of", broken_context)
    monkeypatch.setattr(run.memory, "remember", broken_turn)


def test_a_message_that_cannot_be_prepared_gets_the_polite_text_and_stops_no_other(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    poisoned(run, monkeypatch)
    run.accept(question("bad", seq=1), question("next", seq=2), question("other", chat_id=8, seq=3))
    run.finish()
    assert run.api.texts_in(7) == [phrases("en").fallback, "re: next"]
    assert run.api.texts_in(8) == ["re: other"]
    reply = run.reply(1)
    assert reply.answer is not None
    assert (reply.answer.status, reply.answer.reason) == ("fallback", "the request can't be made: ValueError")
    assert (reply.answer.asked_at, reply.charge) == (None, Charge())


def test_a_turn_that_cannot_be_remembered_holds_neither_its_chat_nor_the_room_of_others(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    poisoned(run, monkeypatch)
    run.accept(question("forgotten", seq=1), question("next", seq=2))
    run.finish()
    assert run.api.texts_in(7) == ["re: forgotten", "re: next"]
    assert run.lanes.open == 0


@pytest.mark.parametrize("limited", [True, False])
def test_what_was_decided_with_instructions_that_this_release_does_not_know_gets_the_polite_text(
    run: Run, *, limited: bool
) -> None:
    run.lanes.stop(1.0)
    run.ledger.limited = limited
    run.journal.record(Reply.accepted(question("hi")).with_context(Context(instructions=1000)))
    run.begin()
    run.finish()
    assert (run.api.texts, run.answering.asked) == ([phrases("en").fallback], [])
