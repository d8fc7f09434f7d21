"""The steps of a message, from whatever is known of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipeline.messages.answer import Answer, AnswerStatus
from pipeline.messages.origin import Probe
from pipeline.replies.reply import Part, PartState
from pipeline.watch.messages import Known
from pipeline.watch.traces import seconds_between, shown_row, status_of, steps_of, summary_of, trace_of
from tests.support.replies import accepted, answered, part
from tests.support.updates import parsed_message

SEQ = 1_767_355_200_000_000
AT = datetime.fromtimestamp(SEQ / 1e6, UTC)


def _at(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


def _bronze(disposition: str = "answer", **more: Any) -> dict[str, Any]:
    return {
        "seq": SEQ, "disposition": disposition, "received_at": _at(-0.01), "ingested_at": _at(0.2), "text": "hi",
        "author_name": "Ada", "kind": "message", "source_file": f"{SEQ}-1-1.jsonl", **more,
    }  # fmt: skip


def _silver(**more: Any) -> dict[str, Any]:
    return {
        "seq": SEQ, "delivery_status": "sent", "answer_status": "answered", "user_message": "hi",
        "llm_response": "hello", "model_name": "a-model", "completion_tokens": 3, "received_at": _at(-0.01),
        "asked_at": _at(0.3), "first_token_at": _at(0.4), "answered_at": _at(0.9), "delivered_at": _at(1),
        "processed_at": _at(3), "reply_message_ids": [8], "error": None, **more,
    }  # fmt: skip


def _known(**more: Any) -> Known:
    return Known(str(SEQ), float(SEQ), **more)


def _states(known: Known) -> list[tuple[str, str]]:
    return [(step.name, step.state) for step in steps_of(known)]


def test_a_message_in_silver_has_every_step_with_its_time() -> None:
    known = _known(bronze=_bronze(), silver=_silver())
    steps = steps_of(known)
    assert [step.state for step in steps] == ["done"] * 8
    assert [step.name for step in steps] == [
        "received", "landed", "accepted", "asked", "first token", "answered", "sent", "in silver",
    ]  # fmt: skip
    start = steps[0].at or 0
    assert [round((step.at or 0) - start) for step in steps] == [0, 10, 210, 310, 410, 910, 1010, 3010]
    assert steps[5].note == "a-model, 3 tokens"


def test_a_message_that_has_just_landed_waits_for_the_micro_batch() -> None:
    known = _known(update=parsed_message("hi", message_id=1), file=f"{SEQ}-1-1.jsonl")
    assert _states(known) == [("received", "done"), ("landed", "done"), ("accepted", "now")]
    assert status_of(known) == "landed"


def test_an_accepted_question_waits_for_the_model() -> None:
    known = _known(reply=accepted(seq=SEQ), accepted_at=SEQ / 1e6 + 0.2)
    assert _states(known)[2:5] == [("accepted", "done"), ("asked", "now"), ("first token", "later")]
    assert status_of(known) == "accepted"


def test_an_answer_of_which_nobody_noted_when_it_was_asked_for_is_to_be_sent() -> None:
    reply = answered("hello", seq=SEQ)
    assert _states(_known(reply=reply, accepted_at=SEQ / 1e6))[3:] == [
        ("asked", "none"), ("first token", "none"), ("answered", "done"), ("sent", "now"), ("in silver", "later"),
    ]  # fmt: skip


def test_the_times_of_the_journals_answer_count_until_silver_has_them() -> None:
    answer = Answer(text="x", status=AnswerStatus.ANSWERED, asked_at=_at(1), first_token_at=_at(2), answered_at=_at(3))
    reply = accepted(seq=SEQ).with_answer(answer, (Part(text="x"),))
    steps = {step.name: step.at for step in steps_of(_known(reply=reply))}
    assert [steps[name] for name in ("asked", "first token", "answered")] == [
        _at(seconds).timestamp() * 1000 for seconds in (1, 2, 3)
    ]


def test_a_message_that_gets_no_answer_ends_in_bronze() -> None:
    known = _known(bronze=_bronze("not_addressed"))
    assert _states(known) == [("received", "done"), ("landed", "done"), ("kept", "done")]
    assert steps_of(known)[-1].note == "in bronze, not answered: not_addressed"
    assert summary_of(known)["seconds"] is None


def test_a_line_in_quarantine_ends_there_with_its_reason() -> None:
    row = {"reason": "message: not an object", "raw": "{}", "ingested_at": _at(1), "source_file": f"{SEQ}-1-1.jsonl"}
    known = _known(quarantine=row, envelope={"received_at": AT.isoformat(), "update": {"message": 42}})
    assert _states(known) == [("received", "done"), ("landed", "done"), ("quarantined", "done")]
    assert steps_of(known)[-1].note == "message: not an object"
    assert summary_of(known)["text"] == '{"message": 42}'


def test_what_is_not_even_json_has_the_steps_that_are_known() -> None:
    row = {"reason": "not JSON", "raw": "nonsense", "ingested_at": _at(1), "source_file": f"{SEQ}-1-1.jsonl"}
    known = _known(quarantine=row)
    assert _states(known) == [("received", "none"), ("landed", "done"), ("quarantined", "done")]
    assert trace_of(known)["question"] == "nonsense"


@pytest.mark.parametrize("status", ["unknown", "dead"])
def test_a_delivery_that_failed_says_why(status: str) -> None:
    silver = _silver(delivery_status=status, delivered_at=None, error="no response")
    step = steps_of(_known(bronze=_bronze(), silver=silver))[6]
    assert (step.name, step.state, step.note) == (status, "failed", "no response")


def test_only_a_reply_that_was_sent_took_its_time() -> None:
    assert summary_of(_known(bronze=_bronze(), silver=_silver()))["seconds"] == pytest.approx(1.01)
    unknown = _silver(delivery_status="unknown", delivered_at=None)
    assert summary_of(_known(bronze=_bronze(), silver=unknown))["seconds"] is None


def test_a_probe_is_withheld() -> None:
    origin = Probe(id="p")
    reply = answered(part("x", PartState.WITHHELD), seq=SEQ, origin=origin, chat_id=0)
    assert ("withheld", "done") in _states(_known(reply=reply))


def test_rows_are_shown_as_they_stand() -> None:
    row = {"at": AT, "big": 2**60, "small": 5, "list": [1, 2**60], "none": None, "long": "x" * 30_000, "odd": "\x1b"}
    shown = shown_row(row)
    assert shown["at"].startswith("2026-01-02T12:00:00.000+00:00")
    assert (shown["big"], shown["small"], shown["list"], shown["none"]) == (str(2**60), 5, [1, str(2**60)], None)
    assert len(shown["long"]) == 20_001
    assert shown["odd"] == "\\x1b"


def test_the_journals_row_goes_once_silver_has_it() -> None:
    reply = answered(part("x", PartState.SENT, 8), seq=SEQ)
    assert trace_of(_known(reply=reply))["rows"]["journal"][0]["stage"] == "sent"
    assert trace_of(_known(reply=reply, silver=_silver()))["rows"]["journal"] == []


def test_the_durations_are_those_of_the_steps() -> None:
    found = dict(seconds_between(_known(bronze=_bronze(), silver=_silver())))
    assert found == pytest.approx({"model": 0.6, "reply": 1.01, "silver": 2.0, "bronze": 0.2})
