"""The smoke tests of a deployment: each check passes on a healthy one and fails on its own fault."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.platform.databricks import WaitLimits
from scripts.checks import job as job_check
from scripts.checks import workspace as workspace_checks
from scripts.checks.interruption import Interruption
from scripts.checks.suite import NAMES, CheckVerdict, Result, results
from scripts.checks.workspace import Patience
from scripts.target.deployed import signed_in
from scripts.target.explanation import explain
from tests.support.deployed import JOB, OPERATORS, PRINCIPAL, READERS, Deployed, deployed, job_tasks
from tests.support.workspace.errors import ApiError
from tests.support.workspace.secrets import Secret
from tests.support.workspace.server import CALLER, Call


@pytest.fixture(name="deployment")
def _deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    monkeypatch.setattr(workspace_checks, "_LOOK_EVERY", 0.05)
    monkeypatch.setattr(job_check, "_LOOK_EVERY", 0.05)
    with deployed(tmp_path) as deployment:
        monkeypatch.setenv("DATABRICKS_TOKEN", deployment.environment()["DATABRICKS_TOKEN"])
        yield deployment


def outcome(deployment: Deployed, *names: str, deadline: float = 1.0, startup: float = 0.3) -> dict[str, Result]:
    interruption = Interruption()
    checks = workspace_checks.workspace_checks(
        signed_in(deployment.outputs), deployment.outputs, interruption, Patience(deadline, startup)
    )
    chosen = [check for check in checks if not names or check.name in names]
    return {result.name: result for result in results(chosen, interruption, explain)}


def test_every_check_passes_on_a_healthy_deployment_and_leaves_only_the_marked_rows(deployment: Deployed) -> None:
    before = set(deployment.workspace.files.files)
    found = outcome(deployment, deadline=20)
    assert list(found) == list(NAMES)
    assert {result.verdict for result in found.values()} == {CheckVerdict.PASSED}, found
    assert {path.rpartition("/")[2] for path in set(deployment.workspace.files.files) - before} == set(
        deployment.landed
    )
    (row,) = deployment.rows("silver")
    assert row["origin"].startswith("probe:smoke-")
    assert (row["delivery_status"], row["channel_id"]) == ("withheld", 0)
    (press,) = deployment.rows("feedback")
    assert press["origin"] == f"{row['origin']}-press"
    assert (press["question_update_id"], press["question_message_id"]) == (row["update_id"], row["message_id"])
    assert (press["vote"], press["channel_id"]) == ("up", 0)
    written = [call for call in deployment.workspace.calls if call.method not in ("GET", "HEAD")]
    assert {call.path.partition("/files")[0] for call in written} == {"/api/2.0/fs", "/api/2.0/sql/statements"}
    assert all(
        call["statement"].lstrip().startswith(("SELECT", "WITH")) for call in deployment.workspace.statements.executed
    )


def test_without_its_tables_the_message_is_not_sent(deployment: Deployed) -> None:
    deployment.workspace.catalog.tables.pop("lake.bot.feedback")
    found = outcome(deployment, "tables", "message")
    assert found["tables"].fix == "deploy it: make up STACK=prod"
    assert (found["message"].verdict, found["message"].finding) == (
        CheckVerdict.SKIPPED,
        "the check tables failed, which it needs",
    )
    assert deployment.landed == []


def _no_volume_right(deployment: Deployed) -> None:
    deployment.workspace.catalog.grants["lake.bot.state"][PRINCIPAL].remove("WRITE_VOLUME")


def _run(deployment: Deployed, state: str, result: str | None = None, **more: Any) -> None:
    deployment.workspace.jobs.runs.clear()
    deployment.workspace.jobs.began(JOB, state, result, **more)


def _parameters(deployment: Deployed) -> list[str]:
    (task,) = deployment.workspace.jobs.jobs[JOB]["settings"]["tasks"]
    parameters: list[str] = task["python_wheel_task"]["parameters"]
    return parameters


def _unread_file(deployment: Deployed) -> None:
    seq = int((time.time() - 900) * 1e6)
    deployment.workspace.files.give(f"{deployment.outputs.landing}/{seq}-1-1.jsonl", b"{}\n")


def _unanswered(deployment: Deployed) -> None:
    deployment.add("bronze", {"bot_id": 42, "update_id": 1, "chat_id": 7, "message_id": 5, "disposition": "answer",
                        "received_at": datetime.now(UTC) - timedelta(minutes=20)})  # fmt: skip


FAULTS: list[tuple[str, Callable[[Deployed], object], str]] = [
    ("workspace", lambda m: m.workspace.callers.clear(), "the workspace refuses the credential"),
    ("workspace", lambda m: m.change(host="http://127.0.0.1:1"), "the workspace can't be reached"),
    ("tables", lambda m: m.workspace.catalog.tables.pop("lake.bot.silver"), "table lake.bot.silver does not exist"),
    ("tables", lambda m: m.workspace.catalog.tables["lake.bot.bronze"].pop("raw"), "bronze lacks the columns raw"),
    (
        "tables",
        lambda m: m.workspace.catalog.tables["lake.bot.silver"].update(seq="string"),
        "silver has other types: seq is string, not bigint",
    ),
    ("tables", lambda m: m.workspace.catalog.tables.pop("lake.bot.feedback"), "table lake.bot.feedback does not exist"),
    ("tables", lambda m: m.workspace.catalog.tables.pop("lake.bot.answers"), "view lake.bot.answers does not exist"),
    (
        "tables",
        lambda m: m.workspace.catalog.tables["lake.bot.silver"].pop("request_hash"),
        "silver lacks the columns request_hash",
    ),
    (
        "tables",
        lambda m: m.workspace.catalog.tables["lake.bot.answers"].pop("thumbs_up"),
        "answers lacks the columns thumbs_up",
    ),
    ("volumes", _no_volume_right, "the job's principal lacks WRITE_VOLUME on volume lake.bot.state"),
    (
        "volumes",
        lambda m: m.workspace.catalog.grants["lake.bot"][PRINCIPAL].clear(),
        "the job's principal lacks USE_SCHEMA on schema lake.bot",
    ),
    (
        "volumes",
        lambda m: m.workspace.catalog.grant("lake.bot", READERS, "WRITE_VOLUME"),
        f"{READERS} has WRITE_VOLUME on volume lake.bot.landing",
    ),
    (
        "volumes",
        lambda m: m.workspace.catalog.grant("lake", "account users", "ALL_PRIVILEGES"),
        "account users has ALL_PRIVILEGES on volume lake.bot.landing",
    ),
    ("volumes", lambda m: m.workspace.catalog.grants.pop("lake.bot.landing"), "volume lake.bot.landing does not exist"),
    ("scope", lambda m: m.workspace.secrets.scopes.clear(), "secret scope bot-prod does not exist"),
    (
        "scope",
        lambda m: m.workspace.secrets.scopes["bot-prod"].secrets.clear(),
        "scope bot-prod has no telegram-token",
    ),
    ("scope", lambda m: m.change(model_source="openai"), "scope bot-prod has no llm-api-key"),
    (
        "scope",
        lambda m: m.workspace.secrets.scopes["bot-prod"].acls.pop(PRINCIPAL),
        "the job's principal has no right on the scope, not READ",
    ),
    (
        "scope",
        lambda m: m.workspace.secrets.scopes["bot-prod"].acls.update({PRINCIPAL: "WRITE"}),
        "the job's principal has WRITE on the scope, not READ",
    ),
    (
        "scope",
        lambda m: m.workspace.secrets.scopes["bot-prod"].acls.update({OPERATORS: "READ"}),
        f"{OPERATORS} has READ on the scope, not MANAGE",
    ),
    (
        "scope",
        lambda m: m.workspace.secrets.scopes["bot-prod"].acls.update(users="READ"),
        "others have rights on the scope: users (READ)",
    ),
    (
        "telegram",
        lambda m: m.telegram.rotate_token(f"{'42:'}another-token-of-the-deployed-bot-1"),
        "Telegram rejects the token (401 Unauthorized)",
    ),
    ("telegram", lambda m: m.change(telegram_api_url="http://127.0.0.1:1"), "the Bot API can't be asked"),
    (
        "telegram",
        lambda m: m.telegram.call("setWebhook", {"url": "https://example.org/secret-hook"}),
        "a webhook is set, which keeps polling out",
    ),
    (
        "telegram",
        lambda m: m.tell(conflict_at=datetime.now(UTC) - timedelta(minutes=3)),
        "the run met another poller of this bot 3 min ago",
    ),
    ("telegram", lambda m: m.tell(bot_id=43), "the token is of bot 42, the storage belongs to bot 43"),
    ("model", lambda m: m.rule(status=503), "scripted: 503"),
    ("model", lambda m: setattr(m.model, "api_key", "another"), "scripted: 401: the model refuses the credential"),
    ("model", lambda m: setattr(m.model, "models", ["other"]), "scripted: 404"),
    ("model", lambda m: m.rule(content="It works, in plain words."), "scripted answers, but not with the JSON asked"),
    ("model", lambda m: m.rule(content='{"answer": '), "scripted: the completion is not readable as an answer"),
    ("job", lambda m: m.workspace.jobs.jobs.clear(), f"job {JOB} does not exist"),
    (
        "job",
        lambda m: m.workspace.jobs.jobs[JOB].update(run_as_user_name=CALLER),
        f"the job runs as {CALLER}, not as {PRINCIPAL}",
    ),
    (
        "job",
        lambda m: _parameters(m).remove("--feedback-table=lake.bot.feedback"),
        "the job's run is not given --feedback-table=lake.bot.feedback",
    ),
    (
        "job",
        lambda m: m.change(silver="lake.bot.silver_2"),
        "the job's run is not given --silver=lake.bot.silver_2",
    ),
    (
        "job",
        lambda m: m.workspace.jobs.right(JOB, "CAN_MANAGE_RUN", group_name="users"),
        "users has CAN_MANAGE_RUN on the job",
    ),
    ("job", lambda m: m.workspace.jobs.rights[JOB].pop(1), f"{OPERATORS} may not run the job"),
    (
        "job",
        lambda m: m.workspace.jobs.jobs[JOB]["settings"]["continuous"].update(pause_status="PAUSED"),
        "the job is paused",
    ),
    (
        "job",
        lambda m: _run(m, "TERMINATED", "FAILED", age=1200),
        "no run is active; the last one ended FAILED 10 min ago",
    ),
    ("job", lambda m: _run(m, "PENDING", age=60), "a run is PENDING, but the pipeline is serving"),
    (
        "job",
        lambda m: m.tell(said_at=datetime.now(UTC) - timedelta(minutes=7)),
        "a run is RUNNING, but the pipeline is serving and last said so 7 min ago",
    ),
    (
        "job",
        lambda m: m.tell(problems={"model": {"reason": "503 busy", "since": datetime.now(UTC)}}),
        "model is unavailable: 503 busy",
    ),
    ("backlog", _unread_file, "1 landed files wait to be read, the oldest for 900 s (bound 300 s)"),
    ("backlog", _unanswered, "a message has waited for its reply for 1200 s (bound 300 s)"),
    ("backlog", lambda m: setattr(m.workspace.statements, "fails_with", "[DENIED] no SELECT"), "a query failed"),
    ("message", lambda m: setattr(m, "takes", "nothing"), "it was not in silver within 1 s: not read, and taken back"),
    ("message", lambda m: setattr(m, "takes", "unanswered"), "it was not in silver within 1 s: in bronze, without"),
    ("message", lambda m: m.change(smoke_chat="@chat"), "the output smoke_chat is '@chat'"),
    ("message", lambda m: setattr(m, "takes", "fallback"), "it was answered with the fallback (no luck)"),
    (
        "message",
        lambda m: setattr(m, "says_request", False),
        "silver does not say what the model was given (request_hash, instructions_version)",
    ),
    (
        "message",
        lambda m: setattr(m, "takes_presses", False),
        "a press of 👍 under its answer was not in feedback within 1 s",
    ),
    ("message", lambda m: m.workspace.jobs.runs.clear(), "no run is active"),
    ("message", lambda m: m.workspace.files.closed.add(m.outputs.landing), "the workspace does not permit this"),
]


@pytest.mark.parametrize(("name", "broken", "finding"), FAULTS, ids=[f"{n}-{f[:40]}" for n, _, f in FAULTS])
def test_a_check_fails_on_its_fault_and_says_the_fix(
    deployment: Deployed, name: str, broken: Callable[[Deployed], object], finding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scripts.target.deployed._WAITS", WaitLimits(request=30, retries=1))
    broken(deployment)
    result = outcome(deployment, name)[name]
    assert result.verdict is CheckVerdict.FAILED
    assert finding in result.finding
    assert result.fix
    assert not [path for path in deployment.waiting() if "/_done/" not in path and deployment.takes == "nothing"]


def test_a_caller_who_may_not_write_to_the_volumes_still_learns_who_may(deployment: Deployed) -> None:
    deployment.workspace.files.closed |= {deployment.outputs.landing, deployment.outputs.storage}
    result = outcome(deployment, "volumes")["volumes"]
    assert result.verdict is CheckVerdict.PASSED
    assert result.finding.endswith("not written by the caller, who has no right to")


def test_a_caller_who_may_not_see_grants_should_run_it_as_the_owner(deployment: Deployed) -> None:
    def refuse(call: Call) -> None:
        if "effective-permissions" in call.path or "/permissions/jobs/" in call.path:
            raise ApiError(403, "PERMISSION_DENIED", "no")

    deployment.workspace.before.append(refuse)
    found = outcome(deployment, "volumes", "job")
    assert found["volumes"].finding == "the caller may not see the grants on catalog lake"
    assert found["volumes"].fix.startswith("run it as whoever deployed it")
    assert found["job"].verdict is CheckVerdict.PASSED
    assert found["job"].finding.endswith("who may run it can't be seen by the caller")


def test_a_test_file_left_by_a_killed_check_is_removed_by_a_later_one(deployment: Deployed) -> None:
    left, young = (
        f"{deployment.outputs.landing}/_smoke-0123456789ab",
        f"{deployment.outputs.landing}/_smoke-ba9876543210",
    )
    deployment.workspace.files.give(left, b"", age=7200)
    deployment.workspace.files.give(young, b"", age=60)
    assert outcome(deployment, "volumes")["volumes"].verdict is CheckVerdict.PASSED
    assert young in deployment.workspace.files.files
    assert left not in deployment.workspace.files.files


def test_a_check_that_can_not_remove_what_it_created_fails(deployment: Deployed) -> None:
    def fail(call: Call) -> None:
        if call.method == "DELETE":
            raise ApiError(400, "BAD_REQUEST", "not now")

    deployment.workspace.before.append(fail)
    result = outcome(deployment, "volumes")["volumes"]
    assert result.verdict is CheckVerdict.FAILED
    assert "what it created could not be removed: the workspace rejects the request: not now" in result.finding


def test_the_model_of_another_server_is_asked_with_the_key_of_the_scope(deployment: Deployed) -> None:
    deployment.model.api_key = "key-of-another-server"
    deployment.workspace.secrets.scopes["bot-prod"].secrets["llm-api-key"] = Secret(b"key-of-another-server", 0)
    deployment.change(model_source="openai", model_url=deployment.outputs.model_url)
    deployment.workspace.callers["key-of-another-server"] = "nobody"
    found = outcome(deployment, "scope", "model")
    assert {result.verdict for result in found.values()} == {CheckVerdict.PASSED}, found


def test_with_a_smoke_chat_the_message_is_delivered_there(deployment: Deployed) -> None:
    deployment.change(smoke_chat="9001")
    result = outcome(deployment, "message", deadline=10)["message"]
    assert "sent to the smoke chat; a press of 👍 is in feedback" in result.finding
    (row,) = deployment.rows("silver")
    assert (row["delivery_status"], row["channel_id"]) == ("sent", 9001)


def test_a_check_waits_for_a_warehouse_that_is_starting(deployment: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    deployment.workspace.statements.looks_until_done = 2
    monkeypatch.setattr("pipeline.view.warehouse._LOOK_EVERY", 0.01)
    assert outcome(deployment, "backlog")["backlog"].verdict is CheckVerdict.PASSED
    deployment.workspace.statements.looks_until_done = 1000
    monkeypatch.setattr("pipeline.view.warehouse._STATEMENT_WITHIN", 0.1)
    result = outcome(deployment, "backlog")["backlog"]
    assert result.finding == "the SQL warehouse warehouse1 did not answer within 0 s"
    assert deployment.workspace.statements.cancelled


def test_a_check_waits_for_a_run_that_is_starting(deployment: Deployed) -> None:
    _run(deployment, "PENDING", age=30)
    deployment.tell(state="stopped")
    looks: list[Call] = []

    def start(call: Call) -> None:
        if call.path.endswith("/runs/list"):
            looks.append(call)
        if len(looks) == 3:
            deployment.workspace.jobs.runs[0]["state"]["life_cycle_state"] = "RUNNING"
            deployment.tell(state="serving", said_at=datetime.now(UTC))

    deployment.workspace.before.append(start)
    assert outcome(deployment, "job", startup=20)["job"].verdict is CheckVerdict.PASSED


def test_only_one_check_waits_for_a_run_that_had_no_token_yet(deployment: Deployed) -> None:
    deployment.workspace.files.files.pop(f"{deployment.outputs.storage}/record.json")
    _run(deployment, "RUNNING", age=3600)
    began = time.monotonic()
    found = outcome(deployment, "job", "message", startup=1)
    assert {result.finding for result in found.values()} == {"a run is RUNNING, and its pipeline has said nothing yet"}
    assert 1 <= time.monotonic() - began < 2

    def start(call: Call) -> None:
        if call.path.endswith("/runs/list"):
            deployment.tell(started_at=datetime.now(UTC), said_at=datetime.now(UTC))

    deployment.workspace.after.append(start)
    assert outcome(deployment, "job", startup=20)["job"].verdict is CheckVerdict.PASSED


def test_a_check_waits_between_two_runs_of_a_continuous_job(deployment: Deployed) -> None:
    _run(deployment, "TERMINATED", "CANCELED", age=10)
    looks: list[Call] = []

    def start(call: Call) -> None:
        if call.path.endswith("/runs/list"):
            looks.append(call)
        if len(looks) == 3:
            deployment.workspace.jobs.began(JOB, age=1)
            looks.append(call)

    deployment.workspace.before.append(start)
    assert outcome(deployment, "job", startup=20)["job"].verdict is CheckVerdict.PASSED


def test_the_record_of_an_earlier_run_does_not_count_for_this_run(deployment: Deployed) -> None:
    _run(deployment, "RUNNING", age=30)
    now = datetime.now(UTC)
    deployment.tell(started_at=now - timedelta(hours=3), said_at=now - timedelta(seconds=50))
    assert outcome(deployment, "job")["job"].finding == "a run is RUNNING, and its pipeline has said nothing yet"


def test_a_short_outage_is_no_failure_and_a_lasting_one_is_reported_at_once(deployment: Deployed) -> None:
    now = datetime.now(UTC)
    looks: list[Call] = []

    def fix(call: Call) -> None:
        if call.path.endswith("/record.json"):
            looks.append(call)
        if len(looks) == 3:
            deployment.tell(problems={})

    deployment.tell(problems={"intake": {"reason": "502 Bad Gateway", "since": now - timedelta(minutes=3)}})
    assert outcome(deployment, "job", startup=20)["job"].finding == "intake is unavailable: 502 Bad Gateway"
    deployment.tell(problems={"intake": {"reason": "502 Bad Gateway", "since": now - timedelta(seconds=3)}})
    deployment.workspace.before.append(fix)
    assert outcome(deployment, "job", startup=20)["job"].verdict is CheckVerdict.PASSED


@pytest.mark.parametrize("minutes", [-5, 5])
def test_a_run_whose_record_changes_serves_whatever_the_callers_clock_says(deployment: Deployed, minutes: int) -> None:
    def say(call: Call) -> None:
        if call.path.endswith("/record.json"):
            deployment.tell(said_at=datetime.now(UTC) + timedelta(minutes=minutes))

    deployment.workspace.before.append(say)
    assert outcome(deployment, "job")["job"].verdict is CheckVerdict.PASSED


def test_the_principal_may_hold_a_privilege_that_everybody_has(deployment: Deployed) -> None:
    deployment.workspace.catalog.grants["lake"].pop(PRINCIPAL)
    deployment.workspace.catalog.grant("lake", "account users", "USE_CATALOG")
    assert outcome(deployment, "volumes")["volumes"].verdict is CheckVerdict.PASSED


def test_landed_files_that_were_read_are_no_backlog(deployment: Deployed) -> None:
    names = [f"{int((time.time() - 900 - age) * 1e6)}-1-1.jsonl" for age in range(5)]
    for name in names:
        deployment.workspace.files.give(f"{deployment.outputs.landing}/{name}", b"{}\n")
    deployment.workspace.files.give(
        f"{deployment.outputs.landing}/{int(time.time() * 1e6)}-tick.jsonl", b"{}\n", age=3600
    )
    deployment.add("bronze", *({"source_file": name, "disposition": "edit"} for name in names[:3]))
    deployment.add("quarantine", *({"source_file": name} for name in names[3:]))
    assert outcome(deployment, "backlog")["backlog"].finding == "nothing waits"


def _triggered(deployment: Deployed, cron: str = "0 0/15 * * * ?") -> None:
    deployment.change(trigger="triggered")
    settings = {
        "schedule": {"quartz_cron_expression": cron, "timezone_id": "UTC", "pause_status": "UNPAUSED"},
        "tasks": job_tasks(deployment.outputs),
    }
    deployment.workspace.jobs.give(JOB, settings, run_as=PRINCIPAL, creator=CALLER, age=90_000)
    _run(deployment, "TERMINATED", "SUCCESS", age=300)


def test_a_triggered_job_passes_after_a_success_within_its_schedule(deployment: Deployed) -> None:
    _triggered(deployment)
    result = outcome(deployment, "job")["job"]
    assert result.verdict is CheckVerdict.PASSED
    assert "the last one ended SUCCESS" in result.finding


@pytest.mark.parametrize(
    ("broken", "finding"),
    [
        (lambda m: _run(m, "TERMINATED", "FAILED", age=300), "the last run ended FAILED"),
        (lambda m: _run(m, "TERMINATED", "SUCCESS", age=7200), "and none has begun since"),
        (lambda m: m.workspace.jobs.runs.clear(), "the job has never run"),
        (
            lambda m: m.workspace.jobs.jobs[JOB]["settings"]["schedule"].update(pause_status="PAUSED"),
            "the job is paused",
        ),
        (lambda m: m.workspace.jobs.jobs[JOB]["settings"].pop("schedule"), "the job has no schedule"),
    ],
)
def test_a_triggered_job_fails_on_its_faults(
    deployment: Deployed, broken: Callable[[Deployed], object], finding: str
) -> None:
    _triggered(deployment)
    broken(deployment)
    result = outcome(deployment, "job")["job"]
    assert result.verdict is CheckVerdict.FAILED
    assert finding in result.finding


def test_the_message_starts_one_run_of_a_triggered_job_and_none_while_another_is_active(deployment: Deployed) -> None:
    _triggered(deployment)
    deployment.takes = "nothing"
    deployment.workspace.jobs.began(JOB, "RUNNING")
    assert outcome(deployment, "message")["message"].verdict is CheckVerdict.FAILED
    assert len(deployment.workspace.jobs.runs) == 2
    deployment.workspace.jobs.runs[0]["state"] = {"life_cycle_state": "TERMINATED", "result_state": "SUCCESS"}
    assert outcome(deployment, "message")["message"].verdict is CheckVerdict.FAILED
    assert len(deployment.workspace.jobs.runs) == 3


def test_a_triggered_job_that_was_never_due_passes_and_the_message_starts_it(
    deployment: Deployed,
) -> None:
    _triggered(deployment)
    deployment.workspace.jobs.jobs[JOB]["created_time"] = int(time.time() * 1000)
    deployment.workspace.jobs.runs.clear()
    claim = deployment.workspace.files.files.pop(f"{deployment.outputs.storage}/bot.json")

    def run(call: Call) -> None:
        if call.path.endswith("/run-now"):
            deployment.workspace.files.files[f"{deployment.outputs.storage}/bot.json"] = claim

    deployment.workspace.after.append(run)
    found = outcome(deployment, "job", "message", deadline=20)
    assert found["job"].finding == "runs as its principal on its schedule, which is yet to begin"
    assert found["message"].verdict is CheckVerdict.PASSED


def test_what_waits_for_the_next_scheduled_run_is_no_backlog(deployment: Deployed) -> None:
    _triggered(deployment, "0 0 0/1 * * ?")
    _unread_file(deployment)
    assert "(bound 3900 s)" in outcome(deployment, "backlog")["backlog"].finding
