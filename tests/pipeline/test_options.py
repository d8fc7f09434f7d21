"""Options from the settings model."""

from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from pipeline.errors import OperatorError, RunFailed, SettingsError
from pipeline.options import as_typed, choices_of, default_of, range_of, with_settings
from pipeline.settings import RunSettings, env_name

seen: list[tuple[RunSettings, bool]] = []
app = typer.Typer()


@app.command()
@with_settings
def probe(settings: RunSettings, once: Annotated[bool, typer.Option("--once")] = False) -> None:
    """Note the arguments."""
    seen.append((settings, once))


@pytest.fixture(autouse=True)
def _nothing_seen() -> None:
    seen.clear()


def given(*arguments: str) -> tuple[RunSettings, bool]:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    (call,) = seen
    return call


def test_an_option_overrides_the_environment_which_overrides_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPELINE_MAX_OPEN", "5")
    monkeypatch.setenv("PIPELINE_CONCURRENCY", "5")
    settings, once = given("--once", "--max-open", "7", "--telegram-api-url", "http://127.0.0.1:1")
    assert (settings.max_open, settings.concurrency, settings.model_attempts, once) == (7, 5, 3, True)
    assert str(settings.telegram_api_url) == "http://127.0.0.1:1/"


def test_a_command_keeps_its_own_options_and_their_defaults() -> None:
    assert given()[1] is False


def test_every_setting_is_an_option_with_its_environment_variable() -> None:
    options = {name: option for option in typer.main.get_command(app).params for name in option.opts}
    for field in RunSettings.model_fields:
        option = options[f"--{field.replace('_', '-')}"]
        assert option.metavar == env_name(field)
    assert set(options) - {f"--{field.replace('_', '-')}" for field in RunSettings.model_fields} == {
        "--once", "--install-completion", "--show-completion",
    }  # fmt: skip


def test_no_secret_can_be_given_on_the_command_line() -> None:
    help_page = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "400"}).output
    assert "TELEGRAM_BOT_TOKEN" not in help_page
    assert "OPENAI_API_KEY" not in help_page


def test_a_bad_value_is_reported_by_the_settings_model() -> None:
    result = CliRunner().invoke(app, ["--max-open", "0"])
    assert isinstance(result.exception, SettingsError)
    assert str(result.exception) == "--max-open is '0': it should be greater than or equal to 1"


def test_from_the_environment_a_bad_value_is_reported_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPELINE_MAX_OPEN", "0")
    result = CliRunner().invoke(app, ["--max-tokens", "20"])
    assert str(result.exception) == "PIPELINE_MAX_OPEN is '0': it should be greater than or equal to 1"


@pytest.mark.parametrize(
    ("variable", "line"),
    [
        ("PIPELINE_MAX_OPN", "PIPELINE_MAX_OPN is no setting: did you mean PIPELINE_MAX_OPEN? Rename it, or unset it"),
        ("PIPELINE_FORMAT", "PIPELINE_FORMAT is now PIPELINE_ANSWER_FORMAT: rename it"),
    ],
)
def test_a_variable_that_is_to_be_renamed_keeps_its_name_whatever_was_typed(
    variable: str, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "1")
    result = CliRunner().invoke(app, ["--max-open", "7", "--answer-format", "html"])
    assert str(result.exception) == line


@pytest.mark.parametrize("kind", [OperatorError, RunFailed])
def test_an_error_that_comes_later_names_the_options_that_were_typed_too(kind: type[Exception]) -> None:
    later = typer.Typer()

    @later.command()
    @with_settings
    def fail(settings: RunSettings) -> None:
        raise kind("PIPELINE_MODEL 'm' is not known at OPENAI_BASE_URL: see PIPELINE_MODEL_SOURCE")

    result = CliRunner().invoke(later, ["--model", "m"])
    assert type(result.exception) is kind
    assert str(result.exception) == "--model 'm' is not known at OPENAI_BASE_URL: see PIPELINE_MODEL_SOURCE"


def test_only_a_whole_name_of_an_option_that_was_typed_is_replaced() -> None:
    line = "OPENAI_BASE_URL_X, PIPELINE_MODEL, PIPELINE_STORAGE"
    assert as_typed(line, {"openai_base_url": "x", "model": None, "storage": "y"}) == (
        "OPENAI_BASE_URL_X, PIPELINE_MODEL, --storage"
    )


def _help(option: str) -> str:
    (found,) = [each for each in typer.main.get_command(app).params if option in each.opts]
    return str(getattr(found, "help", "")).replace("\\[", "[")


@pytest.mark.parametrize(
    ("option", "end"),
    [
        ("--model-source", " <openai|databricks> [default: openai]"),
        ("--on-unknown", " <hold|resend> [default: hold]"),
        ("--answer-format", " <plain|html> [default: plain]"),
        ("--concurrency", " [1<=x<=1000] [default: 64]"),
        ("--send-rate", " [0<x<=10000] [default: 25]"),
        ("--max-open", " [x>=1] [default: 2000]"),
        ("--temperature", " [0<=x<=2] [default: (the server's)]"),
        ("--landing", "Folder of landed updates. [default: (storage/landing)]"),
        ("--allowed-chats", " [default: (all)]"),
        ("--allowed-users", " [default: (all)]"),
        ("--model", " Required to run."),
    ],
)
def test_the_help_shows_choices_range_and_default_in_one_form(option: str, end: str) -> None:
    assert _help(option).endswith(end)


def test_the_help_leaves_out_no_choice_and_no_bound() -> None:
    for name, field in RunSettings.model_fields.items():
        shown = _help(f"--{name.replace('_', '-')}")
        assert all(each in shown for each in (*choices_of(field), range_of(field), default_of(field))), name
