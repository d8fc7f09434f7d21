"""Probes and replays as values; as landed lines they are in test_update."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from pipeline.messages.answer import AnswerStatus
from pipeline.messages.origin import NO_CHAT, ORIGIN, Origin, Probe, Replay, StoredAnswer, probe_update
from pipeline.telegram.routing import Disposition, disposition
from tests.support.replies import NOON
from tests.support.updates import BOT, parsed

STORED = StoredAnswer(text="said", status=AnswerStatus.ANSWERED, answered_at=NOON)


@pytest.mark.parametrize(
    ("origin", "name", "withheld"),
    [
        (Probe(id="p"), "probe:p", True),
        (Probe(id="p", deliver=True), "probe:p", False),
        (Replay(id="r", mode="answer"), "replay:r", False),
        (Replay(id="r", mode="deliver", answer=STORED), "replay:r", False),
    ],
)
def test_an_origin_has_a_name_and_survives_json(origin: Origin, name: str, withheld: bool) -> None:
    assert (origin.name, origin.withheld) == (name, withheld)
    assert ORIGIN.validate_json(ORIGIN.dump_json(origin, exclude_none=True)) == origin


@pytest.mark.parametrize("text", ["", " \n", "\0"])
def test_an_empty_answer_cannot_be_delivered(text: str) -> None:
    with pytest.raises(ValidationError, match="nothing to send"):
        StoredAnswer(text=text, status=AnswerStatus.ANSWERED, answered_at=NOON)


def test_a_stored_answer_loses_what_no_table_can_hold() -> None:
    assert StoredAnswer(text="a\0b", status=AnswerStatus.ANSWERED, answered_at=NOON).text == "ab"


@pytest.mark.parametrize("chat_id", [NO_CHAT, 7])
def test_a_probes_message_is_one_that_is_answered_and_each_is_another(chat_id: int) -> None:
    probe = {"kind": "probe", "id": "p", "deliver": chat_id != NO_CHAT}
    first, second = (
        parsed(probe_update("hi", now, chat_id), origin=probe) for now in (NOON, NOON + timedelta(microseconds=1))
    )
    assert disposition(first, BOT, {8}) is Disposition.ANSWER
    assert first.identity != second.identity
    assert first.message is not None
    assert first.message.date == datetime(2026, 1, 2, 12, tzinfo=UTC).timestamp()
