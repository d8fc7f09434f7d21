"""The states of a reply."""

import pytest

from pipeline.messages.origin import Probe, Replay
from pipeline.replies.reply import OnUnknown, PartState, Reply
from tests.support.replies import NOON, accepted, answer, answered, part

PENDING, SENDING, SENT, UNKNOWN, DEAD, WITHHELD = PartState
PROBE, DELIVERED_PROBE = Probe(id="p"), Probe(id="p", deliver=True)


@pytest.mark.parametrize(
    ("states", "stage", "terminal", "next_part"),
    [
        ((PENDING,), "answered", False, 0),
        ((SENDING,), "sending", False, 0),
        ((SENT,), "sent", True, None),
        ((UNKNOWN,), "unknown", True, None),
        ((DEAD,), "dead", True, None),
        ((SENT, PENDING), "answered", False, 1),
        ((SENT, SENDING), "sending", False, 1),
        ((UNKNOWN, PENDING), "answered", False, 1),
        ((SENT, SENT), "sent", True, None),
        ((SENT, DEAD), "dead", True, None),
        ((SENT, UNKNOWN), "unknown", True, None),
        ((UNKNOWN, DEAD), "unknown", True, None),
        ((DEAD, UNKNOWN), "unknown", True, None),
        ((WITHHELD, WITHHELD), "withheld", True, None),
    ],
)
def test_the_stage_follows_from_the_parts(
    states: tuple[PartState, ...], stage: str, terminal: bool, next_part: int | None
) -> None:
    reply = answered(*(part(str(i), state) for i, state in enumerate(states)))
    assert (reply.stage, reply.terminal, reply.next_part) == (stage, terminal, next_part)


def test_a_question_without_an_answer_is_accepted_and_open() -> None:
    reply = accepted(chat_id=-9, seq=4)
    assert (reply.stage, reply.terminal, reply.next_part, reply.chat_id) == ("accepted", False, None, -9)
    assert reply.key == "42:4:-9:104"


@pytest.mark.parametrize(
    ("origin", "key"),
    [(None, "42:4:7:104"), (PROBE, "42:4:7:104:probe:p"), (Replay(id="r", mode="answer"), "42:4:7:104:replay:r")],
)
def test_a_replay_or_a_probe_is_never_taken_for_its_original(origin: Probe | Replay | None, key: str) -> None:
    assert accepted(seq=4, origin=origin).key == key


@pytest.mark.parametrize(("origin", "state"), [(None, PENDING), (DELIVERED_PROBE, PENDING), (PROBE, WITHHELD)])
def test_the_answer_to_a_probe_is_withheld_unless_it_is_to_be_delivered(origin: Probe | None, state: PartState) -> None:
    reply = accepted(origin=origin).with_answer(answer("a b"), (part("a", PENDING), part("b", PENDING)))
    assert [one.state for one in reply.parts] == [state, state]
    assert reply.terminal == (state is WITHHELD)


def test_a_reply_goes_from_its_answer_to_its_delivery() -> None:
    reply = answered("one", "two").sending(0).sent(0, 11, NOON).sending(1).sent(1, 12, NOON)
    assert [(done.state, done.message_id) for done in reply.parts] == [(SENT, 11), (SENT, 12)]
    assert (reply.stage, reply.delivered_at) == ("sent", NOON)


@pytest.mark.parametrize(("on_unknown", "state", "error"), [("hold", UNKNOWN, "cut"), ("resend", PENDING, None)])
def test_an_unknown_outcome_is_held_or_sent_again(on_unknown: OnUnknown, state: PartState, error: str | None) -> None:
    reply = answered("one", "two").sending(0).unknown(0, "cut", on_unknown)
    assert [(one.state, one.error) for one in reply.parts] == [(state, error), (PENDING, None)]


def test_a_final_refusal_ends_the_open_parts_and_leaves_those_that_arrived() -> None:
    reply = answered(part("a", SENT, 1), part("b", SENDING), part("c", PENDING)).dead("403 blocked")
    assert [one.state for one in reply.parts] == [SENT, DEAD, DEAD]
    assert reply.error == "403 blocked"


def test_the_error_names_every_reason_once() -> None:
    reply = accepted().with_answer(
        answer(reason="400 no"), (part("a", UNKNOWN, error="cut"), part("b", DEAD, error="403"))
    )
    assert reply.error == "400 no; cut; 403"
    assert answered("fine").error is None


@pytest.mark.parametrize(
    ("on_unknown", "states"), [("hold", [SENT, UNKNOWN, PENDING]), ("resend", [SENT, PENDING, PENDING])]
)
def test_a_restart_finds_a_request_under_way_of_unknown_outcome(on_unknown: OnUnknown, states: list[PartState]) -> None:
    reply = answered(part("a", SENT, 1), part("b", SENDING), part("c", PENDING)).resumed(on_unknown)
    assert [one.state for one in reply.parts] == states


def test_a_restart_changes_nothing_else() -> None:
    for reply in (accepted(), answered("a", "b"), answered(part("a", SENT, 1))):
        assert reply.resumed("hold") == reply


def test_a_reply_survives_json() -> None:
    reply = answered(part("🎉", SENT, 1), part("b", UNKNOWN, error="cut"), topic_id=3, origin=PROBE).moved(-200)
    assert Reply.model_validate_json(reply.model_dump_json()) == reply


def test_where_every_response_is_lost_a_part_is_sent_again_twice_and_then_held() -> None:
    reply = answered("hello")
    for _ in range(2):
        reply = reply.sending(0).unknown(0, "lost", "resend")
        assert reply.parts[0].state is PartState.PENDING
    reply = reply.sending(0).unknown(0, "lost", "resend")
    assert (reply.parts[0].state, reply.error) == (PartState.UNKNOWN, "lost")
