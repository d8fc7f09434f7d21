from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import SettingsError
from scripts import stack
from scripts.stack import StackError, Verb, command_line, deploy, needs_passphrase, settings_file

ROOT = Path(__file__).resolve().parents[2]
WORKSPACE_ID = "/api/2.0/preview/scim/v2/Me"
ACCOUNT = "2f1c"

ENGINE = """#!{python}
import json, os, pathlib, signal, sys, time
here = pathlib.Path(__file__).parent
with (here / "calls.jsonl").open("a") as calls:
    calls.write(json.dumps([sys.argv[1:], sorted(key for key in os.environ if key.startswith("PULUMI"))]) + "\\n")
said = json.loads((here / "answers.json").read_text()).get(sys.argv[1], {{}})
if said.get("waits"):
    signal.signal(signal.SIGINT, lambda *_: (print("engine: stopping in order", flush=True), sys.exit(8)))
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))
    print("engine: at work", flush=True)
    time.sleep(60)
print(said.get("out", ""), flush=True)
print(said.get("err", ""), end="", file=sys.stderr)
sys.exit(said.get("code", 0))
"""


class Workspace:
    """Answers who the caller is, with the status that the test sets."""

    def __init__(self) -> None:
        self.status = 200
        self.asked: list[str] = []
        made = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if "well-known" in self.path:
                    self.send_error(404)
                    return
                made.asked.append(self.path)
                body: Any = {"userName": "me@example.org"} if self.path == WORKSPACE_ID else []
                self.send_response(made.status)
                self.end_headers()
                said = {"error_code": "OOPS", "message": "quota of\nnothing"}
                self.wfile.write(json.dumps(body if made.status == 200 else said).encode())

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    made = Workspace()
    yield made
    made.server.shutdown()
    made.server.server_close()


class Engine:
    """A `pulumi` that says what the test lays in its mouth, and writes down how it was called."""

    def __init__(self, folder: Path, config: dict[str, str]) -> None:
        self.folder = folder
        self.config = config
        self.answers: dict[str, dict[str, Any]] = {
            "version": {"out": "v3.272.0"},
            "whoami": {"out": json.dumps({"user": "me", "url": "https://app.pulumi.com/me"})},
        }
        executable = folder / "pulumi"
        executable.write_text(ENGINE.format(python=sys.executable))
        executable.chmod(0o755)
        self.lay()

    def lay(self, **answers: dict[str, Any]) -> None:
        told = {f"telegram-lakehouse:{key}": {"value": value, "secret": False} for key, value in self.config.items()}
        told["telegram-lakehouse:telegram_token"] = {"secret": True}
        told["pulumi:disable-default-providers"] = {"value": '["aws"]', "secret": False}
        self.answers |= {"config": {"out": json.dumps(told)}, **answers}
        (self.folder / "answers.json").write_text(json.dumps(self.answers))

    @property
    def calls(self) -> list[list[str]]:
        file = self.folder / "calls.jsonl"
        return [json.loads(line)[0] for line in file.read_text().splitlines()] if file.exists() else []

    @property
    def environments(self) -> list[list[str]]:
        return [json.loads(line)[1] for line in (self.folder / "calls.jsonl").read_text().splitlines()]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with two stacks, and a caller whose only credential is a token."""
    for key in [key for key in os.environ if key.startswith(("DATABRICKS", "PULUMI"))]:
        monkeypatch.delenv(key)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DATABRICKS_TOKEN", "a-token")
    monkeypatch.setattr(stack, "PROJECT", tmp_path)
    for name in ("dev", "prod"):
        (tmp_path / f"Pulumi.{name}.yaml").write_text("config: {}\n")
    return tmp_path


@pytest.fixture
def engine(project: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Engine:
    folder = project / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return Engine(folder, {"host": workspace.host, "service_principal": "8d23", "protect": "false"})


def refusal(verb: Verb = Verb.UP, name: str = "dev", kind: type[Exception] = StackError) -> str:
    with pytest.raises(kind) as refused:
        deploy(verb, name)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_the_engine_deploys_after_every_check_and_under_the_policies(engine: Engine, workspace: Workspace) -> None:
    assert deploy(Verb.UP, "dev", yes=True, more=["--diff"])
    assert [call[0] for call in engine.calls] == ["version", "whoami", "stack", "config", "up"]
    assert engine.calls[-1] == ["up", "--stack", "dev", "--policy-pack", "infra/policy", "--yes", "--diff"]
    assert all("--non-interactive" in call for call in engine.calls[:-1])
    assert workspace.asked == [WORKSPACE_ID]


def test_the_engine_asks_before_it_changes_anything_unless_told_otherwise(engine: Engine) -> None:
    assert deploy(Verb.UP, "dev")
    assert "--yes" not in engine.calls[-1]
    assert "--non-interactive" not in engine.calls[-1]
    assert "--yes" not in command_line(Verb.PREVIEW, "dev", protect=False, yes=True)


def test_a_stack_that_is_not_there_is_created_except_to_destroy_it(engine: Engine) -> None:
    for verb, create in ((Verb.PREVIEW, True), (Verb.UP, True), (Verb.DESTROY, False)):
        assert deploy(verb, "dev")
        selected = [call for call in engine.calls if call[0] == "stack"][-1]
        assert selected[:4] == ["stack", "select", "--stack", "dev"]
        assert ("--create" in selected) is create
    engine.lay(stack={"code": 255, "err": "warning: old\nerror: no stack named 'dev' found\n"})
    assert "stack dev can't be had (no stack named 'dev' found): `pulumi stack ls" in refusal(Verb.DESTROY)
    assert engine.calls[-1][0] == "stack"


def test_an_engine_that_fails_is_told_apart_from_one_that_succeeds(
    engine: Engine, capfd: pytest.CaptureFixture[str]
) -> None:
    engine.lay(up={"code": 4, "out": "Diagnostics: no such node type", "err": "error: update failed\n"})
    assert not deploy(Verb.UP, "dev")
    shown = capfd.readouterr()
    assert "no such node type" in shown.out
    assert "update failed" in shown.err


def test_destroy_leaves_what_is_protected_and_says_how_to_give_it_up(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert deploy(Verb.DESTROY, "dev")
    assert engine.calls[-1] == ["destroy", "--stack", "dev"]
    assert capsys.readouterr().err == ""
    engine.config["protect"] = "true"
    engine.lay()
    assert deploy(Verb.DESTROY, "prod", yes=True)
    assert engine.calls[-1] == ["destroy", "--stack", "prod", "--exclude-protected", "--yes"]
    said = capsys.readouterr().err
    assert "stay" in said
    assert "pulumi state unprotect --all --stack prod" in said
    assert "make destroy STACK=prod" in said


def test_without_a_stack_those_there_are_are_named(project: Path) -> None:
    assert "STACK is not set: say `make up STACK=…` with one of dev, prod" in refusal(name="")
    assert "STACK is 'qa', of which there is no Pulumi.qa.yaml: give one of dev, prod" in refusal(name="qa")
    for file in project.glob("Pulumi.*.yaml"):
        file.unlink()
    assert "there is no Pulumi.dev.yaml: give a stack, once there is its Pulumi.<stack>.yaml" in refusal()


def test_a_stack_may_be_named_with_its_organisation(engine: Engine, project: Path) -> None:
    assert settings_file(Verb.UP, "acme/dev") == project / "Pulumi.dev.yaml"
    assert deploy(Verb.PREVIEW, "acme/dev")
    assert engine.calls[-1][:3] == ["preview", "--stack", "acme/dev"]


def test_an_engine_that_is_missing_old_or_strange_is_refused(
    engine: Engine, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.lay(version={"out": "v3.249.9"})
    assert refusal() == "pulumi is v3.249.9: install version 3.250 or later"
    engine.lay(version={"out": "who knows"})
    assert "`pulumi version` says no version" in refusal()
    engine.lay(version={"out": "v4.0.0"}, whoami={"code": 1})
    assert "not logged in" in refusal()
    monkeypatch.setenv("PATH", str(project))
    assert "pulumi is not on the PATH: install version 3.250 or later" in refusal()


def test_who_is_not_logged_in_is_told_so_without_a_secret(engine: Engine) -> None:
    engine.lay(whoami={"code": 1, "err": f"error: token {123456789}:{'Aa1' * 12} is invalid\n"})
    assert refusal().startswith("pulumi is not logged in (token <secret> is invalid): run `pulumi login`")
    engine.lay(whoami={"out": "me"})
    assert "names no backend" in refusal()


def test_an_engine_that_does_not_answer_is_not_waited_for(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "ENGINE_PATIENCE", 0.5)
    engine.lay(whoami={"waits": True})
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


def test_a_missing_passphrase_is_said_before_the_engine_asks_for_it(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.lay(whoami={"out": json.dumps({"user": "me", "url": "file:///state"})})
    assert "PULUMI_CONFIG_PASSPHRASE_FILE is not set" in refusal()
    assert engine.calls[-1][0] == "whoami"
    # An empty passphrase is one.
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "")
    assert deploy(Verb.PREVIEW, "dev")
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE_FILE", "passphrase")
    assert deploy(Verb.PREVIEW, "dev")


@pytest.mark.parametrize(("text", "said"), [("config: [", "can't be read as YAML"), ("- a", "holds no settings")])
def test_a_stack_file_that_is_none_is_refused(engine: Engine, project: Path, text: str, said: str) -> None:
    (project / "Pulumi.dev.yaml").write_text(text)
    assert f"Pulumi.dev.yaml {said}" in refusal()


def test_settings_are_checked_before_the_engine_starts(engine: Engine) -> None:
    engine.config |= {"host": "", "protect": "true"}
    engine.lay()
    assert "host is not set" in refusal(kind=SettingsError)
    engine.config["hots"] = "x"
    engine.lay()
    assert "hots is no setting: did you mean host?" in refusal(kind=SettingsError)
    engine.lay(config={"code": 255, "err": "error: could not load Pulumi.yaml\n"})
    assert "the settings of stack dev can't be read (could not load Pulumi.yaml)" in refusal()
    assert {call[0] for call in engine.calls} == {"version", "whoami", "stack", "config"}


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "does not accept your credentials"),
        (403, "does not accept your credentials"),
        (404, "can't say who you are (quota of)"),
    ],
)
def test_a_workspace_that_refuses_the_caller_is_named(
    engine: Engine, workspace: Workspace, status: int, said: str
) -> None:
    workspace.status = status
    refused = refusal()
    assert f"the workspace at {workspace.host} {said}" in refused
    assert "a-token" not in refused
    assert engine.calls[-1][0] == "config"


def test_a_caller_without_credentials_or_with_two_is_told_so(
    engine: Engine, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABRICKS_CLIENT_ID", "id")
    monkeypatch.setenv("DATABRICKS_CLIENT_SECRET", "hunter2")
    refused = refusal()
    assert "can't be used (" in refused
    assert "hunter2" not in refused
    for key in ("CLIENT_ID", "CLIENT_SECRET", "TOKEN"):
        monkeypatch.delenv(f"DATABRICKS_{key}")
    assert f"no credentials for the workspace at {workspace.host}: log in with `databricks auth login" in refusal()


def test_a_workspace_that_can_not_be_reached_is_not_waited_for(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "WORKSPACE_PATIENCE", 1)
    engine.config["host"] = "http://127.0.0.1:9"
    engine.lay()
    began = time.monotonic()
    assert "the workspace at http://127.0.0.1:9 did not answer within 1 s" in refusal()
    assert time.monotonic() - began < 20


def test_for_a_workspace_to_be_created_the_account_is_asked(engine: Engine, workspace: Workspace) -> None:
    engine.config |= {
        "host": "",
        "workspace": "create",
        "account_id": ACCOUNT,
        "account_host": workspace.host,
        "region": "eu-west-1",
        "metastore_id": "m",
    }
    engine.lay()
    assert deploy(Verb.PREVIEW, "dev")
    assert workspace.asked == [f"/api/2.0/accounts/{ACCOUNT}/workspaces"]
    workspace.status = 403
    assert f"the account at {workspace.host} does not accept your credentials" in refusal()


def test_no_call_has_a_secret_among_its_arguments(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "hunter2")
    monkeypatch.setenv("PULUMI_ACCESS_TOKEN", "pul-abc")
    assert deploy(Verb.UP, "dev")
    assert not {"hunter2", "pul-abc", "a-token"} & {word for call in engine.calls for word in call}
    # They are the engine's to read where they are.
    assert all({"PULUMI_CONFIG_PASSPHRASE", "PULUMI_ACCESS_TOKEN"} <= set(each) for each in engine.environments)


@pytest.fixture
def script(engine: Engine) -> list[str]:
    """The script as make calls it: over this repository's own stack files."""
    return [sys.executable, str(ROOT / "scripts" / "stack.py")]


@pytest.mark.e2e
def test_the_process_ends_with_the_code_that_says_whose_fault_it_was(engine: Engine, script: list[str]) -> None:
    def ended(*arguments: str) -> tuple[int, list[str]]:
        done = subprocess.run([*script, *arguments], capture_output=True, text=True, check=False)
        return done.returncode, done.stderr.splitlines()

    assert ended("up", "dev", "--yes", "--", "--diff") == (0, [])
    assert engine.calls[-1] == ["up", "--stack", "dev", "--policy-pack", "infra/policy", "--yes", "--diff"]
    engine.lay(up={"code": 5, "err": "error: policy violation\n"})
    assert ended("up", "dev") == (1, ["error: policy violation"])
    code, lines = ended("up", "")
    assert code == 2
    assert lines == ["stack: STACK is not set: say `make up STACK=…` with one of dev, prod, staging"]


@pytest.mark.e2e
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_engine_is_let_end_in_order(engine: Engine, script: list[str], sent: signal.Signals) -> None:
    engine.lay(up={"waits": True})
    with subprocess.Popen([*script, "up", "dev"], stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "engine: at work\n"
        # A terminal tells the whole group; a scheduler tells the process alone.
        if sent is signal.SIGINT:
            os.killpg(process.pid, sent)
        else:
            process.send_signal(sent)
        assert process.stdout.read() == "engine: stopping in order\n"
        assert process.wait(10) == 1


def test_make_names_the_targets_and_hands_over_what_it_is_given() -> None:
    def made(*arguments: str) -> str:
        # Without the environment's own setup, which is another target's.
        command = ["make", "-n", "-o", ".venv/.ready", *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for verb in Verb:
        assert any(f"make {verb} " in line and "STACK=dev" in line for line in listed.splitlines())
        assert f'scripts/stack.py {verb} "dev"' in made(verb, "STACK=dev")
    assert "--yes -- --diff" in made("up", "STACK=dev", "YES=1", "ARGS=--diff")
