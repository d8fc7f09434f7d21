"""The table of planned replays: what is copied from it is whole, wherever it is shown."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.view.rows import LatestRow
from scripts.replays.plan import PlannedReplay
from scripts.replays.table import show

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
LONGEST = (-9223372036854775808, 9223372036854775807)


def planned(chat: int, message: int, question: str = "When does the library open?", why_not: str = "") -> PlannedReplay:
    row: dict[str, Any] = {
        "bot_id": 42, "update_id": 1, "channel_id": chat, "message_id": message, "user_message": question,
        "llm_response": "At nine.", "model_name": "m", "answer_status": "answered", "delivery_status": "unknown",
        "error": None, "prompt_tokens": 1, "completion_tokens": 1, "answered_at": NOON, "processed_at": NOON,
        "origin": None, "versions": 1, "first_received_at": NOON,
    }  # fmt: skip
    return PlannedReplay(LatestRow(**row), why_not=why_not)


@pytest.mark.parametrize("columns", ["80", "40"])
@pytest.mark.parametrize("on_a_terminal", [False, True], ids=["in a pipe", "on a terminal"])
@pytest.mark.parametrize("message", [(7, 1), (-1001234567890, 42), LONGEST])
def test_a_message_is_named_whole_and_on_one_line(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    message: tuple[int, int],
    on_a_terminal: bool,
    columns: str,
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    if on_a_terminal:
        monkeypatch.setenv("FORCE_COLOR", "1")
    show([planned(*message, why_not="a replay of it is under way")], "deliver", yes=False)
    said = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert f"│ {message[0]}/{message[1]} " in said
    assert "…" not in said
    assert "under" in said
    widths = {len(line) for line in said.splitlines()[:-1]}
    assert len(widths) == 1, "no line is cut"
    if on_a_terminal and columns == "80" and message != LONGEST:
        assert widths == {80}


def test_in_a_pipe_each_message_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    show([planned(*LONGEST, why_not="a replay of it is under way")] * 3, "deliver", yes=False)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    assert len(lines) == 3
    assert all("left out: a replay of it is under way" in line for line in lines)


def test_a_question_does_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show([planned(7, 1, "\x1b]0;owned\x07\x9b2J\u202e[bold]")], "answer", yes=False)
    said = capsys.readouterr().out
    assert r"\x1b]0;owned\x07\x9b2J\u202e[bold]" in said
    assert all(line.isprintable() for line in said.split("\n"))
