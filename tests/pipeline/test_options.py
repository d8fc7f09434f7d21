"""Options from the settings model."""

from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from pipeline.errors import SettingsError
from pipeline.options import with_settings
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
