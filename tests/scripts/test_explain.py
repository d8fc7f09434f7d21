"""`scripts/explain.py` on a deployment: the request of an answer, from the tables of a workspace."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.conversations.context import context_with
from pipeline.conversations.turns import Turn
from scripts import explain
from tests.support.deployed import BOT_TOKEN, Deployed, deployed
from tests.support.replies import question
from tests.support.updates import raw_message, raw_update
from tests.support.workspace.server import TOKEN

Explain = Callable[..., tuple[int, str, str]]
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
GROUP = -100


@pytest.fixture(name="deployment")
def _deployment(tmp_path: Path) -> Iterator[Deployed]:
    with deployed(tmp_path) as deployment:
        yield deployment


@pytest.fixture(name="run")
def _run(deployment: Deployed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Explain:
    """The command: its exit code, and what it prints."""

    def called(*options: str) -> tuple[int, str, str]:
        for name, value in deployment.environment().items():
            monkeypatch.setenv(name, value)
        command = ["explain.py", "--stack", "prod", "--outputs", str(deployment.file()), *options]
        monkeypatch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit) as ended:
            explain.run()
        printed = capsys.readouterr()
        for secret in (BOT_TOKEN, TOKEN):
            assert secret not in printed.out + printed.err
        return int(ended.value.code or 0), printed.out, printed.err

    return called


def answered(deployment: Deployed, *, answer: str = "a1") -> None:
    """Two messages of a group and their answers, of which the second was given the first."""
    turn = Turn(1, 1, NOON, "q1", "a1", (11,))
    context = context_with(question("q2", seq=2, message_id=2, chat_id=GROUP), [turn])
    for number, given in ((1, answer), (2, "a2")):
        at = NOON + timedelta(minutes=number)
        same = {"bot_id": 42, "update_id": number, "message_id": number, "seq": number, "received_at": at}
        chat = {"id": GROUP, "type": "group", "title": "Club"}
        raw = raw_update(number, body=raw_message(f"q{number}", message_id=number, chat=chat))
        deployment.add("bronze", {**same, "chat_id": GROUP, "disposition": "answer", "raw": json.dumps(raw)})
        deployment.add("silver", {
            **same, "channel_id": GROUP, "user_message": f"q{number}", "llm_response": given, "model_name": "m",
            "answer_status": "answered", "delivery_status": "sent", "reply_message_ids": [10 + number],
            "asked_at": at, "answered_at": at, "delivered_at": at, "processed_at": at,
            "context_from": number - 1 or None, "context_turns": number - 1, "instructions_version": 1,
            "request_hash": context.digest if number == 2 else None,
        })  # fmt: skip


def test_the_request_of_a_deployed_bot_is_printed_and_checked(deployment: Deployed, run: Explain) -> None:
    answered(deployment)
    code, out, _ = run(f"{GROUP}/2")
    assert code == 0
    assert "user\nq1\n\nassistant\na1\n\nuser\nq2\n" in out
    assert "1 earlier turn, from seq 1 on" in out
    code, out, _ = run(f"{GROUP}/2", "--json")
    assert (code, json.loads(out)["reproduced"]) == (0, True)


def test_a_table_that_says_something_else_now_is_exit_code_1(deployment: Deployed, run: Explain) -> None:
    answered(deployment, answer="what was never said")
    code, out, _ = run(f"{GROUP}/2")
    assert code == 1
    assert "these are not the same messages" in out


def test_what_cannot_be_explained_is_one_line_and_exit_code_2(deployment: Deployed, run: Explain) -> None:
    answered(deployment)
    for name, line in (
        (f"{GROUP}/1", "was answered by an earlier release, which kept no hash"),
        (f"{GROUP}/3", "is not in silver"),
        ("three", "give CHAT/MESSAGE, as -1001234567890/42"),
    ):
        code, out, err = run(name)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert line in err
