"""The script as an operator calls it, over a workspace's own API, with and without AWS."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import rotate

from tests.secrets.conftest import Call
from tests.support.rotating import NEW, NEW_KEY, OLD, OLD_KEY, OTHERS, Rotating
from tests.support.workspace.server import Call as Asked


def test_a_new_token_becomes_what_the_job_reads_and_the_old_one_is_kept(deployment: Rotating, call: Call) -> None:
    deployment.telegram.rotate_token(NEW)
    code, said = call("telegram-token", given=NEW)
    assert code == 0, said
    assert deployment.held() == {"telegram-token": NEW, "telegram-token.previous": OLD, "llm-api-key": OLD_KEY}


def test_a_new_key_is_proved_by_a_completion_and_then_promoted(deployment: Rotating, call: Call) -> None:
    deployment.model.api_key = NEW_KEY
    code, said = call("llm-api-key", given=NEW_KEY)
    assert code == 0, said
    assert deployment.held() == {"telegram-token": OLD, "llm-api-key": NEW_KEY, "llm-api-key.previous": OLD_KEY}
    assert deployment.model.calls


@pytest.mark.parametrize(
    ("secret", "given", "reason"),
    [
        ("telegram-token", OTHERS, "it is a token of bot 43, and this deployment's bot is 42"),
        ("telegram-token", NEW, "Telegram does not accept it (401)"),
        ("telegram-token", "not a token", "it is not a token"),
        ("llm-api-key", NEW_KEY, "the model's server does not accept it (401)"),
    ],
)
def test_a_value_that_does_not_prove_itself_changes_nothing(
    secret: str, given: str, reason: str, deployment: Rotating, call: Call
) -> None:
    before = deployment.held()
    code, said = call(secret, given=given)
    assert code == 1
    assert reason in said
    assert "nothing was changed" in said
    assert deployment.held() == before
    assert not [path for path in deployment.writes if "/secrets/" in path]


def test_with_no_value_given_and_nothing_unfinished_it_can_not_run(deployment: Rotating, call: Call) -> None:
    code, said = call("telegram-token")
    assert code == 2
    assert "no new telegram-token was given" in said


def test_the_bot_that_the_storage_belongs_to_decides_over_the_token_in_use(deployment: Rotating, call: Call) -> None:
    deployment.workspace.files.give("/Volumes/main/bot_prod/state/bot.json", b'{"bot_id": 43}')
    code, said = call("telegram-token", given=OLD)
    assert code == 1
    assert "it is a token of bot 42, and this deployment's bot is 43" in said


def test_the_first_token_of_a_deployment_needs_no_one_before_it(deployment: Rotating, call: Call) -> None:
    deployment.workspace.secrets.scopes["bot-prod"].secrets.clear()
    code, said = call("telegram-token", given=OLD)
    assert code == 0, said
    assert deployment.held() == {"telegram-token": OLD}


def test_a_value_that_is_current_already_is_proved_again_and_written_nowhere(deployment: Rotating, call: Call) -> None:
    code, said = call("telegram-token", given=OLD)
    assert code == 0
    assert "it was proved again, and nothing was changed" in said
    assert deployment.held() == {"telegram-token": OLD, "llm-api-key": OLD_KEY}
    _, status = call("status", "--json")
    assert json.loads(status)["secrets"]["telegram-token"]["current"]["proved_at"]


def test_a_rollback_brings_back_a_key_that_still_works_and_keeps_the_one_rolled_back(
    deployment: Rotating, call: Call
) -> None:
    deployment.model.api_key = NEW_KEY
    call("llm-api-key", given=NEW_KEY)
    before = json.loads(call("status", "--json")[1])["secrets"]["llm-api-key"]
    deployment.model.api_key = OLD_KEY
    code, said = call("llm-api-key", "--rollback")
    assert code == 0, said
    assert deployment.held() == {"telegram-token": OLD, "llm-api-key": OLD_KEY, "llm-api-key.previous": NEW_KEY}
    after = json.loads(call("status", "--json")[1])["secrets"]["llm-api-key"]
    assert after["current"]["version"] == before["previous"]["version"]
    assert after["previous"]["version"] == before["current"]["version"]


def test_a_rollback_to_a_token_that_botfather_has_killed_is_refused(deployment: Rotating, call: Call) -> None:
    deployment.telegram.rotate_token(NEW)
    call("telegram-token", given=NEW)
    before = deployment.held()
    code, said = call("telegram-token", "--rollback")
    assert code == 1
    assert "revoked, as each token is when BotFather issues the next" in said
    assert deployment.held() == before


def test_a_rollback_with_no_version_before_is_refused(deployment: Rotating, call: Call) -> None:
    code, said = call("telegram-token", "--rollback")
    assert code == 1
    assert "there is no previous version to go back to" in said


def test_a_dry_run_shows_the_steps_tests_the_value_and_writes_nothing(deployment: Rotating, call: Call) -> None:
    deployment.telegram.rotate_token(NEW)
    before = deployment.held()
    code, said = call("telegram-token", "--dry-run", given=NEW)
    assert code == 0
    assert [line.split()[0] for line in said.splitlines() if line.startswith("  ")] == [
        *("current", "pending", "previous"),
        *("check", "create", "set", "test", "finish", "clear"),
    ]
    assert "the value passes its test" in said
    assert call("telegram-token", "--dry-run", given=OTHERS)[0] == 1
    assert call("telegram-token", "--dry-run", "--rollback")[0] == 1
    assert deployment.held() == before
    assert not deployment.writes
    assert not deployment.audit.exists()


def test_what_another_call_has_finished_meanwhile_is_not_taken_for_proved(deployment: Rotating, call: Call) -> None:
    scope = deployment.workspace.secrets.scopes["bot-prod"]
    scope.secrets["telegram-token.pending"] = scope.secrets["telegram-token"]

    def finish(asked: Asked) -> None:
        if b"rotation.lock" in asked.body:
            scope.secrets.pop("telegram-token.pending", None)

    deployment.workspace.after.append(finish)
    code, said = call("telegram-token")
    assert code == 0
    assert "another call has finished it" in said
    assert not json.loads(call("status", "--json")[1])["secrets"]["telegram-token"]["current"]["proved_at"]


def test_a_model_that_the_workspace_serves_has_no_key_to_rotate(deployment: Rotating, call: Call) -> None:
    deployment.changes["model_source"] = "databricks"
    code, said = call("llm-api-key", given=NEW_KEY)
    assert code == 2
    assert "needs no key" in said
    assert list(json.loads(call("status", "--json")[1])["secrets"]) == ["telegram-token"]


def test_status_shows_versions_ages_and_proofs_and_reads_no_value(deployment: Rotating, call: Call) -> None:
    deployment.telegram.rotate_token(NEW)
    call("telegram-token", given=NEW)
    deployment.workspace.calls.clear()
    code, said = call("status")
    assert code == 0
    rows = [line for line in said.splitlines() if "│" in line]
    assert len(rows) == 2
    assert "by hand" in rows[0]  # the key, which no rotation has written
    assert "never" in rows[1]
    facts = json.loads(call("status", "--json")[1])
    current = facts["secrets"]["telegram-token"]["current"]
    assert current["age_seconds"] < 30
    assert current["proved_at"]
    assert facts["secrets"]["telegram-token"]["previous"]["version"] == "by hand"
    assert facts["lock"] is None
    assert not deployment.writes
    for secret in (OLD, NEW, OLD_KEY):
        assert secret not in said


def test_status_says_when_somebody_else_has_written_a_secret_since(deployment: Rotating, call: Call) -> None:
    deployment.telegram.rotate_token(NEW)
    call("telegram-token", given=NEW)
    scope = deployment.workspace.secrets.scopes["bot-prod"]
    scope.secrets["telegram-token"].updated_at += 1
    status = json.loads(call("status", "--json")[1])
    assert status["secrets"]["telegram-token"]["current"]["version"] == "by hand"


def test_every_step_is_in_the_audit_log_here_and_in_the_state_volume(deployment: Rotating, call: Call) -> None:
    deployment.telegram.rotate_token(NEW)
    call("telegram-token", given=NEW)
    lines = [json.loads(line) for line in deployment.audit.read_text().splitlines()]
    assert [(line["step"], line["outcome"]) for line in lines if line["outcome"] != "begun"] == [
        (step, "done") for step in ("check", "create", "test", "finish", "clear", "call")
    ]
    assert {line["environment"] for line in lines} == {"prod"}
    assert {line["secret"] for line in lines} == {"telegram-token"}
    (shared,) = deployment.workspace.files.within("/Volumes/main/bot_prod/state/audit")
    assert deployment.workspace.files.files[shared].content == deployment.audit.read_bytes()


def test_a_rotation_ends_well_where_the_state_volume_can_not_be_written(deployment: Rotating, call: Call) -> None:
    deployment.workspace.files.closed.add("/Volumes/main/bot_prod/state")
    deployment.telegram.rotate_token(NEW)
    code, said = call("telegram-token", given=NEW)
    assert code == 0
    assert "the state volume could not be written" in said


def test_an_audit_log_that_can_not_be_written_stops_a_rotation_before_it_begins(
    deployment: Rotating, call: Call
) -> None:
    deployment.audit.mkdir()
    code, said = call("telegram-token", given=NEW)
    assert code == 2
    assert "--audit" in said
    assert deployment.held()["telegram-token"] == OLD


@pytest.mark.parametrize("right", ["READ", None])
def test_a_caller_without_the_right_to_write_is_told_so(right: str | None, deployment: Rotating, call: Call) -> None:
    deployment.telegram.rotate_token(NEW)
    acls = deployment.workspace.secrets.scopes["bot-prod"].acls
    acls.clear()
    if right:
        acls["deployer@example.org"] = right
    code, said = call("telegram-token", given=NEW)
    assert code == 2
    assert f"{'WRITE' if right else 'READ'} on the scope is needed" in said


def test_a_refused_credential_and_a_missing_scope_are_one_line_each(
    deployment: Rotating, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.changes["secret_scope"] = "nowhere"
    assert call("status") == (2, "scope nowhere: there is no such scope: deploy the stack first")
    deployment.changes.clear()
    deployment.workspace.callers.clear()
    code, said = call("status")
    assert code == 2
    assert "the workspace refuses the credential: log in again" in said


def test_while_telegram_can_not_tell_the_job_keeps_its_token_and_the_next_call_goes_on(
    deployment: Rotating, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.telegram.rotate_token(NEW)
    monkeypatch.setattr("rotation.proof._PATIENCE", 0.0)

    def break_it(asked: Asked) -> None:
        if asked.path.endswith("/secrets/put") and b'"telegram-token.pending"' in asked.body:
            deployment.break_telegram()

    deployment.workspace.after.append(break_it)
    code, said = call("telegram-token", given=NEW)
    assert code == 1
    assert "the pending value can't be tested now" in said
    assert "the job still reads the previous one" in said
    assert deployment.held()["telegram-token"] == OLD
    assert json.loads(call("status", "--json")[1])["secrets"]["telegram-token"]["unfinished"]

    deployment.workspace.after.clear()
    deployment.heal_telegram()
    code, said = call("telegram-token")
    assert code == 0, said
    assert deployment.held() == {"telegram-token": NEW, "telegram-token.previous": OLD, "llm-api-key": OLD_KEY}


def test_no_value_is_in_anything_printed_or_written_whatever_comes_of_a_call(
    deployment: Rotating, call: Call, tmp_path: Path
) -> None:
    deployment.telegram.rotate_token(NEW)
    said = [
        call("telegram-token", given=OTHERS)[1],
        call("telegram-token", given=f"{NEW} and more")[1],
        call("telegram-token", "--dry-run", given=NEW)[1],
        call("telegram-token", given=NEW)[1],
        call("telegram-token", "--rollback")[1],
        call("llm-api-key", given=NEW_KEY)[1],
        call("status")[1],
        call("status", "--json")[1],
    ]
    written = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    shared = [file.content.decode() for file in deployment.workspace.files.files.values()]
    assert len(shared) == 5
    for value in (OLD, NEW, OTHERS, OLD_KEY, NEW_KEY):
        assert not [text for text in [*said, *written, *shared] if value in text]


def test_an_error_that_nobody_foresaw_is_one_line_without_its_text(
    deployment: Rotating, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError(f"something about {NEW}")

    monkeypatch.setattr(rotate, "Deployment", fail)
    monkeypatch.setattr("sys.argv", ["rotate.py", *deployment.words("status")])
    with pytest.raises(SystemExit) as ended:
        rotate.main()
    assert ended.value.code == 1
    shown = capsys.readouterr().err
    assert shown.startswith("rotate: RuntimeError in test_rotate.py:")
    assert shown.count("\n") == 1
    assert NEW not in shown


@pytest.mark.parametrize("words", [("status", "--dry-run"), ("status", "--rollback"), ("telegram-token", "--json")])
def test_options_that_do_not_go_together_are_said_so(words: tuple[str, ...], deployment: Rotating, call: Call) -> None:
    code, said = call(*words)
    assert code == 2
    assert "leave" in said
    assert not deployment.workspace.calls


def test_a_stack_s_outputs_that_are_another_s_are_refused(deployment: Rotating, call: Call) -> None:
    deployment.changes["environment"] = "dev"
    code, said = call("telegram-token", given=NEW)
    assert code == 2
    assert "is of 'dev', not of 'prod'" in said
