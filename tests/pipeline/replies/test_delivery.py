"""Sending a part, and what Telegram's answer makes of its reply."""

import threading
import time
from pathlib import Path

import pytest

from pipeline.messages.answer import AnswerStatus
from pipeline.messages.origin import Probe, Replay
from pipeline.replies.delivery import Effect, Sender, Sending, after_fault, after_sent, parts_of, send
from pipeline.replies.journal import Journal, read_journal
from pipeline.replies.reply import OnUnknown, Part, PartState, Reply
from pipeline.storage.lease import LeaseHeld
from pipeline.telegram.client import BotApiError, Interrupted, Refused, Unreachable
from tests.support.fakes import FakeApi, Sent
from tests.support.replies import NOON, accepted, answer, answered

PENDING, SENDING, SENT, UNKNOWN, DEAD, WITHHELD = PartState


def under_way(*parts: Part | str, index: int = 0) -> Reply:
    return answered(*parts).sending(index)


def states(sending: Sending) -> list[PartState]:
    return [part.state for part in sending.reply.parts]


def test_a_short_answer_is_one_part_and_a_long_one_several() -> None:
    assert parts_of(answer("hi"), answer_format="plain") == (Part(text="hi"),)
    long = parts_of(answer("word " * 2000), answer_format="html")
    assert [(len(part.text) <= 4096, part.html, part.state) for part in long] == [(True, True, PENDING)] * 3


def test_the_buttons_are_under_the_last_part_of_what_the_model_said_only() -> None:
    text = "word " * 2000
    assert [part.buttons for part in parts_of(answer(text), "plain", buttons=True)] == [False, False, True]
    for status in (AnswerStatus.FALLBACK, AnswerStatus.FIXED):
        assert not parts_of(answer("hi", status=status), "plain", buttons=True)[0].buttons


def test_a_part_with_buttons_is_sent_with_those_of_its_question() -> None:
    api = FakeApi()
    reply = answered("one", Part(text="two", buttons=True), seq=3)
    send(api, reply, 0)
    send(api, reply, 1)
    assert [sent.buttons for sent in api.requests] == [
        {},
        {"👍": "feedback:1:up:3:103", "👎": "feedback:1:down:3:103"},
    ]


def test_a_part_replies_to_its_question_in_its_chat_and_topic() -> None:
    api = FakeApi()
    reply = answered("one", Part(text="<b>two</b>", html=True), chat_id=-5, topic_id=9, seq=3)
    assert [send(api, reply, 0), send(api, reply, 1)] == [1000, 1001]
    assert api.requests == [Sent(-5, "one", 103, 9, False), Sent(-5, "<b>two</b>", 103, 9, True)]


def test_in_an_upgraded_chat_the_question_has_another_number_so_none_is_given() -> None:
    api = FakeApi()
    send(api, answered("one", chat_id=-5).moved(-1005), 0)
    assert api.requests == [Sent(-1005, "one", None, None, False)]


def test_a_probes_message_was_never_in_the_chat_so_none_is_replied_to() -> None:
    api = FakeApi()
    send(api, answered("one", chat_id=5, origin=Probe(id="p", deliver=True)), 0)
    assert api.requests == [Sent(5, "one", None, None, False)]


def test_a_replay_replies_to_the_message_that_was_asked() -> None:
    api = FakeApi()
    send(api, answered("one", chat_id=5, seq=3, origin=Replay(id="r", mode="answer")), 0)
    assert api.requests == [Sent(5, "one", 103, None, False)]


def test_a_sent_part_has_its_message_id_and_time() -> None:
    sending = after_sent(under_way("one", "two"), 0, 77, NOON)
    assert (states(sending), sending.reply.parts[0].message_id, sending.effect) == ([SENT, PENDING], 77, Effect.NONE)
    assert sending.reply.delivered_at == NOON


REFUSED = Refused(403, "Forbidden: bot was blocked by the user")


@pytest.mark.parametrize(
    ("error", "on_unknown", "state", "effect", "reason"),
    [
        (Unreachable("no way"), "hold", PENDING, Effect.OUTAGE, None),
        (Unreachable("no way"), "resend", PENDING, Effect.OUTAGE, None),
        (Interrupted("cut"), "hold", UNKNOWN, Effect.OUTAGE, "cut"),
        (Interrupted("cut"), "resend", PENDING, Effect.OUTAGE, None),
        (Refused(401, "Unauthorized"), "hold", PENDING, Effect.TOKEN_REJECTED, None),
        (Refused(404, "Not Found"), "hold", PENDING, Effect.TOKEN_REJECTED, None),
        (Refused(429, "Too Many Requests", 7.0), "hold", PENDING, Effect.HOLD, None),
        (REFUSED, "hold", DEAD, Effect.NONE, str(REFUSED)),
        (Refused(400, "Bad Request: chat not found"), "hold", DEAD, Effect.NONE, "400 Bad Request: chat not found"),
    ],
)
def test_every_fault_has_its_consequence(
    error: BotApiError, on_unknown: OnUnknown, state: PartState, effect: Effect, reason: str | None
) -> None:
    sending = after_fault(under_way("one"), 0, error, on_unknown)
    assert (states(sending), sending.effect, sending.reply.error) == ([state], effect, reason)


@pytest.mark.parametrize(("asked", "wait"), [(7.0, 7.0), (None, 1.0), (0.0, 1.0)])
def test_telegrams_word_on_waiting_is_passed_on(asked: float | None, wait: float) -> None:
    assert after_fault(under_way("one"), 0, Refused(429, "slow", asked), "hold").wait == wait


def test_an_unknown_part_leaves_the_others_to_be_sent() -> None:
    assert states(after_fault(under_way("one", "two"), 0, Interrupted("cut"), "hold")) == [UNKNOWN, PENDING]


def test_a_dead_reply_takes_its_open_parts_with_it() -> None:
    reply = answered("one", "two", "three").sent(0, 1, NOON).sending(1)
    assert states(after_fault(reply, 1, REFUSED, "hold")) == [SENT, DEAD, DEAD]


def test_an_upgraded_group_is_followed_once() -> None:
    upgraded = Refused(400, "group chat was upgraded", migrate_to_chat_id=-1005)
    moved = after_fault(answered("one", chat_id=-5).sending(0), 0, upgraded, "hold")
    assert (moved.reply.chat_id, states(moved), moved.effect) == (-1005, [PENDING], Effect.NONE)
    assert moved.reply.question.chat_id == -5
    assert states(after_fault(moved.reply.sending(0), 0, upgraded, "hold")) == [DEAD]


def test_refused_html_is_sent_again_as_plain_text_without_its_tags() -> None:
    reply = under_way(Part(text='<b>1 &lt; 2</b> <a href="x">link</a> a<b', html=True))
    refused = Refused(400, "Bad Request: can't parse entities")
    sending = after_fault(reply, 0, refused, "hold")
    assert sending.reply.parts == (Part(text="1 < 2 link a<b", html=False),)
    assert states(after_fault(sending.reply.sending(0), 0, refused, "hold")) == [DEAD]


@pytest.mark.parametrize("description", ["Bad Request: BUTTON_DATA_INVALID", "Bad Request: whatever it is"])
def test_refused_buttons_are_left_out_and_the_answer_is_sent_without_them(description: str) -> None:
    sending = after_fault(under_way(Part(text="hi", buttons=True)), 0, Refused(400, description), "hold")
    assert sending.reply.parts == (Part(text="hi"),)
    assert states(after_fault(sending.reply.sending(0), 0, Refused(400, description), "hold")) == [DEAD]


def test_of_html_and_buttons_the_one_that_is_refused_goes() -> None:
    reply = under_way(Part(text="<b>hi</b>", html=True, buttons=True))
    of_buttons, of_html = Refused(400, "can't parse inline keyboard button"), Refused(400, "can't parse entities")
    assert after_fault(reply, 0, of_buttons, "hold").reply.parts == (Part(text="<b>hi</b>", html=True),)
    plain = after_fault(reply, 0, of_html, "hold").reply
    assert plain.parts == (Part(text="hi", buttons=True),)
    assert after_fault(plain.sending(0), 0, of_html, "hold").reply.parts == (Part(text="hi"),)


def test_who_blocked_the_bot_is_not_written_to_again_without_buttons() -> None:
    assert states(after_fault(under_way(Part(text="hi", buttons=True)), 0, REFUSED, "hold")) == [DEAD]


# Calls that block


class Run:
    """A sender over a journal that fails as often as the test says, and a fake of Telegram."""

    def __init__(self, folder: Path, on_unknown: OnUnknown = "hold") -> None:
        self.folder, self.api, self.stopping = folder, FakeApi(), threading.Event()
        self.journal = Journal(folder)
        self.failures = 0
        """How often the journal fails from now on."""
        self._record, self.journal.record = self.journal.record, self._record_or_fail  # type: ignore[method-assign]
        self.sender = Sender(self.journal, self.api, on_unknown, self.stopping)

    def _record_or_fail(self, *replies: Reply) -> None:
        if self.failures:
            self.failures -= 1
            raise OSError("No space left on device")
        self._record(*replies)

    @property
    def recorded(self) -> list[PartState]:
        (reply,) = read_journal(self.folder).replies.values()
        return [part.state for part in reply.parts]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr("pipeline.replies.delivery._FIRST_PAUSE", 0.001)
    return Run(tmp_path / "journal")


def test_a_part_is_recorded_as_sending_before_its_request_and_as_sent_after_it(run: Run) -> None:
    before: list[list[PartState]] = []
    run.api.before_send = lambda _: before.append(run.recorded)
    sending = run.sender.send(under_way("hi"), 0)
    assert (before, run.recorded, states(sending)) == ([[SENDING]], [SENT], [SENT])


def test_the_next_reply_of_the_chat_is_recorded_with_the_end_of_the_one_before_it(run: Run) -> None:
    ended: list[Reply] = []

    def prepare_next(reply: Reply) -> Reply:
        ended.append(reply)
        return accepted("next", seq=2)

    sending = run.sender.send(under_way("hi"), 0, prepare_next)
    assert (ended, sending.following) == ([sending.reply], accepted("next", seq=2))
    replies = read_journal(run.folder).replies
    assert [reply.stage for reply in replies.values()] == ["sent", "accepted"]
    assert len(list(run.folder.iterdir())) == 2


def test_the_next_reply_is_prepared_neither_before_the_last_part_nor_after_an_attempt_that_changed_nothing(
    run: Run,
) -> None:
    prepared: list[Reply] = []

    def prepare_next(reply: Reply) -> Reply | None:
        prepared.append(reply)
        return None

    two = under_way("hi").model_copy(update={"parts": (*under_way("hi").parts, Part(text="more"))})
    run.sender.send(two, 0, prepare_next)
    run.api.script["hi"].append(Refused(429, "Too Many Requests", 3))
    run.sender.send(under_way("hi"), 0, prepare_next)
    assert prepared == []


def test_a_next_reply_that_the_journal_lacks_is_not_prepared(run: Run) -> None:
    run.api.before_send = lambda _: setattr(run, "failures", 1)
    run.stopping.set()
    assert run.sender.send(under_way("hi"), 0, lambda _: accepted("next", seq=2)).following is None


def test_a_part_that_cannot_be_recorded_is_not_sent(run: Run) -> None:
    run.failures = 1
    sending = run.sender.send(under_way("hi"), 0)
    assert (sending.effect, sending.reason) == (Effect.NOT_RECORDED, "No space left on device")
    assert (states(sending), run.api.requests) == ([PENDING], [])


@pytest.mark.parametrize(
    ("error", "effect", "reason"),
    [
        (Interrupted("cut"), Effect.OUTAGE, "cut"),
        (RuntimeError("with a secret"), Effect.OUTAGE, "RuntimeError"),
    ],
)
def test_a_request_that_may_have_left_is_recorded_as_unknown(
    run: Run, error: Exception, effect: Effect, reason: str
) -> None:
    run.api.script["hi"].append(error)
    sending = run.sender.send(under_way("hi"), 0)
    assert (sending.effect, sending.reason, run.recorded) == (effect, reason, [UNKNOWN])


def taken_over() -> None:
    raise LeaseHeld("taken over")


def test_a_run_that_lost_its_storage_between_the_journal_and_the_request_sends_nothing(run: Run) -> None:
    record = run.journal.record

    def record_and_lose(*replies: Reply) -> None:
        record(*replies)
        run.journal.confirm = taken_over

    run.journal.record = record_and_lose  # type: ignore[method-assign]
    sending = run.sender.send(under_way("hi"), 0)
    assert (sending.effect, sending.reason, run.api.requests) == (Effect.NOT_RECORDED, "taken over", [])


def test_a_lost_storage_ends_the_attempts_to_save(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.replies.delivery._LONGEST_PAUSE", 0.001)
    run.journal.confirm = taken_over
    assert not run.sender.save(answered("hi"))


def test_what_came_of_a_request_is_recorded_for_as_long_as_that_takes(run: Run) -> None:
    run.api.before_send = lambda _: setattr(run, "failures", 3)
    run.sender.send(under_way("hi"), 0)
    assert (run.failures, run.recorded) == (0, [SENT])


def test_saving_is_tried_until_it_works(run: Run) -> None:
    run.failures = 3
    assert run.sender.save(answered("hi"))
    assert (run.failures, run.recorded) == (0, [PENDING])


def test_at_a_stop_saving_is_given_up_after_a_last_attempt(run: Run) -> None:
    run.stopping.set()
    run.failures = 2
    assert not run.sender.save(answered("hi"))
    assert run.failures == 1
    run.failures = 0
    assert run.sender.save(answered("hi"))


def test_a_stop_ends_the_pause_between_two_attempts(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.replies.delivery._FIRST_PAUSE", 30.0)
    run.failures = 1
    threading.Timer(0.05, run.stopping.set).start()
    began = time.monotonic()
    assert run.sender.save(answered("hi"))
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("down", "reason"),
    [
        (None, None),
        (Unreachable("refused"), "refused"),
        (RuntimeError("with a secret"), "RuntimeError"),
    ],
)
def test_a_probe_says_why_telegram_does_not_answer(run: Run, down: Exception | None, reason: str | None) -> None:
    run.api.down = down
    assert run.sender.probe() == reason
    assert (run.api.probes, run.api.requests) == (1, [])
