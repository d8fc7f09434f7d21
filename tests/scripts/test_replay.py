"""`scripts/replay.py` on a deployment: what it chooses, shows and lands, and that twice is once."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from scripts import replay
from tests.support.deployed import BOT_TOKEN, Deployed, deployed
from tests.support.updates import raw_message, raw_update
from tests.support.workspace.server import TOKEN

Replay = Callable[..., tuple[int, str, str]]
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.fixture(name="deployment")
def _deployment(tmp_path: Path) -> Iterator[Deployed]:
    with deployed(tmp_path) as deployment:
        yield deployment


@pytest.fixture(name="run")
def _run(deployment: Deployed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Replay:
    """The command: its exit code, and what it prints."""

    def called(*options: str) -> tuple[int, str, str]:
        for name, value in (deployment.environment() | {"COLUMNS": "160"}).items():
            monkeypatch.setenv(name, value)
        command = ["replay.py", "--stack", "prod", "--outputs", str(deployment.file()), *options]
        monkeypatch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit) as ended:
            replay.run()
        printed = capsys.readouterr()
        for secret in (BOT_TOKEN, TOKEN):
            assert secret not in printed.out + printed.err
        return int(ended.value.code or 0), printed.out, printed.err

    return called


def answered(deployment: Deployed, number: int, delivery: str = "sent", **more: Any) -> None:
    """Message `number` of chat 7 with its rows; it came `number` minutes after noon."""
    at = NOON + timedelta(minutes=number)
    same = {"bot_id": 42, "update_id": number, "message_id": number, "seq": number, "received_at": at}
    raw = raw_update(number, body=raw_message(f"question {number}", message_id=number))
    deployment.add("bronze", {**same, "chat_id": 7, "disposition": "answer", "raw": json.dumps(raw)})
    row(deployment, number, delivery, **more)


def row(deployment: Deployed, number: int, delivery: str, later: int = 0, **more: Any) -> None:
    at = NOON + timedelta(minutes=number)
    deployment.add("silver", {
        "bot_id": 42, "update_id": number, "message_id": number, "seq": number, "channel_id": 7,
        "received_at": at, "user_message": f"question {number}", "llm_response": f"answer {number}",
        "model_name": "m", "answer_status": "answered", "delivery_status": delivery, "answered_at": at,
        "processed_at": at + timedelta(minutes=later), "batch_id": later, **more,
    })  # fmt: skip


def test_without_yes_it_shows_what_would_be_replayed_and_does_nothing(deployment: Deployed, run: Replay) -> None:
    answered(deployment, 1, "unknown", error="no response in time")
    answered(deployment, 2)
    code, out, _ = run("--status", "unknown", "--mode", "deliver")
    assert code == 0
    assert "7/1" in out
    assert "question 1" in out
    assert "7/2" not in out
    assert "1 to replay; nothing was done: add --yes to do it" in out
    assert deployment.landed == []


def test_an_unknown_reply_is_delivered_again_once_however_often_the_command_is_called(
    deployment: Deployed, run: Replay
) -> None:
    answered(deployment, 1, "unknown")
    deployment.takes = "nothing"
    for _ in range(2):
        assert run("--status", "unknown", "--mode", "deliver", "--yes")[0] == 0
    # The pipeline takes up both files at last, and acts on one line.
    deployment.takes = "answered"
    contents = [
        deployment.workspace.files.files[path].content for path in deployment.waiting() if "/_done/" not in path
    ]
    assert len(contents) == 2
    for content in contents:
        deployment.read("later", content)
    rows = deployment.rows("silver")
    assert sorted(str(row["delivery_status"]) for row in rows) == ["sent", "unknown"]
    assert run("--status", "unknown", "--mode", "deliver", "--yes")[1].startswith("no message fits")
    # By its name it is replayed again: that is no accident.
    assert run("--id", "7/1", "--mode", "deliver", "--yes")[0] == 0
    assert len(deployment.rows("silver")) == 3


def test_a_replay_that_a_batch_has_read_is_under_way_and_left_out(deployment: Deployed, run: Replay) -> None:
    answered(deployment, 1, "dead")
    deployment.takes = "unanswered"
    assert run("--status", "dead", "--mode", "answer", "--yes")[0] == 0
    code, out, _ = run("--status", "dead", "--mode", "deliver", "--yes")
    assert code == 0
    assert "left out: a replay of it is under way" in out
    assert len(deployment.landed) == 1


def test_only_the_newest_row_of_a_message_counts_and_probes_never(deployment: Deployed, run: Replay) -> None:
    answered(deployment, 1, "unknown")
    row(deployment, 1, "sent", later=5, origin="replay:x", received_at=NOON + timedelta(hours=5))
    answered(deployment, 2)
    row(deployment, 2, "unknown", later=5, origin="replay:y", received_at=NOON + timedelta(hours=5))
    answered(deployment, 3, "unknown", origin="probe:smoke-1")
    answered(deployment, 4, answer_status="fallback", error="rejected")
    out = run("--status", "unknown", "--status", "fallback", "--mode", "answer")[1]
    assert [number for number in range(1, 5) if f"7/{number} " in out] == [2, 4]
    # A replayed message keeps the time at which it came.
    out = run("--since", "2026-01-02T12:02", "--until", "2026-01-02T13:03+01:00", "--mode", "answer")[1]
    assert [number for number in range(1, 5) if f"7/{number} " in out] == [2]


def test_replays_keep_the_order_of_their_messages_over_several_pages(deployment: Deployed, run: Replay) -> None:
    for number in (3, 1, 5, 2, 4):
        answered(deployment, number)
    code, _, _ = run("--since", "2026-01-02", "--mode", "answer", "--yes")
    assert code == 0
    replayed = [row for row in deployment.rows("bronze") if row["origin"]]
    assert [row["message_id"] for row in sorted(replayed, key=lambda row: int(row["seq"]))] == [1, 2, 3, 4, 5]
    assert len(deployment.landed) == 1


def test_more_than_the_limit_is_refused_until_the_limit_is_raised(deployment: Deployed, run: Replay) -> None:
    for number in range(1, 4):
        answered(deployment, number, "dead")
    code, out, err = run("--status", "dead", "--mode", "deliver", "--limit", "2", "--yes")
    assert (code, out) == (2, "")
    assert err == "replay: more than 2 messages are chosen: narrow the choice, or raise --limit\n"
    assert deployment.landed == []
    assert run("--status", "dead", "--mode", "deliver", "--limit", "3", "--yes")[0] == 0
    assert len(deployment.landed) == 1


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("--id", "7/99", "--mode", "deliver"), "--id 7/99 is not in silver: only what was answered can be replayed"),
        (("--id", "7/1", "--mode", "send"), "--mode is 'send': give answer or deliver"),
        (("--mode", "answer"), "no messages are chosen: give --id, --status, --since or --until"),
        (("--local", "--id", "7/1", "--mode", "answer"), "--stack or --local is needed"),
    ],
)
def test_what_can_not_be_done_as_asked_is_one_line_and_exit_code_2(
    run: Replay, options: tuple[str, ...], line: str
) -> None:
    code, out, err = run(*options)
    assert (code, out) == (2, "")
    assert err.startswith(f"replay: {line}")
    assert err.count("\n") == 1


def test_a_workspace_that_refuses_is_one_line_and_exit_code_1(deployment: Deployed, run: Replay) -> None:
    deployment.workspace.callers.clear()
    code, out, err = run("--id", "7/1", "--mode", "answer")
    assert (code, out) == (1, "")
    assert err.startswith("replay: the workspace refuses the credential: log in again")
    deployment.workspace.callers["dapi-of-the-deployer-0123456789abcdef"] = "deployer@example.org"
    answered(deployment, 1)
    deployment.workspace.files.closed.add(deployment.outputs.landing)
    code, _, err = run("--id", "7/1", "--mode", "answer", "--yes")
    assert code == 1
    assert err.startswith("replay: the workspace does not permit this: ")
