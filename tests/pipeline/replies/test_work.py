"""The states of the work on one reply."""

from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from pipeline.messages.answer import AnswerStatus
from pipeline.messages.origin import Probe, Replay, StoredAnswer
from pipeline.messages.phrases import fixed_answer, phrases
from pipeline.model.outcome import Verdict
from pipeline.replies.reply import Part, PartState, Reply
from pipeline.replies.work import Lane, Work, WorkState, fallback_answer, model_answer, ready_answer
from tests.support.fakes import failed, said
from tests.support.replies import NOON, accepted, answer, answered, part, question

WAITING, PREPARING, READY, AHEAD, ASKED, UNSAVED, SAVING, SAVED, SENDING = WorkState

STEPS: dict[str, Callable[[Work], object]] = {
    "ask ahead": lambda work: work.ask(ahead=True),
    "ask": lambda work: work.ask(),
    "prepare": lambda work: work.prepare(accepted("hi")),
    "not prepared": lambda work: work.not_prepared(accepted("hi")),
    "prepared": lambda work: work.prepared(),
    "attempted": lambda work: work.attempted(accepted("hi")),
    "taken back": lambda work: work.taken_back(accepted("hi")),
    "answered": lambda work: work.answered(answer(), (Part(text="hello"),)),
    "save": lambda work: work.save(),
    "saved": lambda work: work.saved(),
    "not saved": lambda work: work.not_saved(),
    "send": lambda work: work.send(),
    "sent": lambda work: work.sent(answered(part("hello", PartState.SENT, 7))),
    "not recorded": lambda work: work.not_recorded(answered("hello")),
}

WAYS = {
    WAITING: (),
    PREPARING: ("prepare",),
    READY: ("prepare", "prepared"),
    AHEAD: ("prepared", "ask ahead"),
    ASKED: ("prepared", "ask"),
    UNSAVED: ("prepared", "ask", "attempted", "answered"),
    SAVING: ("answered", "save"),
    SAVED: ("answered", "save", "saved"),
    SENDING: ("answered", "send"),
}

ALLOWED = {
    WAITING: {"prepare": PREPARING, "prepared": READY, "taken back": WAITING, "answered": UNSAVED},
    PREPARING: {"prepared": READY, "not prepared": WAITING},
    READY: {"ask ahead": AHEAD, "ask": ASKED, "attempted": WAITING, "taken back": WAITING, "answered": UNSAVED},
    AHEAD: {"attempted": WAITING},
    ASKED: {"attempted": WAITING, "taken back": WAITING},
    UNSAVED: {"save": SAVING, "saved": SAVED, "send": SENDING},
    SAVING: {"saved": SAVED, "not saved": UNSAVED},
    SAVED: {"send": SENDING},
    SENDING: {"sent": SAVED, "not recorded": UNSAVED},
}


def at(state: WorkState) -> Work:
    """A work that has come to a state."""
    work = Work(accepted("hi"))
    for step in WAYS[state]:
        STEPS[step](work)
    assert work.state is state
    return work


@pytest.mark.parametrize("state", WorkState)
@pytest.mark.parametrize("step", STEPS)
def test_a_step_leads_to_the_next_state_or_is_refused_and_changes_nothing(state: WorkState, step: str) -> None:
    work = at(state)
    before = work.reply
    if step in ALLOWED[state]:
        STEPS[step](work)
        assert work.state is ALLOWED[state][step]
    else:
        with pytest.raises(RuntimeError, match=rf"42:1:7:101 is {state} and can't become "):
            STEPS[step](work)
        assert (work.state, work.reply) == (state, before)


def test_a_part_that_is_being_sent_is_not_sent_again() -> None:
    work = at(SENDING)
    with pytest.raises(RuntimeError, match="is sending and can't become sending"):
        work.send()


def test_what_is_to_be_recorded_before_a_request_says_sending() -> None:
    reply, index = at(UNSAVED).send()
    assert (index, reply.parts[0].state, reply.stage) == (0, PartState.SENDING, "sending")


def test_a_terminal_reply_has_nothing_to_send() -> None:
    work = Work(answered(part("a", PartState.SENT, 7)))
    with pytest.raises(AssertionError, match="nothing to send"):
        work.send()


def test_a_reply_begins_as_the_journal_has_it() -> None:
    assert (Work(accepted("hi")).state, Work(answered("kept")).state) == (WAITING, SAVED)


@pytest.mark.parametrize("state", WorkState)
def test_an_outcome_is_awaited_by_who_was_asked_for_and_an_answer_may_be_lost_until_it_is_saved(
    state: WorkState,
) -> None:
    work = at(state)
    assert work.awaits_outcome is (state in (AHEAD, ASKED))
    assert work.may_be_lost is (state in (UNSAVED, SAVING))


def test_a_work_is_done_when_its_reply_is_terminal_and_the_journal_says_so() -> None:
    work = at(SENDING)
    assert not work.done
    work.sent(work.reply.sent(0, 7, NOON))
    assert work.done
    assert not at(SAVED).done
    withheld = Work(accepted("probe", chat_id=0, origin=Probe(id="p")))
    withheld.answered(answer(), (Part(text="hello"),))
    assert (withheld.reply.terminal, withheld.done) == (True, False)
    withheld.save()
    withheld.saved()
    assert withheld.done


def test_the_chat_of_a_work_stays_its_questions() -> None:
    assert Work(answered("hi", chat_id=-5).moved(-1005)).chat_id == -5


# Answers


def test_commands_and_stored_answers_need_no_model() -> None:
    stored = StoredAnswer(text="said before", status=AnswerStatus.ANSWERED, answered_at=NOON)
    assert ready_answer(question("hi", origin=Replay(id="r", mode="deliver", answer=stored))) == stored
    help_ = ready_answer(question("/help", command="help"))
    assert help_ is not None
    assert (help_.text, help_.status) == (fixed_answer("help"), "fixed")
    privacy = ready_answer(question("/privacy", command="privacy", language="pt-BR"), "Ada")
    assert privacy is not None
    assert privacy.text == fixed_answer("privacy", "pt", "Ada")
    for asked in (question("hi"), question("/joke", command="joke"), question("x", origin=Probe(id="p"))):
        assert ready_answer(asked) is None


def test_an_answer_says_what_it_cost_and_when_it_came() -> None:
    given = model_answer(said("hello", reason="unused", seconds=2.0, first_words=0.5), "en")
    assert (given.text, given.status, given.reason) == ("hello", "answered", None)
    assert (given.model, given.prompt_tokens, given.completion_tokens) == ("m", 3, 2)
    assert abs((datetime.now(UTC) - given.answered_at).total_seconds()) < 60
    assert given.asked_at is not None
    assert given.first_token_at is not None
    assert (given.first_token_at - given.asked_at).total_seconds() == 0.5


def test_the_polite_text_keeps_the_reason_and_the_cost() -> None:
    given = fallback_answer(failed(Verdict.UNREADABLE, "cut off", model="m", prompt_tokens=3), "es-MX")
    assert (given.text, given.status, given.reason, given.model) == (phrases("es").fallback, "fallback", "cut off", "m")
    assert (given.prompt_tokens, given.completion_tokens) == (3, None)


@pytest.mark.parametrize(
    ("following", "prepared"),
    [
        (Reply.accepted(question("next", seq=2)), True),
        (accepted("next", seq=2), False),
        (answered("done").model_copy(update={"question": question("next", seq=2)}), False),
        (Reply.accepted(question("/help", seq=2, command="help")), False),
    ],
)
def test_the_reply_after_the_first_of_a_chat_is_to_be_prepared_if_the_model_will_be_asked_for_it(
    following: Reply, prepared: bool
) -> None:
    lane = Lane(deque([Work(accepted("hi"))]))
    assert lane.next_to_prepare is None
    lane.works.append(Work(following))
    assert lane.next_to_prepare is (following if prepared else None)
