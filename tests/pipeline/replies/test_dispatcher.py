"""The dispatcher's decisions on the test's own thread, with a clock that the test moves."""

import threading
from pathlib import Path
from typing import Any

import pytest

from pipeline.messages.answer import AnswerStatus
from pipeline.messages.origin import Probe
from pipeline.messages.phrases import fixed_answer, phrases
from pipeline.model.outcome import STOPPED, Outcome, Verdict
from pipeline.replies.delivery import Sender
from pipeline.replies.dispatcher import Dispatcher
from pipeline.replies.gates.outage import GateState
from pipeline.replies.journal import Journal, read_journal
from pipeline.replies.preparation import asked_of
from pipeline.replies.reply import PartState, Reply
from pipeline.replies.work import Wait, WorkState
from pipeline.telegram import pacing
from pipeline.telegram.client import Interrupted, Refused, Unreachable
from tests.support.fakes import FakeAnswering, FakeApi, FakeDrafts, FakeTypist, ManualLoop, Sent, failed, said
from tests.support.replies import accepted, answered, preparation

PENDING, SENDING, SENT, UNKNOWN, DEAD, WITHHELD = PartState
UNREACHABLE = failed(Verdict.UNREACHABLE, "down")
FAILING = failed(Verdict.FAILING, "500 crashed")


class Run:
    """A dispatcher over a real journal, with fakes for all that blocks."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.loop, self.api, self.answering, self.typist = ManualLoop(), FakeApi(), FakeAnswering(), FakeTypist()
        self.drafts = FakeDrafts()
        self.journal = Journal(folder)
        self.stopping = threading.Event()
        self.reports: list[tuple[str, str | None]] = []
        self.finished: list[str] = []
        self.alive = False
        self.dispatcher = Dispatcher(
            self.loop,
            self.answering,
            preparation(),
            Sender(self.journal, self.api, "hold", self.stopping),
            self.typist,
            self.drafts,
            **{
                "send_rate": 1_000_000.0,
                "model_attempts": 2,
                "answer_format": "plain",
                "feedback": False,
                "privacy_contact": "Ada",
                "model_alive": lambda: self.alive,
                "report": lambda service, reason: self.reports.append((service, reason)),
                "finished": self.finished.append,
                "stopping": self.stopping.is_set,
                **settings,
            },
        )

    def accept(self, *replies: Reply, ahead: FakeAnswering | None = None) -> None:
        self.journal.record(*replies)
        self.dispatcher.accept(replies, {reply.key for reply in replies} if ahead else ())
        if ahead:
            ahead.submit([asked_of(reply) for reply in replies], self.dispatcher.post_outcome)
        self.loop.settle()

    def release(self, answering: FakeAnswering, text: str, **more: Any) -> None:
        answering.release(text, **more)
        self.loop.settle()

    def finish(self, seconds: float = 60.0) -> None:
        """Let time pass and run what is in the background, until nothing is left to do."""
        for _ in range(200):
            self.loop.settle()
            if self.loop.jobs:
                self.loop.run_job(self.loop.job_names[0])
            elif seconds > 0:
                self.loop.advance(1.0)
                seconds -= 1.0

    def reply(self, seq: int) -> Reply:
        return next(r for r in read_journal(self.folder).replies.values() if r.question.seq == seq)

    def stages(self, *seqs: int) -> list[str]:
        return [self.reply(seq).stage for seq in seqs]

    def state(self, seq: int) -> WorkState:
        return next(w.state for w in self.dispatcher._works.values() if w.reply.question.seq == seq)

    def waits_for(self, chat: int) -> Wait:
        return self.dispatcher._lanes[chat].waits_for


@pytest.fixture(autouse=True)
def _one_message_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the second message of a chat wait for the pace."""
    monkeypatch.setattr(pacing, "CHAT_BURST", 1)
    monkeypatch.setattr(pacing, "CHAT_WINDOW", 1.0)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path / "journal")


# The way of a reply


def test_a_reply_is_asked_for_then_sent_then_finished(run: Run) -> None:
    run.answering.held = {"hi"}
    run.accept(accepted("hi"))
    assert (run.state(1), run.waits_for(7), run.typist.begun) == (WorkState.ASKED, Wait.ANSWER, ["hi"])
    run.release(run.answering, "hi")
    assert (run.state(1), run.waits_for(7), run.typist.ended) == (WorkState.SENDING, Wait.TELEGRAM, ["hi"])
    assert (run.loop.job_names, run.api.requests) == (["send"], [])
    run.loop.run_job("send")
    assert (run.finished, run.stages(1), run.api.texts) == (["42:1:7:101"], ["sent"], ["re: hi"])
    assert (run.dispatcher.requests, run.dispatcher._works, run.dispatcher._lanes) == (0, {}, {})


def test_nothing_is_sent_before_the_journal_says_sending(run: Run) -> None:
    stages: list[str] = []
    run.api.before_send = lambda _: stages.append(run.reply(1).stage)
    run.accept(accepted("hi", seq=1))
    assert run.stages(1) == ["accepted"]
    run.loop.run_job("send")
    assert stages == ["sending"]


def test_only_the_first_of_a_chat_is_asked_for_and_chats_run_side_by_side(run: Run) -> None:
    run.answering.held = {"1", "2", "3"}
    run.accept(accepted("1", chat_id=1, seq=1), accepted("2", chat_id=1, seq=2), accepted("3", chat_id=2, seq=3))
    assert run.answering.asked == ["1", "3"]
    run.release(run.answering, "1")
    assert run.answering.asked == ["1", "3"], "its part has not been sent"
    run.loop.run_job("send")
    assert run.answering.asked == ["1", "3", "2"]


def test_while_a_part_is_being_sent_nothing_else_of_its_chat_is(run: Run) -> None:
    run.answering.script["hi"].append(said("\n\n".join(letter * 3000 for letter in "ab")))
    run.accept(accepted("hi", seq=1), accepted("/help", seq=2, command="help"))
    run.loop.advance(10)
    assert run.loop.job_names == ["send"]
    run.loop.run_job("send")
    assert run.loop.job_names == ["send"]
    run.finish()
    assert [text[:1] for text in run.api.texts[:2]] == ["a", "b"]
    assert run.api.texts[2] == fixed_answer("help")


def test_a_question_that_the_cluster_is_asked_neither_asks_nor_parks_on_the_driver(run: Run) -> None:
    cluster = FakeAnswering()
    cluster.held = {"theirs"}
    run.answering.outage = UNREACHABLE
    run.accept(accepted("ours", chat_id=1, seq=1))
    run.accept(accepted("theirs", chat_id=2, seq=2), ahead=cluster)
    assert (run.answering.asked, run.dispatcher._model.parked) == (["ours"], (1,))
    assert run.state(2) is WorkState.AHEAD


def test_an_outcome_that_nobody_awaits_is_passed_over(run: Run) -> None:
    run.answering.held = {"hi"}
    reply = accepted("hi")
    run.accept(reply, accepted("next", seq=2))
    run.release(run.answering, "hi")
    run.dispatcher.post_outcome(reply.question, said("another"))
    run.finish()
    run.dispatcher.post_outcome(reply.question, said("a third"))
    run.finish()
    assert run.api.texts == ["re: hi", "re: next"]


def test_a_late_outcome_of_a_question_that_was_taken_back_is_passed_over(run: Run) -> None:
    run.answering.held = {"first", "queued"}
    queued = accepted("queued", chat_id=2, seq=2)
    run.accept(accepted("first", chat_id=1, seq=1), queued)
    run.answering.queued = [queued.question]
    run.release(run.answering, "first", outcome=UNREACHABLE)
    assert run.state(2) is WorkState.WAITING
    run.answering.held = set()
    run.dispatcher.post_outcome(queued.question, said("late"))
    run.finish()
    assert sorted(run.api.texts) == ["re: first", "re: queued"]


@pytest.mark.parametrize("reason", [Wait.JOURNAL, Wait.TELEGRAM])
def test_a_chat_that_is_resumed_for_another_reason_keeps_waiting(run: Run, reason: Wait) -> None:
    run.answering.script["hi"].append(failed(Verdict.UNREADABLE))
    run.accept(accepted("hi"))
    run.dispatcher._resume(7, reason)
    run.dispatcher._resume(8, reason)
    assert (run.answering.asked, run.waits_for(7)) == (["hi"], Wait.ANSWER)
    run.finish()
    assert (run.answering.asked, run.api.texts) == (["hi", "hi"], ["re: hi"])


def test_a_new_message_does_not_shorten_what_the_one_before_it_waits_for(run: Run) -> None:
    run.answering.script["1"].append(failed(Verdict.UNREADABLE))
    run.accept(accepted("1", seq=1))
    run.accept(accepted("2", seq=2))
    assert run.answering.asked == ["1"], "the pause before another attempt is kept"
    run.loop.advance(1.0)
    run.accept(accepted("3", seq=3))
    assert (run.loop.job_names, run.dispatcher.requests) == (["send"], 1)
    run.finish()
    assert run.api.texts == ["re: 1", "re: 2", "re: 3"]


@pytest.mark.parametrize("breaks_first", [True, False])
def test_an_error_in_one_chats_step_stops_no_other_chat_of_the_batch(
    run: Run, monkeypatch: pytest.MonkeyPatch, breaks_first: bool
) -> None:
    submit = run.answering.submit

    def breaks(questions: Any, done: Any) -> None:
        if questions[0].question.text == "bad":
            raise RuntimeError("a bug")
        submit(questions, done)

    monkeypatch.setattr(run.answering, "submit", breaks)
    bad, good = accepted("bad", chat_id=1, seq=1), accepted("good", chat_id=2, seq=2)
    run.accept(*((bad, good) if breaks_first else (good, bad)))
    run.finish()
    assert run.api.texts == ["re: good"]


def test_a_thousand_withheld_answers_that_came_ahead_are_finished_in_one_go(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = FakeAnswering()
    cluster.held = {"1"}
    probes = [accepted(str(seq), chat_id=0, seq=seq, origin=Probe(id=str(seq))) for seq in range(1, 1201)]
    run.accept(*probes, ahead=cluster)
    assert run.loop.job_names == ["save"] * 1199
    monkeypatch.setattr(run.journal, "record", lambda *_: None)
    jobs, run.loop.jobs = run.loop.jobs, []
    for _, job in jobs:
        job()
    run.loop.settle()
    assert run.finished == []
    run.release(cluster, "1")
    run.loop.run_job("save")
    assert len(run.finished) == 1200


def buttons_of(tmp_path: Path, reply: Reply, outcome: Outcome | None = None, feedback: bool = True) -> list[bool]:
    """Whether each message of a reply has buttons."""
    run = Run(tmp_path / "journal", feedback=feedback)
    run.alive = True
    if outcome is not None:
        run.answering.always[reply.question.text] = outcome
    run.accept(reply)
    run.finish()
    return [bool(sent.buttons) for sent in run.api.requests]


def test_what_the_model_says_has_buttons_where_feedback_is_wanted(tmp_path: Path) -> None:
    assert buttons_of(tmp_path / "on", accepted("hi")) == [True]
    assert buttons_of(tmp_path / "off", accepted("hi"), feedback=False) == [False]


def test_what_the_bot_says_by_itself_and_the_answer_of_a_check_have_none(tmp_path: Path) -> None:
    assert buttons_of(tmp_path / "1", accepted("/help", command="help")) == [False]
    assert buttons_of(tmp_path / "2", accepted("", media="voice")) == [False]
    assert buttons_of(tmp_path / "3", accepted("hi"), FAILING) == [False]
    assert buttons_of(tmp_path / "4", accepted("hi", origin=Probe(id="p", deliver=True))) == [False]


def test_media_without_words_are_answered_in_the_language_of_their_author_without_the_model(run: Run) -> None:
    run.accept(accepted("", media="voice", language="de"))
    run.finish()
    assert (run.api.texts, run.answering.asked) == ([phrases("de").unreadable], [])
    [reply] = read_journal(run.folder).replies.values()
    assert reply.answer is not None
    assert reply.answer.status is AnswerStatus.FIXED


def test_a_caption_is_asked_for_with_a_word_on_what_came_with_it(run: Run) -> None:
    reply = accepted("what is it?", media="photo")
    run.accept(reply)
    run.finish()
    assert run.api.texts == ["re: what is it?"]
    assert run.answering.requests["what is it?"].question == reply.question.prompt


# Answers that wait are durable


def test_an_answer_that_waits_for_the_pace_is_saved_and_then_sent(run: Run) -> None:
    run.accept(accepted("1", seq=1), accepted("2", seq=2))
    run.loop.run_job("send")
    assert (run.state(2), run.loop.job_names) == (WorkState.SAVING, ["save"])
    run.loop.run_job("save")
    assert (run.state(2), run.stages(2), run.waits_for(7)) == (WorkState.SAVED, ["answered"], Wait.TELEGRAM)
    run.loop.advance(1.0)
    run.loop.run_job("send")
    assert run.api.texts == ["re: 1", "re: 2"]


def test_a_part_is_not_sent_while_its_answer_is_being_saved(run: Run) -> None:
    run.accept(accepted("1", seq=1), accepted("2", seq=2))
    run.loop.run_job("send")
    run.loop.advance(5.0)
    assert (run.state(2), run.waits_for(7), run.loop.job_names) == (WorkState.SAVING, Wait.JOURNAL, ["save"])
    run.loop.run_job("save")
    assert (run.state(2), run.loop.job_names) == (WorkState.SENDING, ["send"])


def test_an_answer_that_waits_for_the_end_of_an_outage_is_saved(run: Run) -> None:
    run.api.fails_with = Unreachable("refused")
    run.accept(accepted("1", chat_id=1, seq=1))
    run.loop.run_job("send")
    run.accept(accepted("2", chat_id=2, seq=2))
    run.loop.run_job("save")
    assert run.stages(1, 2) == ["answered", "answered"]


def test_a_withheld_answer_is_finished_once_the_journal_has_it(run: Run) -> None:
    run.accept(accepted("probe", chat_id=0, origin=Probe(id="p")))
    assert (run.finished, run.loop.job_names, run.typist.begun) == ([], ["save"], [])
    run.loop.run_job("save")
    assert (len(run.finished), run.stages(1), run.api.requests) == (1, ["withheld"], [])


def test_a_part_that_could_not_be_recorded_is_not_sent_and_tried_again(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.accept(accepted("hi"))
    with monkeypatch.context() as full:
        full.setattr(run.journal, "record", lambda *_: (_ for _ in ()).throw(OSError("full")))
        run.loop.run_job("send")
    assert (run.state(1), run.api.requests, run.dispatcher.requests) == (WorkState.UNSAVED, [], 0)
    run.loop.advance(1.0)
    run.loop.run_job("send")
    assert (run.api.texts, run.stages(1)) == (["re: hi"], ["sent"])


# Gates


def test_a_closed_model_gate_parks_a_chat_and_its_opening_has_it_asked_for(run: Run) -> None:
    run.answering.script["1"].append(UNREACHABLE)
    run.accept(accepted("1", chat_id=1, seq=1))
    run.accept(accepted("2", chat_id=2, seq=2))
    assert (run.answering.asked, run.state(2)) == (["1"], WorkState.READY)
    assert run.reports == [("model", "down")]
    run.loop.advance(0.5)
    assert run.answering.asked == ["1", "1", "2"]
    assert run.reports == [("model", "down"), ("model", None)]
    run.finish()
    assert sorted(run.api.texts) == ["re: 1", "re: 2"]


def test_a_question_that_is_asked_again_is_shown_as_typing_once(run: Run) -> None:
    run.answering.script["hi"].append(failed(Verdict.UNREADABLE))
    run.accept(accepted("hi"))
    run.loop.advance(0.39)
    assert run.answering.asked == ["hi"]
    run.loop.advance(0.01)
    assert (run.answering.asked, run.typist.begun) == (["hi", "hi"], ["hi"])


def test_a_message_at_fault_gets_the_polite_text_which_is_saved_and_sent(run: Run) -> None:
    run.alive = True
    run.answering.always["hi"] = FAILING
    run.accept(accepted("hi"), accepted("next", seq=2))
    run.finish()
    assert run.api.texts == [phrases().fallback, "re: next"]
    assert (run.answering.asked.count("hi"), run.reply(1).error) == (2, "500 crashed")


def test_fixed_texts_are_in_the_language_of_each_author(run: Run) -> None:
    run.alive = True
    run.answering.always["hallo"] = FAILING
    run.answering.always["largo"] = said("palabra. " * 5000)
    run.accept(
        accepted("/privacy", seq=1, chat_id=1, command="privacy", language="ja"),
        accepted("hallo", seq=2, chat_id=2, language="de-AT"),
        accepted("largo", seq=3, chat_id=3, language="es"),
    )
    run.finish()
    assert run.api.texts_in(1) == [fixed_answer("privacy", "ja", "Ada")]
    assert run.api.texts_in(2) == [phrases("de").fallback]
    assert run.api.texts_in(3)[-1].endswith(f"\n\n{phrases('es').cut}")


def test_the_polite_text_in_place_of_an_answer_of_a_parked_chat_is_in_its_language_too(run: Run) -> None:
    run.answering.always["bonjour"] = FAILING
    run.accept(accepted("bonjour", language="fr"))
    run.loop.advance(0.4)
    assert run.reports == [("model", "500 crashed")]
    run.alive = True
    run.loop.advance(600)
    run.finish()
    assert run.api.texts == [phrases("fr").fallback]


def test_the_polite_text_of_a_message_at_fault_is_saved_first(run: Run) -> None:
    run.alive = True
    run.answering.always["hi"] = FAILING
    run.accept(accepted("hi"))
    run.loop.run_job("alive")
    assert (run.answering.asked, run.state(1)) == (["hi", "hi"], WorkState.WAITING)
    run.loop.run_job("alive")
    assert (run.state(1), run.loop.job_names) == (WorkState.SAVING, ["save"])


def test_an_outage_of_telegram_is_reported_and_pauses_the_typing(run: Run) -> None:
    run.api.script["re: hi"].append(Unreachable("refused"))
    run.accept(accepted("hi"))
    run.finish()
    assert run.reports == [("telegram", "refused"), ("telegram", None)]
    assert (run.typist.paused, run.api.probes, run.api.texts) == ([True, False], 1, ["re: hi"])


def test_after_an_unknown_outcome_nothing_is_sent_until_a_probe_is_answered(run: Run) -> None:
    run.api.script["re: 1"].append(Interrupted("cut"))
    run.accept(accepted("1", chat_id=1, seq=1))
    run.loop.run_job("send")
    run.accept(accepted("2", chat_id=2, seq=2))
    run.loop.advance(0.5)
    assert (run.loop.job_names, len(run.api.requests)) == (["save", "probe"], 1)
    run.finish()
    assert (run.stages(1, 2), len(run.api.requests)) == (["unknown", "sent"], 2)


def test_a_reply_refused_for_good_lets_the_next_one_go(run: Run) -> None:
    run.api.script["re: 1"].append(Refused(403, "Forbidden"))
    run.accept(accepted("1", seq=1), accepted("2", seq=2))
    run.finish()
    assert run.stages(1, 2) == ["dead", "sent"]


# Answers ahead


def test_an_answer_that_comes_ahead_is_saved_and_sent_in_its_turn(run: Run) -> None:
    cluster = FakeAnswering()
    cluster.held = {"1"}
    run.accept(accepted("1", seq=1), accepted("2", seq=2), ahead=cluster)
    assert (run.state(1), run.state(2)) == (WorkState.AHEAD, WorkState.SAVING)
    run.loop.run_job("save")
    assert (run.stages(1, 2), run.api.requests) == (["accepted", "answered"], [])
    run.release(cluster, "1")
    run.finish()
    assert (run.api.texts, run.answering.asked) == (["re: 1", "re: 2"], [])


def test_what_the_cluster_did_not_answer_is_asked_for_in_its_turn(run: Run) -> None:
    cluster = FakeAnswering()
    cluster.always = {"1": failed(Verdict.UNREADABLE), "2": UNREACHABLE}
    run.accept(accepted("1", seq=1), accepted("2", seq=2), ahead=cluster)
    assert (run.state(1), run.state(2), run.answering.asked) == (WorkState.WAITING, WorkState.WAITING, [])
    run.finish()
    assert (run.api.texts, run.answering.asked) == (["re: 1", "re: 2"], ["1", "2"])


def test_a_message_that_failed_ahead_of_its_turn_is_given_up_only_while_its_chat_is_parked(run: Run) -> None:
    run.alive = True
    cluster = FakeAnswering()
    cluster.held = {"1", "2"}
    run.accept(accepted("1", seq=1), accepted("2", seq=2), ahead=cluster)
    run.release(cluster, "2", outcome=FAILING)
    run.loop.run_job("alive")
    assert run.state(2) is WorkState.WAITING
    run.release(cluster, "1")
    run.finish()
    assert (run.api.texts, run.answering.asked) == (["re: 1", "re: 2"], ["2"])


def test_a_message_that_is_being_asked_for_again_is_not_given_up(tmp_path: Path) -> None:
    run = Run(tmp_path / "journal", model_attempts=1)
    run.answering.outage = FAILING
    run.accept(accepted("stopped", seq=1), accepted("hi", seq=2))
    run.loop.run_job("alive")
    # Its chat stays among those that are parked, and is parked once more for the next message.
    run.dispatcher.stop_writing(7, 101)
    run.loop.run_job("send")
    run.loop.advance(0.6)
    assert run.loop.job_names == ["alive"]
    run.answering.outage, run.answering.held, run.alive = None, {"hi"}, True
    run.loop.advance(2.0)
    assert (run.state(2), run.dispatcher._model.parked) == (WorkState.ASKED, (7,))
    run.loop.run_job("alive")
    assert run.dispatcher._model.state is GateState.OPEN
    run.release(run.answering, "hi")
    run.finish()
    assert run.api.texts == [phrases("en").stopped, "re: hi"]


# A stop


def test_after_a_stop_no_call_begins(run: Run) -> None:
    run.answering.held = {"hi"}
    run.accept(accepted("hi", seq=1))
    run.stopping.set()
    run.release(run.answering, "hi")
    run.accept(accepted("late", chat_id=2, seq=2))
    run.loop.advance(60)
    assert (run.loop.jobs, run.answering.asked, run.state(1)) == ([], ["hi"], WorkState.UNSAVED)


def test_at_a_stop_every_answer_that_the_journal_lacks_is_written_once(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.answering.held = {"3"}
    run.accept(accepted("1", chat_id=1, seq=1), accepted("2", chat_id=1, seq=2), accepted("3", chat_id=2, seq=3))
    run.loop.run_job("send")
    assert run.state(2) is WorkState.SAVING
    run.stopping.set()
    run.release(run.answering, "3")
    assert (run.stages(2, 3), run.state(3)) == (["accepted", "accepted"], WorkState.UNSAVED)
    records: list[int] = []
    record = run.journal.record

    def count(*replies: Reply) -> None:
        records.append(len(replies))
        record(*replies)

    monkeypatch.setattr(run.journal, "record", count)
    run.dispatcher.save_answers()
    run.dispatcher.save_answers()
    assert (run.stages(2, 3), records) == (["answered", "answered"], [2])
    run.loop.run_job("save")
    assert (run.state(2), run.stages(2)) == (WorkState.SAVED, ["answered"])


def test_a_part_that_is_being_sent_is_left_alone_at_a_stop(run: Run) -> None:
    run.accept(accepted("hi", seq=1))
    run.stopping.set()
    run.dispatcher.save_answers()
    assert run.stages(1) == ["accepted"]
    run.loop.run_job("send")
    assert run.stages(1) == ["sent"]


def test_an_answer_whose_saving_was_given_up_at_a_stop_is_written_when_that_works(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.accept(accepted("1", seq=1), accepted("2", seq=2))
    run.loop.run_job("send")
    run.stopping.set()
    with monkeypatch.context() as full:
        full.setattr(run.journal, "record", lambda *_: (_ for _ in ()).throw(OSError("full")))
        run.loop.run_job("save")
        run.dispatcher.save_answers()
    assert (run.state(2), run.stages(2)) == (WorkState.UNSAVED, ["accepted"])
    run.dispatcher.save_answers()
    assert run.stages(2) == ["answered"]


def test_replies_left_open_continue_from_where_the_journal_has_them(run: Run) -> None:
    run.accept(answered("kept", seq=1), accepted("2", seq=2))
    assert (run.state(1), run.answering.asked) == (WorkState.SENDING, [])
    run.finish()
    assert run.api.requests == [Sent(7, "kept", 101, None, False), Sent(7, "re: 2", 102, None, False)]


def test_only_the_thread_that_owns_the_loop_may_decide(run: Run) -> None:
    run.loop.settle()
    refused: list[str] = []

    def elsewhere() -> None:
        with pytest.raises(AssertionError):
            run.dispatcher.accept([])
        refused.append("accept")
        with pytest.raises(AssertionError):
            run.dispatcher.save_answers()
        refused.append("save_answers")

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join(5)
    assert refused == ["accept", "save_answers"]


# Drafts


def stopped(text: str = "") -> Outcome:
    return Outcome(verdict=Verdict.STOPPED, text=text, reason=STOPPED, seconds=1.0)


def test_the_model_is_asked_with_who_follows_its_answer_until_that_is_there(run: Run) -> None:
    run.answering.held = {"hi"}
    run.accept(accepted("hi"))
    assert run.answering.listeners["hi"] is not None
    assert (run.drafts.begun, run.drafts.ended) == (["hi"], [])
    run.release(run.answering, "hi")
    assert run.drafts.ended == ["hi"], "before the reply's first request"
    assert run.api.requests == []


def test_the_cluster_is_asked_without(run: Run) -> None:
    ahead = FakeAnswering()
    ahead.held = {"hi"}
    run.accept(accepted("hi"), ahead=ahead)
    assert (ahead.listeners, run.drafts.begun) == ({"hi": None}, [])


def test_a_stop_reaches_who_writes_and_what_was_written_is_the_answer(run: Run) -> None:
    run.answering.held = {"hi"}
    run.accept(accepted("hi"))
    run.dispatcher.stop_writing(7, 101)
    assert (run.drafts.stopped, run.api.requests) == (["hi"], [])
    run.release(run.answering, "hi", outcome=stopped("so far"))
    run.finish(0)
    answer = run.reply(1).answer
    assert answer is not None
    assert (answer.text, answer.status, answer.reason) == ("so far", "answered", STOPPED)
    assert run.api.texts == ["so far"]


def test_a_stop_before_any_word_is_answered_with_a_short_text(run: Run) -> None:
    run.answering.held = {"hi"}
    run.accept(accepted("hi", language="de"))
    run.dispatcher.stop_writing(7, 101)
    run.release(run.answering, "hi", outcome=stopped())
    run.finish(0)
    answer = run.reply(1).answer
    assert answer is not None
    assert (answer.text, answer.status, answer.reason) == (phrases("de").stopped, "fixed", STOPPED)


def test_a_stop_while_nobody_is_asked_ends_the_wait(run: Run) -> None:
    run.answering.outage = UNREACHABLE
    run.accept(accepted("hi"))
    assert run.state(1) is WorkState.WAITING
    run.dispatcher.stop_writing(7, 101)
    run.finish(0)
    assert run.api.texts == [phrases("en").stopped]
    assert run.answering.asked == ["hi"]


def test_a_stop_that_comes_as_the_attempt_fails_is_not_forgotten(run: Run) -> None:
    run.answering.held = {"hi"}
    run.accept(accepted("hi"))
    run.dispatcher.stop_writing(7, 101)
    run.release(run.answering, "hi", outcome=failed(Verdict.UNREADABLE))
    run.loop.advance(5.0)
    run.finish(0)
    assert (run.api.texts, run.answering.asked) == ([phrases("en").stopped], ["hi"])


@pytest.mark.parametrize(("chat", "number"), [(8, 101), (7, 102), (7, 0)])
def test_only_the_chat_of_a_draft_can_stop_it(run: Run, chat: int, number: int) -> None:
    run.answering.held = {"hi"}
    run.accept(accepted("hi"), accepted("other", chat_id=8, seq=9))
    run.dispatcher.stop_writing(chat, number)
    assert run.drafts.stopped == []
    run.release(run.answering, "hi")
    run.finish(0)
    assert run.api.texts_in(7) == ["re: hi"]


def test_a_stop_of_an_answer_that_is_there_changes_nothing(run: Run) -> None:
    run.accept(accepted("hi"))
    run.dispatcher.stop_writing(7, 101)
    run.finish(0)
    run.dispatcher.stop_writing(7, 101)
    assert (run.api.texts, run.drafts.stopped) == (["re: hi"], [])


def test_drafts_pause_while_telegram_is_unavailable(run: Run) -> None:
    run.api.script["re: hi"].append(Unreachable("no connection"))
    run.accept(accepted("hi"))
    run.loop.run_job("send")
    assert run.drafts.paused == [True]
    run.finish(5)
    assert run.drafts.paused == [True, False]
