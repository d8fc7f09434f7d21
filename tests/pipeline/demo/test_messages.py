"""A file's messages and their final states, in tables that earlier demos have written to as well."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.demo.failure import DemoError
from pipeline.demo.messages import FileLine, _read_outcomes, read_messages
from pipeline.tables import BRONZE, SILVER
from tests.support.delta_rows import append
from tests.support.replies import NOON


def test_a_line_is_a_message_and_an_empty_file_has_none(tmp_path: Path) -> None:
    file = tmp_path / "messages.txt"
    file.write_text("hi\n\n日本\n", encoding="utf-8")
    assert read_messages(file) == ["hi", "", "日本"]
    file.write_text("")
    with pytest.raises(DemoError, match=r"is empty: write one message a line$"):
        read_messages(file)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(DemoError, match=r"can't be read \(not UTF-8 text\)"):
        read_messages(file)


def test_rows_of_earlier_demos_are_nobodys_outcome(tmp_path: Path) -> None:
    later = NOON + timedelta(seconds=2)
    row = {"received_at": NOON, "answered_at": later, "delivered_at": later, "answer_status": "answered"}
    append(
        SILVER,
        tmp_path / "silver",
        *({**row, "update_id": n, "llm_response": f"answer {n}", "delivery_status": "sent"} for n in (1, 500)),
    )
    append(
        BRONZE,
        tmp_path / "bronze",
        *({"update_id": n, "disposition": "no_text", "received_at": NOON, "ingested_at": later} for n in (2, 501)),
    )
    outcomes = {number: FileLine("q") for number in (500, 501, 502)}
    _read_outcomes(tmp_path, outcomes)
    assert outcomes[500] == FileLine("q", "answer 500", "answered, sent", 2.0)
    assert outcomes[501] == FileLine("q", "", "not answered: no_text", 2.0)
    assert outcomes[502] == FileLine("q")
