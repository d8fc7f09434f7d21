"""The audit log: appended to, by and for the right people, and without values."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from rotation.audit import Audit, default_file

from pipeline.errors import OperatorError
from tests.support.rotating import OLD


def test_calls_append_to_one_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    file = tmp_path / "state" / "audit.jsonl"
    for secret in ("telegram-token", "llm-api-key"):
        audit = Audit(file, "ann@laptop", "prod", secret)
        audit.write("test", "done", "@our_bot, bot 42")
        audit.close()
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["secret"] for line in lines] == ["telegram-token", "llm-api-key"]
    assert lines[0]["call"] != lines[1]["call"]
    assert lines[0].items() >= {"by": "ann@laptop", "environment": "prod", "step": "test", "outcome": "done"}.items()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_detail_that_holds_a_token_is_written_without_it(tmp_path: Path) -> None:
    audit = Audit(tmp_path / "audit.jsonl", "ann", "prod", "telegram-token")
    audit.write("test", "failed", f"https://api.telegram.org/bot{OLD}/getMe")
    audit.close()
    assert OLD not in audit.file.read_text()


def test_a_file_that_can_not_be_appended_to_is_said_with_its_fix(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"--audit .* can't be written \(Is a directory\)"):
        Audit(tmp_path, "ann", "prod", "telegram-token")


def test_it_is_kept_in_the_user_s_state_folder_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert default_file() == Path("/state/telegram-lakehouse/rotation-audit.jsonl")
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "/home/ann")
    assert default_file() == Path("/home/ann/.local/state/telegram-lakehouse/rotation-audit.jsonl")
