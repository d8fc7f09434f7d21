"""The smoke tests of a local run, on a storage as a run leaves it; test_smoke in tests/e2e has a real one."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import OperatorError
from pipeline.sandbox.models.rules import ScriptedRule
from pipeline.sandbox.models.scripted import ScriptedModel
from pipeline.sandbox.server import serve
from pipeline.sandbox.telegram.simulator import Telegram
from pipeline.sandbox.web.app import create_app
from pipeline.settings import read_run_settings
from pipeline.storage.places import Storage
from pipeline.storage.record import Record
from pipeline.tables import BRONZE, SILVER, TABLES
from scripts.checks import local as local_checks
from scripts.checks.interruption import Interruption
from scripts.checks.suite import CheckVerdict, Result, results
from tests.support.delta_rows import append

_TOKEN = "42:" + "token-of-the-local-bot-------------"


@dataclass
class Local:
    storage: Storage
    telegram: Telegram
    model: ScriptedModel

    def tell(self, **changes: Any) -> None:
        """Have the run say this of itself."""
        said = {"state": "serving", "pid": 1, "host": "here", "bot_id": 42, "said_at": datetime.now(UTC)}
        record = Record.model_validate(said | changes)
        (self.storage.root / "record.json").write_text(record.model_dump_json())

    def waiting(self) -> list[str]:
        return sorted(path.name for path in self.storage.landing.iterdir())


@pytest.fixture(name="local")
def _local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Local]:
    telegram, model = Telegram(_TOKEN), ScriptedModel()
    with serve(create_app(telegram)) as bot_api, serve(model.app) as model_server:
        monkeypatch.setenv("TELEGRAM_BOT_TOKEN", _TOKEN)
        monkeypatch.setenv("TELEGRAM_API_URL", bot_api.url)
        monkeypatch.setenv("OPENAI_BASE_URL", f"{model_server.url}/v1")
        monkeypatch.setenv("PIPELINE_MODEL", "scripted")
        monkeypatch.setenv("PIPELINE_STORAGE", str(tmp_path / "lake"))
        storage = read_run_settings().places
        storage.prepare()
        storage.claim(42)
        for table in TABLES:
            append(table, Path(storage.table(table)))
        local = Local(storage, telegram, model)
        local.tell()
        yield local


def outcome(*names: str) -> dict[str, Result]:
    interruption = Interruption()
    checks = local_checks.local_checks(read_run_settings(), interruption, 1.0)
    chosen = [check for check in checks if not names or check.name in names]
    return {result.name: result for result in results(chosen, interruption, lambda error: None)}


def test_checks_that_apply_to_a_local_run_pass_and_the_others_say_why_they_do_not_apply(local: Local) -> None:
    found = outcome("workspace", "tables", "volumes", "scope", "telegram", "model", "job", "backlog")
    assert {name for name, result in found.items() if result.verdict is CheckVerdict.SKIPPED} == {"workspace", "scope"}
    assert not [result for result in found.values() if result.verdict is CheckVerdict.FAILED]
    assert found["workspace"].finding == "a local run has no workspace"
    assert local.waiting() == []


def test_a_model_whose_server_takes_no_schema_passes_and_is_said_to_be_one(local: Local) -> None:
    local.model.add_rule(ScriptedRule(refuse_response_format=True))
    local.model.add_rule(ScriptedRule(content="It works."))
    found = outcome("model")["model"]
    assert found.verdict is CheckVerdict.PASSED
    assert found.finding.endswith(" s; its server takes no JSON schema")


def _without_landing(local: Local) -> None:
    local.storage.landing.rmdir()
    local.storage.landing.write_text("no folder")


def _without_column(local: Local) -> None:
    shutil.rmtree(local.storage.silver)
    fewer = type(SILVER)(SILVER.name, SILVER.comment, SILVER.columns[:-1])
    append(fewer, Path(local.storage.silver))


def _unread(local: Local) -> None:
    seq = int((time.time() - 900) * 1e6)
    (local.storage.landing / f"{seq}-1-1.jsonl").write_text("{}\n")


def _unanswered(local: Local) -> None:
    received = datetime.now(UTC) - timedelta(minutes=20)
    row = {"bot_id": 42, "update_id": 1, "chat_id": 7, "message_id": 5, "disposition": "answer"}
    append(BRONZE, Path(local.storage.bronze), {**row, "received_at": received})


@pytest.mark.parametrize(
    ("name", "broken", "finding"),
    [
        ("tables", lambda m: shutil.rmtree(m.storage.quarantine), "quarantine does not exist at"),
        ("tables", _without_column, f"silver lacks the columns {SILVER.column_names[-1]}"),
        ("volumes", _without_landing, "landing is not writable"),
        ("telegram", lambda m: m.telegram.rotate_token(f"{_TOKEN[:-1]}1"), "Telegram rejects the token"),
        ("model", lambda m: m.model.add_rule(ScriptedRule(status=500)), "scripted: 500"),
        ("job", lambda m: (m.storage.root / "record.json").unlink(), "no run has said anything in this storage"),
        (
            "job",
            lambda m: m.tell(state="stopped", last_error={"reason": "run: no disk", "since": datetime.now(UTC)}),
            "the run stopped 0 s ago; its last error: run: no disk",
        ),
        (
            "job",
            lambda m: m.tell(said_at=datetime.now(UTC) - timedelta(seconds=90)),
            "process 1 on here has said nothing for 90 s",
        ),
        (
            "job",
            lambda m: m.tell(problems={"telegram": {"reason": "429", "since": datetime.now(UTC)}}),
            "telegram is unavailable",
        ),
        ("backlog", _unread, "1 landed files wait to be read, the oldest for 900 s"),
        ("backlog", _unanswered, "a message has waited for its reply for 1200 s"),
        ("message", lambda m: m.tell(state="stopped"), "no pipeline runs that would take it"),
        ("message", lambda m: None, "it was not in silver within 1 s: not read, and taken back"),
    ],
)
def test_a_check_fails_on_its_fault_and_says_the_fix(
    local: Local, name: str, broken: Callable[[Local], object], finding: str
) -> None:
    broken(local)
    result = outcome(name)[name]
    assert result.verdict is CheckVerdict.FAILED
    assert finding in result.finding
    assert result.fix
    if name == "message":
        assert local.waiting() == []


def test_a_missing_storage_or_one_in_a_catalog_is_reported_in_one_line(
    local: Local, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPELINE_SILVER", "lake.bot.silver")
    with pytest.raises(OperatorError, match="PIPELINE_SILVER is a table of a catalog: give --stack"):
        local_checks.local_checks(read_run_settings(), Interruption(), 1.0)
    monkeypatch.setenv("PIPELINE_STORAGE", "nowhere")
    with pytest.raises(OperatorError, match="nowhere does not exist: give the storage of a run"):
        local_checks.local_checks(read_run_settings(), Interruption(), 1.0)
