"""`scripts/smoke.py` as a process: its exit codes, what it prints and writes, and how it ends when interrupted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from scripts import smoke as smoke_tests
from tests.support.deployed import BOT_TOKEN, Deployed, deployed
from tests.support.waiting import eventually
from tests.support.workspace.server import TOKEN, Call

_SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "smoke.py"


@pytest.fixture(name="deployment")
def _deployment(tmp_path: Path) -> Iterator[Deployed]:
    with deployed(tmp_path) as deployment:
        yield deployment


def _started(deployment: Deployed, *options: str, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(_SCRIPT), *options]
    return subprocess.Popen(
        command,
        env={**os.environ, **deployment.environment(), "COLUMNS": "160", **environment},
        cwd=deployment.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


Smoke = Callable[..., tuple[int, str, str]]


@pytest.fixture(name="smoke")
def _smoke(deployment: Deployed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Smoke:
    """The command within this process: its exit code, and what it prints."""

    def called(*options: str, **environment: str) -> tuple[int, str, str]:
        for name, value in (deployment.environment() | environment).items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(deployment.folder)
        monkeypatch.setattr(sys, "argv", ["smoke.py", *options])
        with pytest.raises(SystemExit) as ended:
            smoke_tests.run()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return called


def _of_prod(deployment: Deployed) -> tuple[str, ...]:
    return ("--stack", "prod", "--outputs", str(deployment.file()))


def test_exit_code_0_if_all_checks_pass_and_no_secret_in_anything_that_they_wrote(deployment: Deployed) -> None:
    report = deployment.folder / "smoke.xml"
    process = _started(deployment, *_of_prod(deployment), "--junit", str(report))
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, ""), out
    assert "in silver after" in out
    suite = ElementTree.parse(report).getroot()  # noqa: S314
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("9", "0", "0")
    for secret in (BOT_TOKEN, BOT_TOKEN.partition(":")[2], TOKEN):
        assert secret not in out + err
        for path in deployment.folder.rglob("*"):
            assert path.is_dir() or secret.encode() not in path.read_bytes(), path
        assert not any(secret.encode() in file.content for file in deployment.workspace.files.files.values())


def test_a_failed_check_is_exit_code_1_with_its_fix_and_the_others_run(deployment: Deployed, smoke: Smoke) -> None:
    deployment.telegram.call("setWebhook", {"url": f"https://example.org/{BOT_TOKEN}"})
    report = deployment.folder / "smoke.xml"
    code, out, err = smoke(*_of_prod(deployment), "--json", "--junit", str(report))
    assert code == 1
    printed = json.loads(out)
    assert (printed["of"], printed["passed"]) == ("prod", False)
    failed = [check for check in printed["checks"] if check["verdict"] != "passed"]
    assert [(c["name"], c["finding"], c["fix"]) for c in failed] == [
        ("telegram", "a webhook is set, which keeps polling out", "call deleteWebhook once")
    ]
    assert len(printed["checks"]) == 9
    failure = ElementTree.parse(report).getroot().find("testcase/failure")  # noqa: S314
    assert failure is not None
    assert (failure.get("message"), failure.text) == (failed[0]["finding"], failed[0]["fix"])
    assert BOT_TOKEN not in out + err


def test_without_the_workspace_the_other_checks_are_skipped_with_that_reason(
    deployment: Deployed, smoke: Smoke
) -> None:
    deployment.workspace.callers.clear()
    code, out, _ = smoke(*_of_prod(deployment), "--json")
    assert code == 1
    verdicts = {check["name"]: (check["verdict"], check["finding"]) for check in json.loads(out)["checks"]}
    assert verdicts.pop("workspace") == ("failed", "the workspace refuses the credential")
    assert set(verdicts.values()) == {("skipped", "the check workspace failed, which it needs")}


def test_only_the_named_checks_run(deployment: Deployed, smoke: Smoke) -> None:
    code, out, _ = smoke(*_of_prod(deployment), "--json", "--only", "scope", "--only", "tables")
    assert code == 0
    assert [check["name"] for check in json.loads(out)["checks"]] == ["tables", "scope"]
    assert not [call for call in deployment.workspace.calls if "/fs/" in call.path]


@pytest.mark.parametrize(
    ("options", "environment", "line"),
    [
        ((), {}, "--stack or --local is needed"),
        (("--stack", "prod", "--local"), {}, "--stack or --local is needed"),
        (("--stack", "prod", "--outputs", "missing.json"), {}, "--outputs missing.json can't be read"),
        (("--stack", "dev", "--outputs", "outputs.json"), {}, "outputs.json is of 'prod', not of 'dev'"),
        (
            ("--stack", "prod", "--outputs", "outputs.json", "--only", "x"),
            {},
            "--only is 'x': the checks are workspace",
        ),
        (
            ("--stack", "prod", "--outputs", "outputs.json"),
            {"DATABRICKS_TOKEN": ""},
            "no credentials for the workspace at http://127",
        ),
        (("--local",), {"PIPELINE_STORAGE": "nowhere", "PIPELINE_MODEL": "m"}, "nowhere does not exist"),
        (("--local",), {}, "PIPELINE_MODEL is not set"),
        (("--stack", "prod", "--outputs", "odd.json"), {}, "the output job_id is 'none', no number: deploy it"),
    ],
)
def test_what_can_not_be_checked_is_one_line_and_exit_code_2(
    deployment: Deployed, smoke: Smoke, options: tuple[str, ...], environment: dict[str, str], line: str
) -> None:
    text = deployment.file().read_text()
    (deployment.folder / "odd.json").write_text(text.replace('"job_id":"77"', '"job_id":"none"'))
    code, out, err = smoke(*options, HOME=str(deployment.folder), **environment)
    assert (code, out) == (2, "")
    assert err.startswith("smoke: ")
    assert line in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_interruption_removes_the_message_and_every_check_still_has_its_verdict(
    deployment: Deployed, number: signal.Signals
) -> None:
    deployment.takes = "nothing"
    before = set(deployment.workspace.files.files)
    process = _started(
        deployment, *_of_prod(deployment), "--json", "--only", "backlog", "--only", "message", "--deadline", "60"
    )
    eventually(lambda: deployment.landed and len(deployment.workspace.statements.executed) > 1, within=30)
    assert len(deployment.waiting()) > 1
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert "Traceback" not in err
    assert process.returncode == 1
    assert [(c["name"], c["verdict"]) for c in json.loads(out)["checks"]] == [
        ("backlog", "passed"),
        ("message", "failed"),
    ]
    assert set(deployment.workspace.files.files) == before


def test_an_interruption_while_a_test_file_is_written_removes_it(deployment: Deployed) -> None:
    before = set(deployment.workspace.files.files)
    process: list[subprocess.Popen[str]] = []

    def interrupt(call: Call) -> None:
        # The file is there, and its writer does not know it yet.
        if call.method == "PUT" and "/_smoke-" in call.path:
            process[0].terminate()

    deployment.workspace.after.append(interrupt)
    process.append(_started(deployment, *_of_prod(deployment), "--json", "--only", "volumes", "--only", "scope"))
    out, err = process[0].communicate(timeout=30)
    assert "Traceback" not in err
    assert process[0].returncode == 1
    assert [c["verdict"] for c in json.loads(out)["checks"]] == ["failed", "skipped"]
    assert set(deployment.workspace.files.files) == before
