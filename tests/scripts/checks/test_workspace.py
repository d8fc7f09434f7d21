"""The smoke tests of a deployment: each check passes where all is well, and fails on the fault that it is for."""

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
from tests.support.deployed import JOB, OPERATORS, PRINCIPAL, READERS, Deployed, deployed
from tests.support.workspace.errors import ApiError
from tests.support.workspace.secrets import Secret
from tests.support.workspace.server import CALLER, Call


@pytest.fixture(name="made")
def _made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    monkeypatch.setattr(workspace_checks, "_LOOK_EVERY", 0.05)
    monkeypatch.setattr(job_check, "_LOOK_EVERY", 0.05)
    with deployed(tmp_path) as made:
        monkeypatch.setenv("DATABRICKS_TOKEN", made.environment()["DATABRICKS_TOKEN"])
        yield made


def outcome(made: Deployed, *names: str, deadline: float = 1.0, startup: float = 0.3) -> dict[str, Result]:
    interruption = Interruption()
    checks = workspace_checks.workspace_checks(
        signed_in(made.outputs), made.outputs, interruption, Patience(deadline, startup)
    )
    chosen = [check for check in checks if not names or check.name in names]
    return {result.name: result for result in results(chosen, interruption, explain)}


def test_every_check_passes_where_all_is_well_and_leaves_nothing_but_the_marked_rows(made: Deployed) -> None:
    before = set(made.workspace.files.files)
    found = outcome(made, deadline=20)
    assert list(found) == list(NAMES)
    assert {result.verdict for result in found.values()} == {CheckVerdict.PASSED}, found
    assert {path.rpartition("/")[2] for path in set(made.workspace.files.files) - before} == set(made.landed)
    (row,) = made.rows("silver")
    assert row["origin"].startswith("probe:smoke-")
    assert (row["delivery_status"], row["channel_id"]) == ("withheld", 0)
    written = [call for call in made.workspace.calls if call.method not in ("GET", "HEAD")]
    assert {call.path.partition("/files")[0] for call in written} == {"/api/2.0/fs", "/api/2.0/sql/statements"}
    assert all(call["statement"].lstrip().startswith(("SELECT", "WITH")) for call in made.workspace.statements.executed)


def _no_volume_right(made: Deployed) -> None:
    made.workspace.catalog.grants["lake.bot.state"][PRINCIPAL].remove("WRITE_VOLUME")


def _run(made: Deployed, state: str, result: str | None = None, **more: Any) -> None:
    made.workspace.jobs.runs.clear()
    made.workspace.jobs.began(JOB, state, result, **more)


def _unread_file(made: Deployed) -> None:
    seq = int((time.time() - 900) * 1e6)
    made.workspace.files.give(f"{made.outputs.landing}/{seq}-1-1.jsonl", b"{}\n")


def _unanswered(made: Deployed) -> None:
    made.add("bronze", {"bot_id": 42, "update_id": 1, "chat_id": 7, "message_id": 5, "disposition": "answer",
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
    ("message", lambda m: m.workspace.jobs.runs.clear(), "no run is active"),
    ("message", lambda m: m.workspace.files.closed.add(m.outputs.landing), "the workspace does not permit this"),
]


@pytest.mark.parametrize(("name", "broken", "finding"), FAULTS, ids=[f"{n}-{f[:40]}" for n, _, f in FAULTS])
def test_a_check_fails_on_its_fault_and_says_the_fix(
    made: Deployed, name: str, broken: Callable[[Deployed], object], finding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scripts.target.deployed._WAITS", WaitLimits(request=30, retries=1))
    broken(made)
    result = outcome(made, name)[name]
    assert result.verdict is CheckVerdict.FAILED
    assert finding in result.finding
    assert result.fix
    assert not [path for path in made.waiting() if "/_done/" not in path and made.takes == "nothing"]


def test_a_caller_who_may_not_write_to_the_volumes_still_learns_who_may(made: Deployed) -> None:
    made.workspace.files.closed |= {made.outputs.landing, made.outputs.storage}
    result = outcome(made, "volumes")["volumes"]
    assert result.verdict is CheckVerdict.PASSED
    assert result.finding.endswith("not written by the caller, who has no right to")


def test_a_caller_who_may_not_see_grants_is_told_to_run_it_as_the_owner(made: Deployed) -> None:
    def refuse(call: Call) -> None:
        if "effective-permissions" in call.path or "/permissions/jobs/" in call.path:
            raise ApiError(403, "PERMISSION_DENIED", "no")

    made.workspace.before.append(refuse)
    found = outcome(made, "volumes", "job")
    assert found["volumes"].finding == "the caller may not see the grants on catalog lake"
    assert found["volumes"].fix.startswith("run it as whoever deployed it")
    assert found["job"].verdict is CheckVerdict.PASSED
    assert found["job"].finding.endswith("who may run it can't be seen by the caller")


def test_a_probe_file_left_by_a_killed_check_is_removed_by_a_later_one(made: Deployed) -> None:
    left, young = f"{made.outputs.landing}/_smoke-0123456789ab", f"{made.outputs.landing}/_smoke-ba9876543210"
    made.workspace.files.give(left, b"", age=7200)
    made.workspace.files.give(young, b"", age=60)
    assert outcome(made, "volumes")["volumes"].verdict is CheckVerdict.PASSED
    assert young in made.workspace.files.files
    assert left not in made.workspace.files.files


def test_a_check_that_can_not_remove_what_it_made_says_so(made: Deployed) -> None:
    def fail(call: Call) -> None:
        if call.method == "DELETE":
            raise ApiError(400, "BAD_REQUEST", "not now")

    made.workspace.before.append(fail)
    result = outcome(made, "volumes")["volumes"]
    assert result.verdict is CheckVerdict.FAILED
    assert "what it created could not be removed: the workspace rejects the request: not now" in result.finding


def test_the_model_of_another_server_is_asked_with_the_key_of_the_scope(made: Deployed) -> None:
    made.model.api_key = "key-of-another-server"
    made.workspace.secrets.scopes["bot-prod"].secrets["llm-api-key"] = Secret(b"key-of-another-server", 0)
    made.change(model_source="openai", model_url=made.outputs.model_url)
    made.workspace.callers["key-of-another-server"] = "nobody"
    found = outcome(made, "scope", "model")
    assert {result.verdict for result in found.values()} == {CheckVerdict.PASSED}, found


def test_with_a_smoke_chat_the_message_is_delivered_there(made: Deployed) -> None:
    made.change(smoke_chat="9001")
    result = outcome(made, "message", deadline=10)["message"]
    assert result.finding.endswith("sent to the smoke chat")
    (row,) = made.rows("silver")
    assert (row["delivery_status"], row["channel_id"]) == ("sent", 9001)


def test_a_warehouse_that_only_just_starts_is_waited_for(made: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    made.workspace.statements.looks_until_done = 2
    monkeypatch.setattr("pipeline.view.warehouse._LOOK_EVERY", 0.01)
    assert outcome(made, "backlog")["backlog"].verdict is CheckVerdict.PASSED
    made.workspace.statements.looks_until_done = 1000
    monkeypatch.setattr("pipeline.view.warehouse._STATEMENT_WITHIN", 0.1)
    result = outcome(made, "backlog")["backlog"]
    assert result.finding == "the SQL warehouse warehouse1 did not answer within 0 s"
    assert made.workspace.statements.cancelled


def test_a_run_that_is_only_just_starting_is_waited_for(made: Deployed) -> None:
    _run(made, "PENDING", age=30)
    made.tell(state="stopped")
    looks: list[Call] = []

    def start(call: Call) -> None:
        if call.path.endswith("/runs/list"):
            looks.append(call)
        if len(looks) == 3:
            made.workspace.jobs.runs[0]["state"]["life_cycle_state"] = "RUNNING"
            made.tell(state="serving", said_at=datetime.now(UTC))

    made.workspace.before.append(start)
    assert outcome(made, "job", startup=20)["job"].verdict is CheckVerdict.PASSED


def test_a_run_that_failed_for_want_of_its_first_token_is_waited_for_and_by_one_check_alone(made: Deployed) -> None:
    made.workspace.files.files.pop(f"{made.outputs.storage}/record.json")
    _run(made, "RUNNING", age=3600)
    began = time.monotonic()
    found = outcome(made, "job", "message", startup=1)
    assert {result.finding for result in found.values()} == {"a run is RUNNING, and its pipeline has said nothing yet"}
    assert 1 <= time.monotonic() - began < 2

    def start(call: Call) -> None:
        if call.path.endswith("/runs/list"):
            made.tell(started_at=datetime.now(UTC), said_at=datetime.now(UTC))

    made.workspace.after.append(start)
    assert outcome(made, "job", startup=20)["job"].verdict is CheckVerdict.PASSED


def test_the_moment_between_two_runs_of_a_continuous_job_is_waited_for(made: Deployed) -> None:
    _run(made, "TERMINATED", "CANCELED", age=10)
    looks: list[Call] = []

    def start(call: Call) -> None:
        if call.path.endswith("/runs/list"):
            looks.append(call)
        if len(looks) == 3:
            made.workspace.jobs.began(JOB, age=1)
            looks.append(call)

    made.workspace.before.append(start)
    assert outcome(made, "job", startup=20)["job"].verdict is CheckVerdict.PASSED


def test_a_record_that_the_run_before_left_behind_is_not_taken_for_this_run_s(made: Deployed) -> None:
    _run(made, "RUNNING", age=30)
    now = datetime.now(UTC)
    made.tell(started_at=now - timedelta(hours=3), said_at=now - timedelta(seconds=50))
    assert outcome(made, "job")["job"].finding == "a run is RUNNING, and its pipeline has said nothing yet"


def test_what_is_out_for_a_moment_is_no_fault_and_what_lasts_is_told_at_once(made: Deployed) -> None:
    now = datetime.now(UTC)
    looks: list[Call] = []

    def fix(call: Call) -> None:
        if call.path.endswith("/record.json"):
            looks.append(call)
        if len(looks) == 3:
            made.tell(problems={})

    made.tell(problems={"intake": {"reason": "502 Bad Gateway", "since": now - timedelta(minutes=3)}})
    assert outcome(made, "job", startup=20)["job"].finding == "intake is unavailable: 502 Bad Gateway"
    made.tell(problems={"intake": {"reason": "502 Bad Gateway", "since": now - timedelta(seconds=3)}})
    made.workspace.before.append(fix)
    assert outcome(made, "job", startup=20)["job"].verdict is CheckVerdict.PASSED


@pytest.mark.parametrize("minutes", [-5, 5])
def test_a_run_that_goes_on_saying_so_serves_whatever_the_callers_clock_says(made: Deployed, minutes: int) -> None:
    def say(call: Call) -> None:
        if call.path.endswith("/record.json"):
            made.tell(said_at=datetime.now(UTC) + timedelta(minutes=minutes))

    made.workspace.before.append(say)
    assert outcome(made, "job")["job"].verdict is CheckVerdict.PASSED


def test_what_the_principal_has_as_one_of_everybody_it_need_not_have_itself(made: Deployed) -> None:
    made.workspace.catalog.grants["lake"].pop(PRINCIPAL)
    made.workspace.catalog.grant("lake", "account users", "USE_CATALOG")
    assert outcome(made, "volumes")["volumes"].verdict is CheckVerdict.PASSED


def test_landed_files_that_the_tables_have_are_no_backlog(made: Deployed) -> None:
    names = [f"{int((time.time() - 900 - age) * 1e6)}-1-1.jsonl" for age in range(5)]
    for name in names:
        made.workspace.files.give(f"{made.outputs.landing}/{name}", b"{}\n")
    made.workspace.files.give(f"{made.outputs.landing}/{int(time.time() * 1e6)}-tick.jsonl", b"{}\n", age=3600)
    made.add("bronze", *({"source_file": name, "disposition": "edit"} for name in names[:3]))
    made.add("quarantine", *({"source_file": name} for name in names[3:]))
    assert outcome(made, "backlog")["backlog"].finding == "nothing waits"


def _triggered(made: Deployed, cron: str = "0 0/15 * * * ?") -> None:
    made.change(trigger="triggered")
    settings = {"schedule": {"quartz_cron_expression": cron, "timezone_id": "UTC", "pause_status": "UNPAUSED"}}
    made.workspace.jobs.give(JOB, settings, run_as=PRINCIPAL, creator=CALLER, age=90_000)
    _run(made, "TERMINATED", "SUCCESS", age=300)


def test_a_triggered_job_is_well_after_a_success_within_its_schedule(made: Deployed) -> None:
    _triggered(made)
    result = outcome(made, "job")["job"]
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
        (lambda m: m.workspace.jobs.jobs[JOB]["settings"].clear(), "the job has no schedule"),
    ],
)
def test_a_triggered_job_fails_on_its_faults(
    made: Deployed, broken: Callable[[Deployed], object], finding: str
) -> None:
    _triggered(made)
    broken(made)
    result = outcome(made, "job")["job"]
    assert result.verdict is CheckVerdict.FAILED
    assert finding in result.finding


def test_a_triggered_job_is_run_once_for_the_message_and_not_while_another_run_is_active(made: Deployed) -> None:
    _triggered(made)
    made.takes = "nothing"
    made.workspace.jobs.began(JOB, "RUNNING")
    assert outcome(made, "message")["message"].verdict is CheckVerdict.FAILED
    assert len(made.workspace.jobs.runs) == 2
    made.workspace.jobs.runs[0]["state"] = {"life_cycle_state": "TERMINATED", "result_state": "SUCCESS"}
    assert outcome(made, "message")["message"].verdict is CheckVerdict.FAILED
    assert len(made.workspace.jobs.runs) == 3


def test_a_triggered_job_that_was_not_due_since_it_was_deployed_is_well_and_is_run_for_the_message(
    made: Deployed,
) -> None:
    _triggered(made)
    made.workspace.jobs.jobs[JOB]["created_time"] = int(time.time() * 1000)
    made.workspace.jobs.runs.clear()
    claim = made.workspace.files.files.pop(f"{made.outputs.storage}/bot.json")

    def run(call: Call) -> None:
        if call.path.endswith("/run-now"):
            made.workspace.files.files[f"{made.outputs.storage}/bot.json"] = claim

    made.workspace.after.append(run)
    found = outcome(made, "job", "message", deadline=20)
    assert found["job"].finding == "runs as its principal on its schedule, which is yet to begin"
    assert found["message"].verdict is CheckVerdict.PASSED


def test_what_waits_for_the_next_scheduled_run_is_no_backlog(made: Deployed) -> None:
    _triggered(made, "0 0 0/1 * * ?")
    _unread_file(made)
    assert "(bound 3900 s)" in outcome(made, "backlog")["backlog"].finding
