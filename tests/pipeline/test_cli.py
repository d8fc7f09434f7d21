"""The command line: what the operator must fix is one line and exit code 2."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from pipeline import __version__, cli
from pipeline.errors import OperatorError, RunFailed
from pipeline.replies.journal import Journal
from pipeline.run.run import Run
from pipeline.settings import StorageSettings
from pipeline.storage.landing import Landing
from pipeline.tables import TABLES
from tests.support.delta_rows import append
from tests.support.replies import accepted
from tests.support.updates import raw_update

ROOT = Path(__file__).parents[2]
TOKEN = "42:" + "x" * 35


@pytest.fixture(autouse=True)
def _somewhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def ended_run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str
) -> tuple[object, str]:
    """Run the console script; its exit code, and all of its standard error."""
    monkeypatch.setattr(sys, "argv", ["pipeline", *arguments])
    with pytest.raises(SystemExit) as exit:
        cli.main()
    out, err = capsys.readouterr()
    assert out == ""
    return exit.value.code, err


@pytest.mark.parametrize(
    ("environment", "arguments", "line"),
    [
        ({}, [], "pipeline: TELEGRAM_BOT_TOKEN is not set: "),
        ({"TELEGRAM_BOT_TOKEN": "nonsense"}, [], "pipeline: TELEGRAM_BOT_TOKEN is not a token: "),
        ({"TELEGRAM_BOT_TOKEN_FILE": "none"}, [], "pipeline: TELEGRAM_BOT_TOKEN_FILE none can't be read ("),
        ({"TELEGRAM_BOT_TOKEN": TOKEN}, [], "pipeline: PIPELINE_MODEL is not set: "),
        ({"TELEGRAM_BOT_TOKEN": TOKEN}, ["--model", "m"], "pipeline: OPENAI_API_KEY is not set: "),
        ({}, ["--send-rate", "0"], "pipeline: --send-rate is '0': "),
        ({"PIPELINE_MAX_OPEN": "few"}, [], "pipeline: PIPELINE_MAX_OPEN is 'few': "),
        ({}, ["--log-level", "loud"], "pipeline: --log-level is 'loud': "),
        ({}, ["--concurrency", "0"], "pipeline: --concurrency is '0': it should be "),
        ({}, ["--storage", "s3://bucket/bot"], "pipeline: --storage is 's3://bucket/bot': s3:// is no folder: give "),
        ({}, ["--landing", "dbfs:/bot"], "pipeline: --landing is 'dbfs:/bot': dbfs:/ is no folder: give "),
        ({"PIPELINE_JOURNAL": "gs://b"}, [], "pipeline: PIPELINE_JOURNAL is 'gs://b': gs:// is no folder: give "),
        ({}, ["--checkpoints", "~/bot"], "pipeline: --checkpoints is '~/bot': only a shell knows what ~ is: give /"),
        ({}, ["--bronze", "s3://b/t"], "pipeline: --bronze is 's3://b/t': s3:// is no folder: a local run keeps its "),
        ({}, ["--openai-base-url", "localhost:8000"], "pipeline: --openai-base-url is 'localhost:8000': http:// or ht"),
        ({}, ["--deadline", "5"], "pipeline: --deadline is given without --once: add --once, or leave --deadline out"),
        ({"PIPELINE_CONCURENCY": "5"}, [], "pipeline: PIPELINE_CONCURENCY is no setting: did you mean PIPELINE_CONCUR"),
        ({"PIPELINE_FORMAT": "html"}, [], "pipeline: PIPELINE_FORMAT is now PIPELINE_ANSWER_FORMAT: rename it"),
        (
            {"TELEGRAM_BOT_TOKEN": TOKEN, "OPENAI_API_KEY": "test-key"},
            ["--model", "m", "--storage", "/dev/null/lake"],
            "pipeline: --storage /dev/null/lake is not writable (",
        ),
        (
            {"TELEGRAM_BOT_TOKEN": TOKEN, "OPENAI_API_KEY": "test-key", "PIPELINE_STORAGE": "/dev/null/lake"},
            ["--model", "m"],
            "pipeline: PIPELINE_STORAGE /dev/null/lake is not writable (",
        ),
    ],
)
def test_what_the_operator_must_fix_is_one_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    environment: dict[str, str],
    arguments: list[str],
    line: str,
) -> None:
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    code, err = ended_run(capsys, monkeypatch, "run", *arguments)
    assert code == 2
    assert err.startswith(line)
    assert err.count("\n") == 1
    assert TOKEN not in err
    assert list(tmp_path.iterdir()) == [], "a run that can't begin leaves nothing behind"


@pytest.mark.parametrize("storage", ["s3://bucket/bot", "~/bot"])
def test_the_demo_makes_no_folder_of_an_address_either(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, storage: str
) -> None:
    code, err = ended_run(capsys, monkeypatch, "demo", "--storage", storage)
    assert code == 2
    assert err.startswith("pipeline: --storage is '")
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_variable_that_is_like_no_setting_is_named_in_the_log(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPELINE_WORKSPACE", "/agent")
    monkeypatch.setattr(Run, "run", lambda _: True)
    _, err = ended_run(capsys, monkeypatch, "run")
    assert json.loads(err)["event"] == "ignored a variable that is no setting"
    assert json.loads(err)["variable"] == "PIPELINE_WORKSPACE"


def test_an_error_that_nobody_foresaw_is_one_line_without_its_text(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> None:
        raise KeyError("hunter2")

    monkeypatch.setattr(cli, "app", fails)
    code, err = ended_run(capsys, monkeypatch)
    assert code == 1
    assert err.startswith("pipeline: KeyError in test_cli.py:")
    assert err.count("\n") == 1
    assert "hunter2" not in err


def test_the_line_shows_no_token(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        raise OperatorError(f"https://127.0.0.1/bot{TOKEN}/getMe is odd")

    monkeypatch.setattr(cli, "app", fails)
    code, err = ended_run(capsys, monkeypatch)
    assert code == 2
    assert TOKEN not in err


def test_the_process_itself_ends_with_2_and_no_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "run"],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("pipeline: TELEGRAM_BOT_TOKEN is not set: ")
    assert done.stderr.count("\n") == 1


def test_a_run_that_failed_is_one_line_and_exit_code_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> None:
        raise RunFailed("Spark's JVM is gone")

    monkeypatch.setattr(cli, "app", fails)
    assert ended_run(capsys, monkeypatch) == (1, "pipeline: Spark's JVM is gone\n")


@pytest.fixture
def task(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Call the entry point as a wheel's task does."""
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")

    def call(*arguments: str) -> None:
        monkeypatch.setattr(sys, "argv", ["pipeline", *arguments])
        cli.main()

    return call


def test_a_task_returns_when_it_is_done(task: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    task("--version")
    assert capsys.readouterr().out == f"{__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["run"], "TELEGRAM_BOT_TOKEN is not set: "),
        (["run", "--send-rate", "0"], "--send-rate is '0': "),
        (["run", "--pace", "3"], "No such option: --pace"),
        (["walk"], "No such command 'walk'"),
        (["status", "--storage", "gone"], "--storage "),
    ],
)
def test_a_task_raises_one_line(task: Callable[..., None], arguments: list[str], line: str) -> None:
    with pytest.raises(RunFailed) as caught:
        task(*arguments)
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)
    # What an error was raised from is shown with it, and in its own words.
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def test_a_task_fails_on_a_bug_in_one_line_without_secrets_and_logs_its_place(
    task: Callable[..., None], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(_: Run) -> bool:
        raise KeyError(f"https://127.0.0.1/bot{TOKEN}/getMe\nand more")

    monkeypatch.setattr(Run, "run", run)
    with pytest.raises(RunFailed, match=r"^KeyError: .*getMe.*and more") as caught:
        task("run")
    logged = capsys.readouterr().err
    assert "test_cli.py" in logged
    assert TOKEN not in str(caught.value) + logged


def test_a_task_that_a_deadline_cut_short_has_failed(
    task: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Run, "run", lambda _: False)
    with pytest.raises(RunFailed, match=r"^the deadline came first"):
        task("run", "--once", "--deadline", "1")


def test_the_version_is_shown() -> None:
    result = CliRunner().invoke(cli.app, ["--version"])
    assert (result.exit_code, result.output) == (0, f"{__version__}\n")


@pytest.mark.parametrize("command", ["run", "status", "demo"])
def test_every_command_has_a_help_page(command: str) -> None:
    result = CliRunner().invoke(cli.app, [command, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.output


@pytest.mark.parametrize("arguments", [["walk"], ["run", "--pace", "3"], ["run", "--deadline", "soon"]])
def test_an_unknown_command_or_option_is_exit_code_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(cli.app, arguments).exit_code == 2


def test_a_commands_own_options_are_the_ones_it_declares(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    lake.mkdir()
    with pytest.raises(SystemExit) as ended:
        cli.app(["status", "--json", "--storage", str(lake)])
    assert ended.value.code == 0
    assert json.loads(capsys.readouterr().out)["storage"] == str(lake)
    with pytest.raises(SystemExit) as ended:
        cli.app(["run", "--no-once"])
    assert ended.value.code == 2


def test_the_help_of_status_shows_its_own_options_and_the_settings_that_it_uses() -> None:
    command: Any = typer.main.get_command(cli.app)
    options = {name for option in command.commands["status"].params for name in option.opts}
    assert options == {
        "--json", "--watch", "--storage", "--landing", "--journal", "--bronze", "--silver", "--quarantine",
        "--feedback-table",
    }  # fmt: skip


@pytest.mark.parametrize("option", ["--storage", "--landing", "--journal", "--bronze", "--silver", "--quarantine"])
def test_every_setting_of_status_has_an_effect(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, option: str
) -> None:
    for lake, messages in (("one", 1), ("two", 2)):
        places = StorageSettings(storage=tmp_path / lake).places
        places.prepare()
        Journal(places.journal).record(*(accepted(seq=number) for number in range(messages)))
        for _ in range(messages):
            Landing(places.landing, 42).land([raw_update(1)])
        for table in TABLES:
            append(table, Path(places.table(table)), *({"source_file": "x"} for _ in range(messages)))

    def shown(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["pipeline", "status", "--json", "--storage", "one", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == 0
        return capsys.readouterr().out

    other = tmp_path / "two"
    assert shown() != shown(option, str(other if option == "--storage" else other / option.removeprefix("--")))


def test_status_minds_no_setting_that_it_does_not_use(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PIPELINE_SEND_RATE", "fast")
    monkeypatch.setenv("PIPELINE_STORAGE", str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        cli.app(["status", "--json"])
    assert ended.value.code == 0
    assert json.loads(capsys.readouterr().out)["storage"] == str(tmp_path)


@pytest.mark.parametrize("command", ["run", "status", "demo"])
def test_every_help_page_says_what_the_exit_codes_mean(command: str) -> None:
    output = CliRunner().invoke(cli.app, [command, "--help"], env={"COLUMNS": "200"}).output
    assert "Exit code 0: " in output
    assert "2: you must fix something first" in output


def test_choices_and_defaults_of_a_commands_own_options_are_shown() -> None:
    wide = {"COLUMNS": "200"}
    assert "one in your state folder" in CliRunner().invoke(cli.app, ["demo", "--help"], env=wide).output
    assert "<debug|info|warning|error>" in CliRunner().invoke(cli.app, ["run", "--help"], env=wide).output


def test_explain_takes_the_name_of_a_group_and_says_in_one_line_what_cannot_be_explained(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    storage = tmp_path / "lake"
    for table in TABLES:
        append(table, storage / table.name)
    for name, line in (
        ("-100/5", "pipeline: -100/5 is not in silver: only what was answered can be explained"),
        ("-100", "pipeline: the message is '-100': give CHAT/MESSAGE, as -1001234567890/42"),
    ):
        code, err = ended_run(capsys, monkeypatch, "explain", "--storage", str(storage), name)
        assert (code, err) == (2, f"{line}\n")
