"""Replies from question to delivery on real threads, with fakes for the model and Telegram and a real journal."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import RunFailed
from pipeline.messages.answer import Answer, AnswerStatus
from pipeline.messages.origin import Probe, Replay, StoredAnswer
from pipeline.messages.phrases import fixed_answer, phrases
from pipeline.model.outcome import Verdict
from pipeline.replies.journal import Journal, read_journal
from pipeline.replies.lanes import Lanes, OpenReplies
from pipeline.replies.reply import OnUnknown, PartState, Reply
from pipeline.storage.durable import DurableFolder
from pipeline.telegram import pacing
from pipeline.telegram.client import Interrupted, Refused, Unreachable
from tests.support.fakes import FakeAnswering, FakeApi, Sent, failed, said
from tests.support.replies import NOON, accepted, answered, part, preparation, wait_for_replies
from tests.support.waiting import eventually

PENDING, SENDING, SENT, UNKNOWN, DEAD, WITHHELD = PartState
UNREACHABLE = failed(Verdict.UNREACHABLE, "the model can't be reached")
FAILING = failed(Verdict.FAILING, "500 crashed")


class Run:
    """Lanes over fakes; `reply` is what the journal on disk says of a question."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.api, self.answering = FakeApi(), FakeAnswering()
        self.reports: list[tuple[str, str | None]] = []
        self.settings = {"send_rate": 10_000.0, "model_attempts": 2, **settings}
        self.journal = Journal(folder)
        self.lanes = self._lanes()
        self.accepted: list[Reply] = []

    def _lanes(self) -> Lanes:
        return Lanes(self.journal, self.answering, self.api, preparation(), report=self._report, **self.settings)

    def _report(self, service: str, reason: str | None) -> None:
        self.reports.append((service, reason))

    def accept(self, *replies: Reply, ahead: FakeAnswering | None = None) -> None:
        self.accepted += replies
        self.journal.record(*replies)
        self.lanes.accept(replies, ahead)

    def reply(self, seq: int) -> Reply:
        return next(r for r in read_journal(self.folder).replies.values() if r.question.seq == seq)

    def states(self, seq: int) -> list[PartState]:
        return [one.state for one in self.reply(seq).parts]

    def finish(self) -> None:
        """Wait until every reply that was accepted is terminal."""
        assert wait_for_replies(self.lanes, [reply.key for reply in self.accepted], 3.0), (
            f"still open: {self.lanes._open._keys}"
        )

    def stages(self) -> list[str]:
        return [self.reply(reply.question.seq).stage for reply in self.accepted]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pauses of real services, a hundred times shorter."""
    monkeypatch.setattr("pipeline.replies.gates.outage.FIRST_WAIT", 0.01)
    monkeypatch.setattr("pipeline.replies.gates.outage.LONGEST_WAIT", 0.02)
    monkeypatch.setattr("pipeline.replies.gates.model.LONGEST_WAIT", 0.02)
    monkeypatch.setattr("pipeline.replies.gates.model._FIRST_PAUSE", 0.002)
    monkeypatch.setattr("pipeline.replies.gates.telegram._JOURNAL_PAUSE", 0.01)
    monkeypatch.setattr(pacing, "CHAT_WINDOW", 0.05)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    run = Run(tmp_path / "journal")
    run.lanes.start()
    yield run
    run.api.open.set()
    run.lanes.stop(1)


Start = Callable[..., Run]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Lanes of other settings, over what a former run's journal holds."""
    runs: list[Run] = []

    def start(*left: Reply, **settings: Any) -> Run:
        Journal(tmp_path / "journal").record(*left)
        run = Run(tmp_path / "journal", **settings)
        runs.append(run)
        run.accepted += left
        run.lanes.start()
        return run

    yield start
    for run in runs:
        run.api.open.set()
        run.lanes.stop(5)


# From question to delivery


def test_a_question_is_answered_in_its_chat_and_recorded(run: Run) -> None:
    run.accept(accepted("hi", chat_id=-5, topic_id=9, seq=3))
    run.finish()
    assert run.api.requests == [Sent(-5, "re: hi", 103, 9, False)]
    reply = run.reply(3)
    assert reply.answer is not None
    assert (reply.answer.text, reply.answer.status, reply.answer.model) == ("re: hi", "answered", "m")
    assert (reply.answer.prompt_tokens, reply.answer.completion_tokens, reply.answer.reason) == (3, 2, None)
    assert [(one.text, one.state, one.message_id) for one in reply.parts] == [("re: hi", SENT, 1000)]
    assert reply.delivered_at is not None
    assert run.lanes.open == 0


def test_an_answer_and_the_sending_of_it_are_durable_before_the_request_leaves(run: Run) -> None:
    found: list[tuple[str, str]] = []

    def note(_: Sent) -> None:
        reply = run.reply(1)
        assert reply.answer is not None
        found.append((reply.answer.text, reply.stage))

    run.api.before_send = note
    run.accept(accepted("hi", seq=1))
    run.finish()
    assert found == [("re: hi", "sending")]


@pytest.mark.parametrize("command", ["start", "help"])
def test_a_fixed_answer_needs_no_model(run: Run, command: str) -> None:
    run.accept(accepted(f"/{command}", seq=1, command=command))
    run.finish()
    assert (run.api.texts, run.answering.asked) == ([fixed_answer(command)], [])
    reply = run.reply(1)
    assert reply.answer is not None
    assert (reply.answer.status, reply.answer.model) == ("fixed", None)


def test_another_command_is_a_question_like_any_other(run: Run) -> None:
    run.accept(accepted("/joke", command="joke"))
    run.finish()
    assert run.api.texts == ["re: /joke"]


def test_a_long_answer_is_sent_in_parts_in_order(run: Run) -> None:
    long = said("\n\n".join(letter * 3000 for letter in "abc"))
    run.answering.script["hi"].append(long)
    run.accept(accepted("hi", seq=1), accepted("and", seq=2))
    run.finish()
    assert [text[0] for text in run.api.texts] == ["a", "b", "c", "r"]
    assert [one.message_id for one in run.reply(1).parts] == [1000, 1001, 1002]
    assert run.reply(1).stage == "sent"


def test_html_is_marked_as_such_and_sent_as_plain_text_if_refused(start: Start) -> None:
    run = start(answer_format="html")
    run.answering.script["hi"].append(said("<b>1 < 2</b>"))
    run.api.script["<b>1 < 2</b>"].append(Refused(400, "Bad Request: can't parse entities"))
    run.accept(accepted("hi"))
    run.finish()
    assert [(sent.text, sent.html) for sent in run.api.requests] == [("<b>1 < 2</b>", True), ("1 < 2", False)]


def test_a_reply_that_is_open_already_is_not_taken_twice(run: Run) -> None:
    run.answering.held = {"hi"}
    reply = accepted("hi")
    run.accept(reply)
    run.accept(reply)
    eventually(lambda: run.answering.waiting)
    run.answering.release("hi")
    run.finish()
    run.accept(accepted("next", seq=2))
    run.finish()
    assert (run.answering.asked, run.api.texts) == (["hi", "next"], ["re: hi", "re: next"])


# Injected messages

STORED = StoredAnswer(text="said before", status=AnswerStatus.FALLBACK, reason="400 no", answered_at=NOON)


def test_a_probe_is_asked_and_recorded_and_nothing_of_it_reaches_telegram(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.telegram.progress.typing_action._FIRST_AFTER", 0.0)
    run.answering.held = {"probe", "hi"}
    run.accept(accepted("probe", chat_id=0, seq=1, origin=Probe(id="p")), accepted("hi", chat_id=7, seq=2))
    eventually(lambda: run.api.typed)
    run.answering.release("probe")
    run.answering.release("hi")
    run.finish()
    assert [run.reply(1).stage, run.reply(2).stage] == ["withheld", "sent"]
    assert run.answering.asked == ["probe", "hi"]
    assert (run.api.texts, set(run.api.typed)) == (["re: hi"], {(7, None)})


def test_a_probe_needs_no_telegram(run: Run) -> None:
    run.api.fails_with = run.api.down = Unreachable("refused")
    run.accept(accepted("hi", chat_id=1, seq=1))
    eventually(lambda: run.api.probes)
    probes = [accepted(f"probe {seq}", chat_id=0, seq=seq, origin=Probe(id=str(seq))) for seq in (2, 3)]
    run.accept(*probes)
    assert wait_for_replies(run.lanes, [probe.key for probe in probes], 3.0)
    assert [run.reply(2).stage, run.reply(3).stage] == ["withheld", "withheld"]


def test_a_probe_is_not_over_before_the_journal_has_its_answer(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    full, record = threading.Event(), run.journal.record
    run.answering.held = {"probe"}
    run.accept(accepted("probe", chat_id=0, seq=1, origin=Probe(id="p")))

    def record_or_fail(*replies: Reply) -> None:
        if not full.is_set():
            raise OSError("No space left on device")
        record(*replies)

    monkeypatch.setattr(run.journal, "record", record_or_fail)
    eventually(lambda: run.answering.waiting)
    run.answering.release("probe")
    assert not wait_for_replies(run.lanes, [run.accepted[0].key], 0.2)
    full.set()
    run.finish()
    assert run.states(1) == [WITHHELD]


def test_a_probe_to_be_delivered_is_sent_like_any_message(run: Run) -> None:
    run.accept(accepted("probe", chat_id=5, seq=1, origin=Probe(id="p", deliver=True)))
    run.finish()
    assert (run.api.requests, run.stages()) == ([Sent(5, "re: probe", None, None, False)], ["sent"])


def test_a_stored_answer_is_delivered_again_without_the_model(run: Run) -> None:
    ahead = FakeAnswering()
    run.accept(accepted("hi", seq=1, origin=Replay(id="r", mode="deliver", answer=STORED)), ahead=ahead)
    run.finish()
    assert (run.api.requests, run.answering.asked, ahead.asked) == ([Sent(7, "said before", 101, None, False)], [], [])
    assert run.reply(1).answer == Answer(**STORED.model_dump())
    assert (run.stages(), run.reply(1).error) == (["sent"], "400 no")


def test_a_message_that_is_to_be_answered_again_is_asked_again(run: Run) -> None:
    run.accept(accepted("hi", seq=1), accepted("hi", seq=1, origin=Replay(id="r", mode="answer")))
    run.finish()
    assert (run.answering.asked, run.api.texts) == (["hi", "hi"], ["re: hi", "re: hi"])


# Order and concurrency


def test_a_chats_replies_keep_the_order_of_its_messages(run: Run) -> None:
    run.answering.held = {"2"}
    run.accept(*(accepted(str(seq), seq=seq) for seq in (3, 1, 4, 2)))
    eventually(lambda: "2" in run.answering.waiting)
    run.accept(accepted("5", seq=5))
    assert (run.answering.asked, run.api.texts) == (["1", "2"], ["re: 1"])
    run.answering.release("2")
    run.finish()
    assert run.api.texts == [f"re: {i}" for i in range(1, 6)]


def test_a_slow_chat_holds_no_other(run: Run) -> None:
    run.answering.held = {"slow"}
    run.accept(accepted("slow", chat_id=1, seq=1), accepted("fast", chat_id=2, seq=2))
    assert wait_for_replies(run.lanes, [run.accepted[1].key], 5)
    assert (run.api.texts, run.lanes.open) == (["re: fast"], 1)
    assert not wait_for_replies(run.lanes, [run.accepted[0].key], 0.01)
    run.answering.release("slow")
    run.finish()


def test_many_chats_are_served_at_once_and_no_more_requests_run_than_the_bound(run: Run) -> None:
    run.api.open.clear()
    run.accept(*(accepted(str(seq), chat_id=seq, seq=seq) for seq in range(50)))
    eventually(lambda: run.api.in_flight == 32)
    run.api.open.set()
    run.finish()
    assert run.api.most_in_flight == 32
    assert sorted(run.api.texts) == sorted(f"re: {seq}" for seq in range(50))


def test_room_is_made_as_replies_become_terminal(run: Run) -> None:
    run.answering.held = {"1", "2"}
    run.accept(*(accepted(str(seq), chat_id=seq, seq=seq) for seq in (1, 2)))
    assert not run.lanes.wait_for_room(2, 0.01)
    assert run.lanes.wait_for_room(3, 0.01)
    eventually(lambda: len(run.answering.waiting) == 2)
    run.answering.release("1")
    assert run.lanes.wait_for_room(2, 5)
    run.answering.release("2")


def test_the_pace_within_a_chat_is_kept(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    times: list[float] = []
    monkeypatch.setattr(pacing, "CHAT_WINDOW", 0.3)
    run.api.before_send = lambda _: times.append(time.monotonic())
    run.accept(*(accepted(str(number), seq=number) for number in range(1, 7)))
    run.finish()
    assert times[5] - times[0] >= 0.29


# Telegram's refusals


def test_a_chat_told_to_wait_waits_alone(run: Run) -> None:
    run.api.script["re: 1"].append(Refused(429, "Too Many Requests", 0.2))
    run.accept(accepted("1", chat_id=1, seq=1), accepted("2", chat_id=1, seq=2), accepted("3", chat_id=2, seq=3))
    run.finish()
    assert run.api.texts == ["re: 3", "re: 1", "re: 2"]
    assert run.reports == []
    assert run.answering.asked.count("1") == 1


def test_a_blocked_chats_reply_is_dead_and_the_next_message_is_tried(run: Run) -> None:
    run.api.script["re: 1"].append(Refused(403, "Forbidden: bot was blocked by the user"))
    run.accept(accepted("1", seq=1), accepted("2", seq=2), accepted("3", chat_id=2, seq=3))
    run.finish()
    assert run.stages() == ["dead", "sent", "sent"]
    assert run.reply(1).error == "403 Forbidden: bot was blocked by the user"
    assert len(run.api.requests) == 3


def test_an_upgraded_group_gets_its_reply_in_the_supergroup(run: Run) -> None:
    run.api.script["re: hi"].append(Refused(400, "upgraded", migrate_to_chat_id=-1005))
    run.accept(accepted("hi", chat_id=-5))
    run.finish()
    assert [(sent.chat_id, sent.reply_to) for sent in run.api.requests] == [(-5, 101), (-1005, None)]
    assert run.stages() == ["sent"]


# Telegram's outages


@pytest.mark.parametrize("error", [Unreachable("refused"), Refused(401, "Unauthorized")])
def test_a_request_that_was_not_carried_out_is_made_again_when_telegram_is_back(run: Run, error: Exception) -> None:
    run.api.script["re: hi"].append(error)
    run.api.down = Unreachable("refused")
    run.accept(accepted("hi", seq=1), accepted("later", chat_id=2, seq=2))
    eventually(lambda: run.api.probes >= 3)
    assert [sent.text for sent in run.api.requests].count("re: hi") == 1
    run.api.down = None
    run.finish()
    assert sorted(run.api.texts) == ["re: hi", "re: later"]
    assert sorted(run.answering.asked) == ["hi", "later"]
    assert run.reports == [("telegram", str(error)), ("telegram", None)]
    assert run.stages() == ["sent", "sent"]


def test_a_lost_response_is_unknown_and_not_sent_again(run: Run) -> None:
    run.api.script["re: hi"].append(Interrupted("cut"))
    run.accept(accepted("hi", seq=1), accepted("next", seq=2))
    run.finish()
    assert [sent.text for sent in run.api.requests] == ["re: hi", "re: next"]
    assert run.stages() == ["unknown", "sent"]
    assert run.reply(1).error == "cut"


def test_a_lost_response_is_sent_again_where_that_is_asked_for(start: Start) -> None:
    run = start(on_unknown="resend")
    run.api.script["re: hi"].append(Interrupted("cut"))
    run.accept(accepted("hi"))
    run.finish()
    assert [sent.text for sent in run.api.requests] == ["re: hi", "re: hi"]
    assert (run.stages(), run.answering.asked) == (["sent"], ["hi"])


def test_any_error_while_sending_is_an_unknown_outcome(run: Run) -> None:
    run.api.script["re: hi"].append(RuntimeError("with a secret"))
    run.accept(accepted("hi"))
    run.finish()
    assert (run.stages(), run.reply(1).error) == (["unknown"], "RuntimeError")


def test_an_outage_leaves_no_more_unknown_than_requests_in_flight(run: Run) -> None:
    run.api.open.clear()
    run.api.fails_with = Interrupted("cut")
    run.api.down = Unreachable("refused")
    run.accept(*(accepted(str(seq), chat_id=seq, seq=seq) for seq in range(80)))
    eventually(lambda: run.api.in_flight == 32)
    run.api.open.set()
    eventually(lambda: run.api.probes >= 3)
    assert len(run.api.requests) == 32, "the gate is closed until getMe answers"
    assert {reply.stage for reply in read_journal(run.folder).replies.values()} <= {"accepted", "answered", "unknown"}
    run.api.fails_with = run.api.down = None
    run.finish()
    assert sorted(run.stages()) == ["sent"] * 48 + ["unknown"] * 32
    assert len(run.api.requests) == len({sent.text for sent in run.api.requests}) == 80


def test_answers_that_wait_for_telegram_are_durable(run: Run) -> None:
    run.api.fails_with = run.api.down = Unreachable("refused")
    run.accept(accepted("1", chat_id=1, seq=1))
    eventually(lambda: run.api.probes)
    run.accept(accepted("2", chat_id=2, seq=2))
    eventually(lambda: run.reply(2).stage == "answered")
    assert run.states(1) == run.states(2) == [PENDING]
    run.api.fails_with = run.api.down = None
    run.finish()


def test_a_journal_that_cannot_be_written_sends_nothing_until_it_can(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run.accept(accepted("1", chat_id=1, seq=1))
    run.finish()
    reply = accepted("2", chat_id=2, seq=2)
    with monkeypatch.context() as full:
        full.setattr(DurableFolder, "write", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
        run.lanes.accept([reply])
        eventually(lambda: run.answering.asked == ["1", "2"])
        assert not wait_for_replies(run.lanes, [reply.key], 0.2)
        assert run.api.texts == ["re: 1"]
    assert wait_for_replies(run.lanes, [reply.key], 5)
    assert (run.api.texts, run.reply(2).stage) == (["re: 1", "re: 2"], "sent")


# The model's outages and refusals


@pytest.mark.parametrize("verdict", ["busy", "unreachable", "unauthorised", "unknown_model"])
def test_in_an_outage_messages_wait_and_are_answered_afterwards(run: Run, verdict: str) -> None:
    run.answering.outage = failed(Verdict(verdict), "out")
    run.accept(*(accepted(str(seq), chat_id=seq, seq=seq) for seq in range(6)))
    eventually(lambda: len(run.answering.asked) >= 12)
    assert (run.lanes.open, run.api.requests) == (6, [])
    run.answering.outage = None
    run.finish()
    assert sorted(run.api.texts) == [f"re: {seq}" for seq in range(6)]
    assert run.reports == [("model", "out"), ("model", None)]


def test_the_wait_that_the_model_asks_for_is_kept(run: Run) -> None:
    run.answering.script["hi"].append(failed(Verdict.BUSY, "429", retry_after=0.15))
    run.accept(accepted("hi"))
    assert not wait_for_replies(run.lanes, [run.accepted[0].key], 0.1)
    assert run.answering.asked == ["hi"]
    run.finish()


def test_new_messages_during_a_trial_wait_for_its_outcome_and_hold_nothing_up(run: Run) -> None:
    run.answering.script["first"].append(UNREACHABLE)
    run.accept(accepted("first", chat_id=1, seq=1))
    eventually(lambda: run.reports)
    run.answering.held = {"first"}
    eventually(lambda: "first" in run.answering.waiting)
    run.accept(accepted("second", chat_id=2, seq=2))
    run.accept(accepted("/help", chat_id=3, seq=3, command="help"))
    assert wait_for_replies(run.lanes, [run.accepted[2].key], 2), "the lanes must continue while a trial is under way"
    assert run.answering.asked == ["first", "first"]
    run.answering.release("first")
    run.finish()
    assert sorted(run.api.texts_in(1) + run.api.texts_in(2)) == ["re: first", "re: second"]


def test_a_long_trial_holds_nothing_up(run: Run) -> None:
    run.answering.outage = UNREACHABLE
    run.accept(*(accepted(str(seq), chat_id=seq, seq=seq) for seq in range(3)))
    eventually(lambda: run.reports)
    run.answering.held = {"0", "1", "2"}
    run.answering.outage = None
    eventually(lambda: run.answering.waiting)
    assert not wait_for_replies(run.lanes, [reply.key for reply in run.accepted], 0.2)
    run.accept(accepted("/help", chat_id=9, seq=9, command="help"))
    assert wait_for_replies(run.lanes, [run.accepted[-1].key], 2), "the lanes must continue while a trial is under way"
    run.answering.held = set()
    run.answering.release(next(iter(run.answering.waiting)))
    run.finish()


@pytest.mark.parametrize("verdict", [Verdict.REJECTED, Verdict.UNREADABLE])
def test_a_message_that_the_model_rejects_or_never_answers_gets_the_polite_text(run: Run, verdict: Verdict) -> None:
    run.answering.always["bad"] = failed(verdict, "why")
    run.accept(accepted("bad", seq=1), accepted("good", seq=2))
    run.finish()
    assert run.api.texts == [phrases().fallback, "re: good"]
    assert run.answering.asked.count("bad") == (1 if verdict is Verdict.REJECTED else 2)
    reply = run.reply(1)
    assert reply.answer is not None
    assert (reply.answer.status, reply.answer.reason, reply.error) == ("fallback", "why", "why")
    assert run.reports == []


def test_an_unreadable_answer_may_be_followed_by_a_readable_one(run: Run) -> None:
    run.answering.script["hi"].append(failed(Verdict.UNREADABLE))
    run.accept(accepted("hi"))
    run.finish()
    assert run.api.texts == ["re: hi"]


def test_a_message_that_fails_while_the_model_answers_others_gets_the_polite_text(tmp_path: Path) -> None:
    run = Run(tmp_path, model_alive=lambda: True)
    run.lanes.start()
    run.answering.always["poison"] = FAILING
    run.accept(accepted("poison", chat_id=1, seq=1), *(accepted(str(seq), chat_id=seq, seq=seq) for seq in range(2, 6)))
    run.finish()
    run.lanes.stop(5)
    assert sorted(run.api.texts) == sorted([phrases().fallback, *(f"re: {seq}" for seq in range(2, 6))])
    assert run.reply(1).error == "500 crashed"
    assert run.answering.asked.count("poison") == 2
    assert run.reports[-1] == ("model", None)


def test_an_outage_costs_no_message_its_answer_however_often_it_fails(run: Run) -> None:
    run.answering.held = {"in flight"}
    run.accept(accepted("in flight", chat_id=1, seq=1))
    eventually(lambda: run.answering.waiting)
    run.accept(accepted("answered before the outage", chat_id=2, seq=2))
    eventually(lambda: run.api.texts == ["re: answered before the outage"])
    run.answering.outage = FAILING
    run.answering.release("in flight", FAILING)
    eventually(lambda: run.answering.asked.count("in flight") >= 5)
    run.answering.outage = None
    run.finish()
    assert run.api.texts == ["re: answered before the outage", "re: in flight"]


def test_what_was_not_yet_asked_when_an_outage_began_is_taken_back_and_waits(run: Run) -> None:
    queued = accepted("queued", chat_id=2, seq=2)
    run.answering.held = {"first", "queued"}
    run.accept(accepted("first", chat_id=1, seq=1), queued)
    eventually(lambda: len(run.answering.waiting) == 2)
    run.answering.queued = [run.answering.waiting.pop("queued")[0]]
    run.answering.held = set()
    run.answering.release("first", UNREACHABLE)
    run.finish()
    assert sorted(run.api.texts) == ["re: first", "re: queued"]


def test_a_message_that_fails_alone_waits_and_is_answered_once_the_model_answers_again(run: Run) -> None:
    run.answering.always["hi"] = FAILING
    run.accept(accepted("hi"))
    eventually(lambda: len(run.answering.asked) >= 6)
    assert run.api.requests == []
    del run.answering.always["hi"]
    run.finish()
    assert run.api.texts == ["re: hi"]


def test_two_failures_are_not_held_against_each_other(run: Run) -> None:
    run.answering.outage = FAILING
    run.accept(accepted("1", chat_id=1, seq=1), accepted("2", chat_id=2, seq=2))
    eventually(lambda: len(run.answering.asked) >= 8)
    run.answering.outage = None
    run.finish()
    assert sorted(run.api.texts) == ["re: 1", "re: 2"]


def test_an_answer_to_a_reply_that_is_done_is_passed_over(run: Run) -> None:
    run.answering.held = {"hi"}
    run.accept(accepted("hi"))
    eventually(lambda: run.answering.waiting)
    asked, done = run.answering.waiting["hi"]
    for _ in range(3):
        done(asked, said("once"))
    run.finish()
    done(asked, said("again"))
    run.accept(accepted("next", seq=2))
    run.finish()
    assert run.api.texts == ["once", "re: next"]


# Answers made ahead by the cluster


def test_a_batch_is_asked_for_ahead_and_delivered_in_order(run: Run) -> None:
    cluster = FakeAnswering()
    cluster.held = {"1"}
    run.accept(*(accepted(str(seq), seq=seq) for seq in (1, 2, 3)), ahead=cluster)
    assert cluster.asked == ["1", "2", "3"]
    eventually(lambda: run.reply(2).stage == run.reply(3).stage == "answered")
    assert run.api.requests == []
    cluster.release("1")
    run.finish()
    assert (run.api.texts, run.answering.asked) == (["re: 1", "re: 2", "re: 3"], [])


def test_what_the_cluster_could_not_answer_is_asked_for_again_in_its_turn(run: Run) -> None:
    cluster = FakeAnswering()
    cluster.always = {"1": failed(Verdict.UNREADABLE), "2": UNREACHABLE, "3": failed(Verdict.REJECTED, "no")}
    run.accept(
        *(accepted(str(seq), seq=seq) for seq in (1, 2, 3)),
        accepted("/help", seq=4, command="help"),
        ahead=cluster,
    )
    run.finish()
    assert run.api.texts == ["re: 1", "re: 2", phrases().fallback, fixed_answer("help")]
    assert (cluster.asked, sorted(run.answering.asked)) == (["1", "2", "3"], ["1", "2"])


# Crash and stop


@pytest.mark.parametrize(
    ("left", "on_unknown", "asked", "sent", "stage"),
    [
        (accepted("hi"), "hold", ["hi"], ["re: hi"], "sent"),
        (answered("kept"), "hold", [], ["kept"], "sent"),
        (answered(part("kept", SENDING)), "hold", [], [], "unknown"),
        (answered(part("kept", SENDING)), "resend", [], ["kept"], "sent"),
        (answered(part("a", SENT, 7), "b", "c"), "hold", [], ["b", "c"], "sent"),
        (answered(part("a", SENT, 7), part("b", SENDING), "c"), "hold", [], ["c"], "unknown"),
        (answered(part("a", UNKNOWN, error="cut"), "b"), "hold", [], ["b"], "unknown"),
        (answered(part("a", SENT, 7)), "hold", [], [], "sent"),
        (answered(part("a", UNKNOWN)), "resend", [], [], "unknown"),
        (answered(part("a", DEAD)), "hold", [], [], "dead"),
    ],
)
def test_a_restart_continues_from_every_state(
    start: Start, left: Reply, on_unknown: OnUnknown, asked: list[str], sent: list[str], stage: str
) -> None:
    run = start(left, on_unknown=on_unknown)
    run.finish()
    assert (run.answering.asked, run.api.texts, run.stages()) == (asked, sent, [stage])


def test_an_unknown_outcome_is_durable_before_anything_else_happens(start: Start, tmp_path: Path) -> None:
    run = start(answered(part("kept", SENDING)))
    assert run.states(1) == [UNKNOWN]
    error = run.reply(1).error
    assert error == "the process ended between the request and its response"


def test_a_restart_keeps_the_order_within_a_chat(start: Start) -> None:
    left = [accepted("3", seq=3), answered("first", seq=1), accepted("2", seq=2)]
    run = start(*left)
    run.accept(accepted("4", seq=4))
    run.finish()
    assert run.api.texts == ["first", "re: 2", "re: 3", "re: 4"]


def test_no_part_is_sent_twice_and_none_is_left_out_whenever_the_process_dies(tmp_path: Path) -> None:
    """The journal as it was after each write of a run is what a crash at that instant leaves."""
    long = said("\n\n".join(letter * 3000 for letter in "ab"))
    segments_at_send: list[int] = []
    run = Run(tmp_path / "first")
    run.answering.always["long"] = long
    run.api.before_send = lambda _: segments_at_send.append(len(list(run.folder.glob("*.json"))))
    run.lanes.start()
    run.accept(accepted("long", seq=1), accepted("next", seq=2))
    run.finish()
    run.lanes.stop(5)
    segments = sorted(run.folder.glob("*.json"))
    assert len(run.api.texts) == 3
    assert len(segments) >= 7
    for count in range(1, len(segments) + 1):
        crashed = tmp_path / f"crash-{count}"
        crashed.mkdir()
        for segment in segments[:count]:
            shutil.copy(segment, crashed)
        again = Run(crashed)
        again.answering.always["long"] = long
        again.accepted = run.accepted
        again.lanes.start()
        again.finish()
        again.lanes.stop(5)
        not_begun = [text for text, at in zip(run.api.texts, segments_at_send, strict=True) if at > count]
        assert again.api.texts == not_begun, f"after {count} writes"
        in_doubt = count in segments_at_send
        assert ("unknown" in again.stages()) is in_doubt, f"after {count} writes"


def test_at_a_stop_nothing_new_begins_and_what_is_there_is_kept(run: Run) -> None:
    run.api.fails_with = run.api.down = Unreachable("refused")
    run.answering.held = {"late"}
    run.accept(accepted("1", chat_id=1, seq=1))
    eventually(lambda: run.api.probes)
    run.accept(accepted("2", chat_id=2, seq=2), accepted("late", chat_id=3, seq=3))
    eventually(lambda: "2" in run.answering.asked and run.answering.waiting)
    run.lanes.stop(5)
    run.accept(accepted("after", chat_id=4, seq=4))
    assert [run.reply(seq).stage for seq in (1, 2, 3)] == ["answered", "answered", "accepted"]
    assert "after" not in run.answering.asked
    assert len(run.api.requests) == 1


def test_at_a_stop_answers_that_have_come_but_not_been_looked_at_are_kept(start: Start) -> None:
    looking, proceed = threading.Event(), threading.Event()
    run = start()
    run.answering.held = {str(seq) for seq in range(1, 6)}
    run.accept(*(accepted(str(seq), chat_id=seq, seq=seq) for seq in range(1, 6)))
    eventually(lambda: len(run.answering.waiting) == 5)

    def busy() -> None:
        looking.set()
        assert proceed.wait(5)

    run.lanes._loop.post(busy)
    assert looking.wait(5)
    for seq in range(1, 6):
        run.answering.release(str(seq))
    stopping = threading.Thread(target=run.lanes.stop, args=(5.0,))
    stopping.start()
    eventually(run.lanes._stopping.is_set)
    proceed.set()
    stopping.join(5)
    assert [run.reply(seq).stage for seq in range(1, 6)] == ["answered"] * 5
    assert run.api.requests == []


def test_an_answer_that_comes_while_a_stop_waits_for_a_request_is_kept_before_that_ends(run: Run) -> None:
    run.api.open.clear()
    run.answering.held = {"late"}
    run.accept(accepted("hi", chat_id=1, seq=1), accepted("late", chat_id=2, seq=2))
    eventually(lambda: bool(run.api.requests) and "late" in run.answering.waiting)
    stopping = threading.Thread(target=run.lanes.stop, args=(5.0,))
    stopping.start()
    eventually(run.lanes._stopping.is_set)
    run.answering.release("late")
    eventually(lambda: run.reply(2).stage == "answered")
    assert run.reply(1).stage == "sending"
    run.api.open.set()
    stopping.join(5)


def test_a_stop_waits_for_the_requests_under_way_and_records_them(run: Run) -> None:
    run.answering.script["hi"].append(said("\n\n".join(letter * 3000 for letter in "ab")))
    run.api.open.clear()
    run.accept(accepted("hi", seq=1))
    eventually(lambda: run.api.in_flight)
    threading.Timer(0.1, run.api.open.set).start()
    run.lanes.stop(5)
    assert run.states(1) == [SENT, PENDING]


def test_a_stop_waits_no_longer_than_its_grace_and_leaves_the_request_in_the_journal(run: Run) -> None:
    run.api.open.clear()
    run.accept(accepted("hi", seq=1))
    eventually(lambda: run.api.in_flight)
    run.lanes.stop(0.05)
    assert run.states(1) == [SENDING]
    run.api.open.set()
    eventually(lambda: run.states(1) == [SENT])


def test_a_stop_ends_every_wait(run: Run) -> None:
    run.answering.held = {"hi"}
    run.accept(accepted("hi"))
    ended: list[bool] = []
    waiting = threading.Thread(target=lambda: ended.append(run.lanes.wait_for_room(1, 10)))
    waiting.start()
    run.lanes.stop(5)
    waiting.join(2)
    assert ended == [True]


def test_a_message_whose_handling_breaks_stops_no_other(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    submit = run.answering.submit

    def breaks(questions: Any, done: Any) -> None:
        if questions[0].question.text == "bad":
            raise RuntimeError("a bug")
        submit(questions, done)

    monkeypatch.setattr(run.answering, "submit", breaks)
    run.lanes.accept([accepted("bad", chat_id=1, seq=1)])
    run.accept(accepted("good", chat_id=2, seq=2))
    run.finish()
    assert run.api.texts == ["re: good"]


def test_a_reason_that_no_file_can_hold_stops_neither_its_chat_nor_others(run: Run) -> None:
    run.answering.always["odd"] = failed(Verdict.REJECTED, "flagged \ud83d")
    run.accept(accepted("odd", seq=1), accepted("next", seq=2), accepted("other", chat_id=2, seq=3))
    run.finish()
    assert sorted(run.api.texts) == sorted([phrases().fallback, "re: next", "re: other"])


# Threads


def test_decisions_and_reports_are_made_on_the_lanes_own_thread(start: Start) -> None:
    threads: list[str] = []
    run = start()
    run.lanes._dispatcher._report = lambda service, reason: threads.append(threading.current_thread().name)
    run.api.script["re: hi"].append(Unreachable("refused"))
    run.accept(accepted("hi"))
    run.finish()
    assert threads == ["lanes", "lanes"]
    assert not run.lanes._loop.owned


def _end_the_thread() -> None:
    raise SystemExit("with a secret")


def test_lanes_whose_thread_has_ended_say_so_and_nobody_waits_for_them(run: Run) -> None:
    run.lanes.check()
    run.answering.held = {"held"}
    run.accept(accepted("held", seq=1))
    eventually(lambda: run.answering.waiting)
    assert not run.lanes.wait_for_room(1, 0.01)
    run.lanes._loop.post(_end_the_thread)
    assert run.lanes.wait_for_room(1, 5.0), "a micro-batch would wait for ever"
    with pytest.raises(RunFailed, match=r"^the thread that answers has ended \(SystemExit at _end_the_thread:\d+\)"):
        run.lanes.check()
    ((service, reason),) = run.reports
    assert (service, "SystemExit" in str(reason), "secret" in str(reason)) == ("lanes", True, False)


def test_lanes_whose_thread_has_ended_begin_nothing_and_keep_what_was_paid_for_and_sent(run: Run) -> None:
    run.api.open.clear()
    run.answering.held = {"asked"}
    run.accept(accepted("sending", chat_id=1, seq=1), accepted("asked", chat_id=2, seq=2))
    eventually(lambda: run.api.requests and run.answering.waiting)
    run.lanes._loop.post(_end_the_thread)
    eventually(lambda: run.reports)
    run.answering.release("asked")
    run.accept(accepted("late", chat_id=3, seq=3))
    run.api.open.set()
    run.lanes.stop(5.0)
    assert run.stages() == ["sent", "answered", "accepted"]
    assert (run.api.texts, run.answering.asked) == (["re: sending"], ["sending", "asked"])


def test_lanes_that_were_stopped_have_not_failed(run: Run) -> None:
    run.lanes.stop(5.0)
    run.lanes.check()
    assert run.reports == []


def test_open_replies_are_each_added_once() -> None:
    open_replies = OpenReplies()
    first, second = accepted("1", seq=1), accepted("2", seq=2)
    assert open_replies.add([first, first]) == [first]
    assert open_replies.add([first, second]) == [second]
    assert len(open_replies) == 2
    open_replies.remove(first.key)
    open_replies.remove("not there")
    assert open_replies.add([first, second]) == [first]


def test_a_wait_for_room_ends_when_there_is_some_and_at_a_stop() -> None:
    open_replies = OpenReplies()
    first, _ = open_replies.add([accepted("1", seq=1), accepted("2", seq=2)])
    assert not open_replies.wait_until_below(2, 0.01)
    threading.Timer(0.02, open_replies.remove, (first.key,)).start()
    assert open_replies.wait_until_below(2, 5)
    open_replies.end_waits()
    assert open_replies.wait_until_below(1, 0)
