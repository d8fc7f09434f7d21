"""A healthy deployment: a workspace with everything that a stack creates, and a stand-in for the pipeline's run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from infra.outputs import Outputs
from pipeline.sandbox.models.rules import ScriptedRule
from pipeline.sandbox.models.scripted import ScriptedModel
from pipeline.sandbox.server import serve
from pipeline.sandbox.telegram.simulator import Telegram
from pipeline.sandbox.web.app import create_app
from pipeline.storage.record import Record
from pipeline.stream.rows import feedback_row
from pipeline.tables import ANSWERS, TABLES
from pipeline.telegram.update import Update, read_line
from tests.support.delta_rows import append, rows_of
from tests.support.deployment import outputs
from tests.support.serving import serving
from tests.support.workspace.server import CALLER, TOKEN, Call, Workspace

BOT_TOKEN = "42:" + "token-of-the-deployed-bot----------"
PRINCIPAL = "11111111-2222-3333-4444-555555555555"
OPERATORS, READERS = "bot-operators", "bot-readers"
JOB = 77

_LANDING, _STATE = "/Volumes/lake/bot/landing", "/Volumes/lake/bot/state"
_PUTS = "/api/2.0/fs/files"


@dataclass
class Deployed:
    """What a stack has created, and the services around it. Each test breaks one of them."""

    workspace: Workspace
    telegram: Telegram
    model: ScriptedModel
    outputs: Outputs
    folder: Path
    """Where the tables are."""
    record: Record = field(default_factory=Record)
    takes: str = "answered"
    """What the run does with a landed message: answered, fallback, unanswered (no row in silver) or nothing."""
    takes_presses: bool = True
    """Whether a press becomes a row of feedback."""
    says_request: bool = True
    """Whether silver says what the model was given."""
    landed: list[str] = field(default_factory=list)
    """Names of all files that were ever landed."""

    def tell(self, **changes: Any) -> None:
        """Change the run's record."""
        self.record = Record.model_validate(self.record.model_dump() | changes)
        self.workspace.files.give(f"{_STATE}/record.json", self.record.model_dump_json().encode())

    def rule(self, **rule: Any) -> None:
        """Add a rule for the model's answers."""
        self.model.add_rule(ScriptedRule(**rule))

    def change(self, **outputs: Any) -> None:
        self.outputs = self.outputs.model_copy(update=outputs)

    def file(self) -> Path:
        """The outputs as the engine prints them."""
        path = self.folder / "outputs.json"
        path.write_text(self.outputs.model_dump_json())
        return path

    def environment(self) -> dict[str, str]:
        return self.workspace.environment()

    def add(self, table: str, *rows: dict[str, Any]) -> None:
        append(next(t for t in TABLES if t.name == table), self.folder / table, *rows)

    def rows(self, table: str) -> list[dict[str, Any]]:
        return rows_of(self.folder / table)

    def waiting(self) -> list[str]:
        """Files in the landing."""
        return self.workspace.files.within(_LANDING)

    def take(self, call: Call) -> None:
        """The run: it reads a landed file at once."""
        path = call.path.removeprefix(_PUTS)
        if call.method != "PUT" or not path.startswith(f"{_LANDING}/") or "/_" in path:
            return
        name = path.rpartition("/")[2]
        self.landed.append(name)
        if self.takes != "nothing":
            self.read(name, call.body)

    def read(self, name: str, content: bytes) -> None:
        """Have the run read a landed file."""
        for line in content.decode().splitlines():
            update = read_line(line, 42)
            assert isinstance(update, Update), update
            self._process(update, name)

    def _process(self, update: Update, file: str) -> None:
        if update.press is not None:
            if self.takes_presses:
                self.add(
                    "feedback", {**feedback_row(update, source_file=file, ingested_at=datetime.now(UTC), batch_id=1)}
                )
            return
        message = update.message
        assert message is not None
        now = datetime.now(UTC)
        origin = update.origin.name if update.origin else None
        if any(row["origin"] == origin and row["message_id"] == message.message_id for row in self.rows("bronze")):
            return
        identity = {"bot_id": 42, "update_id": update.update_id, "message_id": message.message_id, "origin": origin}
        same = {**identity, "seq": update.seq, "received_at": update.received_at}
        self.add("bronze", {**same, "chat_id": message.chat.id, "disposition": "answer", "source_file": file,
                            "raw": update.raw})  # fmt: skip
        if self.takes == "unanswered":
            return
        withheld = update.origin is not None and update.origin.kind == "probe" and not update.origin.deliver
        answered = self.takes == "answered"
        self.add("silver", {
            **same, "channel_id": message.chat.id, "user_message": message.words, "llm_response": "It works.",
            "model_name": "scripted", "answer_status": self.takes, "error": None if answered else "no luck",
            "delivery_status": "withheld" if withheld else "sent", "answered_at": now, "processed_at": now,
            "batch_id": 1, "request_hash": "ab" * 32 if self.says_request else None, "instructions_version": 1,
        })  # fmt: skip


def job_tasks(of: Outputs) -> list[dict[str, Any]]:
    """The tasks of the job that a stack with these outputs creates."""
    parameters = [
        "run",
        f"--bronze={of.bronze}",
        "--context-turns=10",
        f"--feedback-table={of.feedback}",
        f"--landing={of.landing}",
        f"--quarantine={of.quarantine}",
        f"--secret-scope={of.secret_scope}",
        f"--silver={of.silver}",
        f"--storage={of.storage}",
    ]
    wheel = {"package_name": "telegram_lakehouse", "entry_point": "pipeline", "parameters": parameters}
    return [{"task_key": "pipeline", "python_wheel_task": wheel}]


@contextmanager
def deployed(folder: Path) -> Iterator[Deployed]:
    """A continuous deployment without any fault, until the block ends."""
    telegram, model = Telegram(BOT_TOKEN), ScriptedModel(api_key=TOKEN)
    with serve(create_app(telegram)) as bot_api, serving(model) as workspace:
        of_lake = outputs(
            host=workspace.url,
            job_id=str(JOB),
            job_url=f"{workspace.url}/jobs/{JOB}",
            service_principal=PRINCIPAL,
            operators=OPERATORS,
            readers=READERS,
            catalog="lake",
            schema_name="bot",
            bronze="lake.bot.bronze",
            silver="lake.bot.silver",
            quarantine="lake.bot.quarantine",
            feedback="lake.bot.feedback",
            answers="lake.bot.answers",
            landing=_LANDING,
            storage=_STATE,
            artifacts="/Volumes/lake/bot/artifacts",
            warehouse_id=workspace.statements.warehouse_id,
            dashboard_url="",
            model_source="databricks",
            model_url=f"{workspace.url}/serving-endpoints",
            telegram_api_url=bot_api.url,
        )
        deployment = Deployed(workspace, telegram, model, of_lake, folder)
        _fill(deployment)
        workspace.after.append(deployment.take)
        yield deployment


def _fill(deployment: Deployed) -> None:
    workspace, catalog = deployment.workspace, deployment.workspace.catalog
    for table in TABLES:
        append(table, deployment.folder / table.name)
        catalog.tables[f"lake.bot.{table.name}"] = {column.name: column.type for column in table.columns}
        workspace.statements.tables[f"lake.bot.{table.name}"] = deployment.folder / table.name
    catalog.tables["lake.bot.answers"] = {column.name: column.type for column in ANSWERS.columns}
    for principal in (PRINCIPAL, OPERATORS, READERS):
        catalog.grant("lake", principal, "USE_CATALOG")
        catalog.grant("lake.bot", principal, "USE_SCHEMA")
    for volume in ("landing", "state"):
        for principal in (PRINCIPAL, OPERATORS):
            catalog.grant(f"lake.bot.{volume}", principal, "READ_VOLUME", "WRITE_VOLUME")
    scope = workspace.secrets.give("bot-prod", CALLER, telegram_token=BOT_TOKEN)
    scope.acls |= {PRINCIPAL: "READ", OPERATORS: "MANAGE"}
    settings = {
        "name": "telegram-lakehouse-prod",
        "continuous": {"pause_status": "UNPAUSED"},
        "tasks": job_tasks(deployment.outputs),
    }
    workspace.jobs.give(JOB, settings, run_as=PRINCIPAL, creator=CALLER)
    workspace.jobs.right(JOB, "IS_OWNER", user_name=CALLER)
    workspace.jobs.right(JOB, "CAN_MANAGE_RUN", group_name=OPERATORS)
    workspace.jobs.right(JOB, "CAN_VIEW", group_name=READERS)
    workspace.jobs.began(JOB)
    workspace.files.give(f"{_STATE}/bot.json", json.dumps({"bot_id": 42}).encode())
    deployment.tell(state="serving", bot_id=42, bot_username="sandbox_bot", said_at=datetime.now(UTC))
    # A file that an earlier run has finished: it does not wait any more.
    workspace.files.give(f"{_LANDING}/_done/2026-01-01/1-1-1.jsonl", b"{}\n", age=timedelta(days=1).total_seconds())
