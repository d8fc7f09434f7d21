"""A call of the engine: everything that it needs is checked first, and the caller learns what is missing."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from pipeline.errors import SettingsError
from pipeline.platform.databricks import WaitLimits
from scripts.engine import calls, prerequisites
from scripts.engine.calls import StackError, Verb, command_line
from scripts.engine.deploy import deploy
from scripts.engine.failure import QUERY_HISTORY
from scripts.engine.prerequisites import needs_passphrase, settings_file
from tests.support.fake_engine import STACK_URN, TRACEBACK, WHO_AM_I, FakeEngine, WhoAmI, diagnostic, urn_of

ACCOUNT = "2f1c"


def refusal(verb: Verb = Verb.UP, name: str = "dev", kind: type[Exception] = StackError) -> str:
    with pytest.raises(kind) as refused:
        deploy(verb, name)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_the_engine_deploys_after_every_check_and_under_the_policies(engine: FakeEngine, workspace: WhoAmI) -> None:
    assert deploy(Verb.UP, "dev", yes=True, more=["--diff"])
    assert [call[0] for call in engine.calls] == ["version", "whoami", "stack", "config", "up"]
    assert engine.calls[-1] == ["up", "--stack", "dev", "--policy-pack", "infra/policy", "--yes", "--diff"]
    assert all("--non-interactive" in call for call in engine.calls[:-1])
    assert workspace.asked == [WHO_AM_I]


def test_the_engine_asks_before_it_changes_anything_unless_yes_is_given(engine: FakeEngine) -> None:
    assert deploy(Verb.UP, "dev")
    assert "--yes" not in engine.calls[-1]
    assert "--non-interactive" not in engine.calls[-1]
    assert "--yes" not in command_line(Verb.PREVIEW, "dev", protect=False, yes=True)


def test_a_missing_stack_is_created_except_for_a_destroy(engine: FakeEngine) -> None:
    for verb, create in ((Verb.PREVIEW, True), (Verb.UP, True), (Verb.DESTROY, False)):
        assert deploy(verb, "dev")
        selected = [call for call in engine.calls if call[0] == "stack"][-1]
        assert selected[:4] == ["stack", "select", "--stack", "dev"]
        assert ("--create" in selected) is create
    engine.answer(stack={"code": 255, "err": "warning: old\nerror: no stack named 'dev' found\n"})
    assert "stack dev can't be selected (no stack named 'dev' found): `pulumi stack ls" in refusal(Verb.DESTROY)
    assert engine.calls[-1][0] == "stack"


def test_a_failed_engine_gives_false_and_shows_its_output(
    engine: FakeEngine, capfd: pytest.CaptureFixture[str]
) -> None:
    engine.answer(up={"code": 4, "out": "Diagnostics: no such node type", "err": "error: update failed\n"})
    assert not deploy(Verb.UP, "dev")
    shown = capfd.readouterr()
    assert "no such node type" in shown.out
    assert "update failed" in shown.err


@pytest.mark.parametrize("verb", [Verb.UP, Verb.PREVIEW, Verb.DESTROY])
def test_after_a_failed_engines_own_output_comes_the_one_line_that_matters(
    engine: FakeEngine, capfd: pytest.CaptureFixture[str], verb: Verb
) -> None:
    table = urn_of("databricks:index/sqlTable:SqlTable", "silver")
    failed = "cannot create sql table: statement failed to execute: FAILED: provider=databricks@1.118.0\n"
    events = [diagnostic(TRACEBACK, STACK_URN), diagnostic(failed, table), diagnostic("update failed\n", "")]
    engine.answer(**{verb: {"code": 255, "out": TRACEBACK, "err": "error: update failed\n", "events": events}})
    assert not deploy(verb, "dev")
    shown = capfd.readouterr()
    assert "Traceback" in shown.out
    assert shown.err.splitlines() == [
        "error: update failed",
        f"stack: silver (SqlTable): cannot create sql table: statement failed to execute: FAILED: {QUERY_HISTORY}",
    ]


def test_the_line_that_matters_steers_no_terminal_and_shows_no_secret(
    engine: FakeEngine, capfd: pytest.CaptureFixture[str]
) -> None:
    message = f"cannot create job: \x1b[2J\u202e {123456789}:{'Aa1' * 12}\n"
    engine.answer(up={"code": 1, "events": [diagnostic(message, urn_of("x:y/job:Job", "job"))]})
    assert not deploy(Verb.UP, "dev")
    assert capfd.readouterr().err == "stack: job (Job): cannot create job: \\x1b[2J\\u202e <secret>\n"


def test_an_engine_that_succeeds_leaves_nothing_behind_and_gets_no_line(
    engine: FakeEngine, capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    engine.answer(up={"events": [diagnostic("a warning\n", STACK_URN, severity="warning")]})
    assert deploy(Verb.UP, "dev")
    assert capfd.readouterr().err == ""
    assert list(scratch.iterdir()) == []


def test_destroy_leaves_what_is_protected_and_says_how_to_give_it_up(
    engine: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert deploy(Verb.DESTROY, "dev")
    assert engine.calls[-1] == ["destroy", "--stack", "dev"]
    assert capsys.readouterr().err == ""
    engine.config["protect"] = "true"
    engine.answer()
    assert deploy(Verb.DESTROY, "prod", yes=True)
    assert engine.calls[-1] == ["destroy", "--stack", "prod", "--exclude-protected", "--yes"]
    said = capsys.readouterr().err
    assert "stay" in said
    assert "pulumi state unprotect --all --stack prod" in said
    assert "make destroy STACK=prod" in said


def test_without_a_stack_the_existing_ones_are_named(project: Path) -> None:
    assert "STACK is not set: say `make up STACK=…` with one of dev, prod" in refusal(name="")
    assert "STACK is 'qa', of which there is no Pulumi.qa.yaml: give one of dev, prod" in refusal(name="qa")
    for file in project.glob("Pulumi.*.yaml"):
        file.unlink()
    assert "there is no Pulumi.dev.yaml: give a stack, once there is its Pulumi.<stack>.yaml" in refusal()


def test_a_stack_may_be_named_with_its_organisation(engine: FakeEngine, project: Path) -> None:
    assert settings_file(Verb.UP, "acme/dev") == project / "Pulumi.dev.yaml"
    assert deploy(Verb.PREVIEW, "acme/dev")
    assert engine.calls[-1][:3] == ["preview", "--stack", "acme/dev"]


def test_a_missing_old_or_unknown_engine_is_refused(
    engine: FakeEngine, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.answer(version={"out": "v3.249.9"})
    assert refusal() == "pulumi is v3.249.9: install version 3.250 or later"
    engine.answer(version={"out": "who knows"})
    assert "`pulumi version` prints no version" in refusal()
    engine.answer(version={"out": "v4.0.0"}, whoami={"code": 1})
    assert "not logged in" in refusal()
    monkeypatch.setenv("PATH", str(project))
    assert "pulumi is not on the PATH: install version 3.250 or later" in refusal()


def test_a_missing_login_is_reported_without_a_secret(engine: FakeEngine) -> None:
    engine.answer(whoami={"code": 1, "err": f"error: token {123456789}:{'Aa1' * 12} is invalid\n"})
    assert refusal().startswith("pulumi is not logged in (token <secret> is invalid): run `pulumi login`")
    engine.answer(whoami={"out": "me"})
    assert "names no backend" in refusal()


def test_an_engine_that_does_not_answer_is_reported_within_its_limit(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "_ANSWER_WITHIN", 0.5)
    engine.answer(whoami={"waits": True})
    assert "`pulumi whoami` did not answer within 0 s" in refusal()


@pytest.mark.parametrize(
    ("backend", "file", "needed"),
    [
        ("file://~", {}, True),
        ("s3://state", {}, True),
        ("https://app.pulumi.com/me", {}, False),
        ("https://app.pulumi.com/me", {"encryptionsalt": "v1:x"}, True),
        ("https://app.pulumi.com/me", {"secretsprovider": "passphrase"}, True),
        ("file://~", {"secretsprovider": "awskms://alias/key"}, False),
    ],
)
def test_a_passphrase_is_needed_where_it_encrypts_the_secrets(backend: str, file: dict[str, str], needed: bool) -> None:
    assert needs_passphrase(backend, file) is needed


def test_a_missing_passphrase_is_reported_before_the_engine_asks_for_it(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.answer(whoami={"out": json.dumps({"user": "me", "url": "file:///state"})})
    assert "PULUMI_CONFIG_PASSPHRASE_FILE is not set" in refusal()
    assert engine.calls[-1][0] == "whoami"
    # An empty passphrase is one.
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "")
    assert deploy(Verb.PREVIEW, "dev")
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE_FILE", "passphrase")
    assert deploy(Verb.PREVIEW, "dev")


@pytest.mark.parametrize(("text", "said"), [("config: [", "can't be read as YAML"), ("- a", "holds no settings")])
def test_a_stack_file_without_settings_is_refused(engine: FakeEngine, project: Path, text: str, said: str) -> None:
    (project / "Pulumi.dev.yaml").write_text(text)
    assert f"Pulumi.dev.yaml {said}" in refusal()


def test_settings_are_checked_before_the_engine_starts(engine: FakeEngine) -> None:
    engine.config |= {"host": "", "protect": "true"}
    engine.answer()
    assert "host is not set" in refusal(kind=SettingsError)
    engine.config["hots"] = "x"
    engine.answer()
    assert "hots is no setting: did you mean host?" in refusal(kind=SettingsError)
    engine.answer(config={"code": 255, "err": "error: could not load Pulumi.yaml\n"})
    assert "the settings of stack dev can't be read (could not load Pulumi.yaml)" in refusal()
    assert {call[0] for call in engine.calls} == {"version", "whoami", "stack", "config"}


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "refuses the credential"),
        (403, "refuses the credential"),
        (404, "can't say who you are (quota of)"),
    ],
)
def test_a_workspace_that_refuses_the_caller_is_named(
    engine: FakeEngine, workspace: WhoAmI, status: int, said: str
) -> None:
    workspace.status = status
    refused = refusal()
    assert f"the workspace at {workspace.host} {said}" in refused
    assert "a-token" not in refused
    assert engine.calls[-1][0] == "config"


def test_missing_credentials_and_two_sets_of_them_are_reported(
    engine: FakeEngine, workspace: WhoAmI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABRICKS_CLIENT_ID", "id")
    monkeypatch.setenv("DATABRICKS_CLIENT_SECRET", "hunter2")
    refused = refusal()
    assert "can't be used (" in refused
    assert "hunter2" not in refused
    for key in ("CLIENT_ID", "CLIENT_SECRET", "TOKEN"):
        monkeypatch.delenv(f"DATABRICKS_{key}")
    assert f"no credentials for the workspace at {workspace.host}: log in with `databricks auth login" in refusal()


def test_an_unreachable_workspace_is_reported_within_its_limit(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prerequisites, "_WAITS", WaitLimits(request=1, retries=1))
    engine.config["host"] = "http://127.0.0.1:9"
    engine.answer()
    began = time.monotonic()
    assert "the workspace at http://127.0.0.1:9 can't be reached (" in refusal()
    assert time.monotonic() - began < 20


def test_for_a_workspace_to_be_created_the_account_is_asked(engine: FakeEngine, workspace: WhoAmI) -> None:
    engine.config |= {
        "host": "",
        "workspace": "create",
        "account_id": ACCOUNT,
        "account_host": workspace.host,
        "region": "eu-west-1",
        "metastore_id": "m",
    }
    engine.answer()
    assert deploy(Verb.PREVIEW, "dev")
    assert workspace.asked == [f"/api/2.0/accounts/{ACCOUNT}/workspaces"]
    workspace.status = 403
    assert f"the account at {workspace.host} refuses the credential" in refusal()


def test_no_call_has_a_secret_among_its_arguments(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "hunter2")
    monkeypatch.setenv("PULUMI_ACCESS_TOKEN", "pul-abc")
    assert deploy(Verb.UP, "dev")
    assert not {"hunter2", "pul-abc", "a-token"} & {word for call in engine.calls for word in call}
    # They are the engine's to read where they are.
    assert all({"PULUMI_CONFIG_PASSPHRASE", "PULUMI_ACCESS_TOKEN"} <= set(each) for each in engine.environments)
