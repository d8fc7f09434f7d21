"""The settings and the secrets of a run."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from pipeline.errors import SettingsError
from pipeline.platform.credentials import CredentialError, ModelAccess
from pipeline.settings import (
    RENAMED,
    RunSettings,
    StorageSettings,
    bot_id_of,
    bot_token,
    env_name,
    model_access,
    read_run_settings,
    read_settings,
    unknown_variables,
)
from pipeline.tables import is_table_name

TOKEN = "42:" + "x" * 35


def env(field: str) -> str:
    return env_name(field)


def test_without_an_environment_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = read_run_settings()
    root = tmp_path / "lakehouse"
    assert (str(settings.telegram_api_url), settings.on_unknown) == ("https://api.telegram.org/", "hold")
    assert (settings.allowed_chats, settings.allowed_users, settings.distribute_above) == (
        frozenset(),
        frozenset(),
        None,
    )
    places = settings.places
    assert (places.root, places.landing, places.journal) == (root, root / "landing", root / "journal")
    assert (places.checkpoints, places.bronze) == (root / "checkpoints", str(root / "bronze"))
    assert (places.silver, places.quarantine) == (str(root / "silver"), str(root / "quarantine"))


def test_every_setting_has_its_own_environment_variable() -> None:
    names = [env_name(field) for field in RunSettings.model_fields]
    assert len(set(names)) == len(names)
    assert [name for name in names if not name.startswith(("PIPELINE_", "TELEGRAM_", "OPENAI_"))] == []
    assert (env_name("model"), env_name("openai_base_url")) == ("PIPELINE_MODEL", "OPENAI_BASE_URL")


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("model", "m", "m"),
        ("concurrency", "7", 7),
        ("allowed_chats", "1, -100 3", frozenset({1, -100, 3})),
        ("allowed_chats", "", frozenset()),
        ("privacy_contact", " Ada, ada@example.org ", "Ada, ada@example.org"),
        ("privacy_contact", "", ""),
        ("allowed_users", "99, -1001 3", frozenset({99, -1001, 3})),
        ("allowed_users", "", frozenset()),
        ("temperature", "0", 0.0),
        ("distribute_above", "0", 0),
        ("bronze", "main.bot.bronze", "main.bot.bronze"),
        ("silver", "a/silver", "a/silver"),
        ("on_unknown", "resend", "resend"),
        ("max_open", "", 2000),
    ],
)
def test_a_setting_is_read_from_the_environment_and_an_option_goes_first(
    monkeypatch: pytest.MonkeyPatch, field: str, value: str, expected: object
) -> None:
    monkeypatch.setenv(env(field), value)
    assert getattr(read_run_settings(), field) == expected
    if value:
        monkeypatch.setenv(env(field), "…")
        assert getattr(read_run_settings({field: value}), field) == expected
    monkeypatch.setenv(env(field), value)
    assert getattr(read_run_settings({field: None}), field) == expected


BAD = [
    ("telegram_api_url", "telegram"),
    ("telegram_api_url", "ftp://127.0.0.1"),
    ("openai_base_url", "http://"),
    ("bronze", "bronze"),
    ("silver", "schema.silver"),
    ("quarantine", "a.b.c.d"),
    ("concurrency", "0"),
    ("concurrency", "many"),
    ("send_rate", "0"),
    ("send_rate", "nan"),
    ("distribute_above", "-1"),
    ("model_timeout", "0"),
    ("model_attempts", "0"),
    ("max_tokens", "0"),
    ("temperature", "3"),
    ("telegram_timeout", "-1"),
    ("poll_seconds", "51"),
    ("conflict_patience", "-1"),
    ("startup_patience", "x"),
    ("max_open", "0"),
    ("allowed_chats", "1,x"),
    ("allowed_users", "@ann"),
    ("on_unknown", "maybe"),
    ("answer_format", "markdown"),
    ("model_source", "bedrock"),
]


@pytest.mark.parametrize("by_option", [False, True], ids=["environment", "option"])
@pytest.mark.parametrize(("field", "value"), BAD)
def test_a_bad_value_is_one_line_that_names_the_key_and_the_value(
    monkeypatch: pytest.MonkeyPatch, field: str, value: str, by_option: bool
) -> None:
    if not by_option:
        monkeypatch.setenv(env(field), value)
    with pytest.raises(SettingsError) as caught:
        read_run_settings({field: value} if by_option else None)
    line = str(caught.value)
    assert line.startswith(f"{env(field)} is '")
    assert value.rpartition(",")[2] in line
    assert "\n" not in line
    assert "Input" not in line
    assert caught.value.__cause__ is None


def test_whom_to_ask_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("Ada\nBob", "Ada\u202e", "Ada" + "x" * 198):
        monkeypatch.setenv(env("privacy_contact"), value)
        with pytest.raises(SettingsError, match=r"^PIPELINE_PRIVACY_CONTACT is 'Ada.*: give one line of at most 200 "):
            read_run_settings()


@pytest.mark.parametrize("field", ["storage", "landing", "journal", "checkpoints"])
@pytest.mark.parametrize("by_option", [False, True], ids=["environment", "option"])
def test_an_address_of_a_store_is_no_folder(monkeypatch: pytest.MonkeyPatch, field: str, by_option: bool) -> None:
    if not by_option:
        monkeypatch.setenv(env(field), "s3://bucket/bot")
    with pytest.raises(SettingsError, match=f"^{env(field)} is 's3://bucket/bot': s3:// is no folder: give "):
        read_run_settings({field: "s3://bucket/bot"} if by_option else None)


@pytest.mark.parametrize("field", ["bronze", "silver", "quarantine"])
def test_a_table_in_a_store_needs_a_cluster(monkeypatch: pytest.MonkeyPatch, field: str) -> None:
    with pytest.raises(SettingsError, match=f"^{env(field)} is 's3://b/t': s3:// is no folder: a local run keeps "):
        read_run_settings({field: "s3://b/t"})
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")
    assert getattr(read_run_settings({field: "s3://b/t"}), field) == "s3://b/t"


@pytest.mark.parametrize(
    ("field", "value", "line"),
    [
        (
            "openai_base_url",
            "localhost:8000",
            "is 'localhost:8000': http:// or https:// is missing: give http://localho",
        ),
        (
            "telegram_api_url",
            "127.0.0.1:8081",
            "is '127.0.0.1:8081': http:// or https:// is missing: give http://127.0",
        ),
        (
            "openai_base_url",
            "http://h/v1/chat/completions",
            "is 'http://h/v1/chat/completions': leave out /chat/comple",
        ),
        ("telegram_api_url", "https://api.telegram.org/bot", "is 'https://api.telegram.org/bot': leave out /bot: "),
        ("telegram_api_url", f"https://h/bot{TOKEN}", "is 'https://h/bot<secret>': leave out /bot<secret>: "),
        ("openai_base_url", "https://h/v1?key=hunter2", "is 'https://h/v1?…': paths are added to it: "),
        (
            "openai_base_url",
            "user:hunter2@h:80/v1",
            "is '…@h:80/v1': http:// or https:// is missing: give http://…@h:80",
        ),
    ],
)
def test_a_mistake_in_an_address_is_named_with_its_fix(field: str, value: str, line: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_run_settings({field: value})
    assert str(caught.value).startswith(f"{env(field)} {line}")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("PIPELINE_CONCURENCY", "PIPELINE_CONCURRENCY"),
        ("PIPELINE_STORGAE", "PIPELINE_STORAGE"),
        ("pipeline_max_token", "PIPELINE_MAX_TOKENS"),
        ("PIPELINE_OPENAI_BASE_URL", "OPENAI_BASE_URL"),
        ("PIPELINE_TELEGRAM_BOT_TOKEN", "TELEGRAM_BOT_TOKEN"),
        ("PIPELINE_OPENAI_API_KEY_FILE", "OPENAI_API_KEY_FILE"),
    ],
)
@pytest.mark.parametrize("model", [RunSettings, StorageSettings])
def test_a_misspelt_variable_is_refused_with_the_one_that_exists(
    monkeypatch: pytest.MonkeyPatch, model: type[StorageSettings], variable: str, meant: str
) -> None:
    monkeypatch.setenv(variable, "5")
    with pytest.raises(SettingsError) as caught:
        read_settings(model)
    assert str(caught.value) == f"{variable} is no setting: did you mean {meant}? Rename it, or unset it"


def test_a_variable_of_an_earlier_version_is_refused_with_its_name_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPELINE_FORMAT", "html")
    with pytest.raises(SettingsError, match=r"^PIPELINE_FORMAT is now PIPELINE_ANSWER_FORMAT: rename it$"):
        read_run_settings()
    assert set(RENAMED.values()) <= {env_name(field) for field in RunSettings.model_fields}


FOREIGN = ("PIPELINE_WORKSPACE", "PIPELINE_SERVICE_HOST", "PIPELINE_PORT_80_TCP", "PIPELINE_ID", "MY_PIPELINE_STORGAE")
"""Variables that others set: a CI, Kubernetes for a service of that name."""


@pytest.mark.parametrize("variable", FOREIGN)
def test_a_variable_that_is_like_no_setting_is_somebody_elses(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "5")
    assert read_run_settings().max_open == 2000
    assert set(unknown_variables([variable]).values()) <= {""}


def test_every_setting_is_known_by_its_variable_in_either_case() -> None:
    names = [env_name(field) for field in RunSettings.model_fields]
    assert unknown_variables([*names, *(name.lower() for name in names)]) == {}


@pytest.mark.parametrize("field", ["telegram_api_url", "openai_base_url"])
@pytest.mark.parametrize("password", ["hunter2", "hunter2@x"])
def test_a_bad_address_is_shown_without_its_password(
    monkeypatch: pytest.MonkeyPatch, field: str, password: str
) -> None:
    monkeypatch.setenv(env(field), f"http://user:{password}@127.0.0.1:99999/v1")
    with pytest.raises(SettingsError, match=f"^{env(field)} is ") as caught:
        read_run_settings()
    assert "hunter2" not in str(caught.value)


def test_a_bad_token_in_an_address_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELEGRAM_API_URL", f"https://127.0.0.1:99999/bot{TOKEN}")
    with pytest.raises(SettingsError) as caught:
        read_run_settings()
    assert TOKEN not in str(caught.value)


def test_every_place_may_be_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("landing", "journal", "checkpoints"):
        monkeypatch.setenv(env(name), str(tmp_path / "elsewhere" / name))
    monkeypatch.setenv("PIPELINE_STORAGE", str(tmp_path / "lake"))
    monkeypatch.setenv("PIPELINE_SILVER", "main.bot.silver")
    places = read_run_settings().places
    assert places.landing == tmp_path / "elsewhere" / "landing"
    assert places.journal == tmp_path / "elsewhere" / "journal"
    assert places.checkpoints == tmp_path / "elsewhere" / "checkpoints"
    assert (places.bronze, places.silver) == (str(tmp_path / "lake" / "bronze"), "main.bot.silver")


@pytest.mark.parametrize(
    ("place", "named"), [("main.bot.silver", True), ("/a/b.c.d", False), ("a.b", False), ("my-cat.s_1.t", True)]
)
def test_a_table_is_a_name_or_a_path(place: str, named: bool) -> None:
    assert is_table_name(place) is named


def test_the_models_access_has_its_key_and_no_slash_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "test-key")
    access = model_access(read_run_settings({"openai_base_url": "http://127.0.0.1:8000/v1/"}))
    assert (access.base_url, access.bearer.get_secret_value()) == ("http://127.0.0.1:8000/v1", "test-key")


def test_a_server_of_ones_own_needs_no_key_and_openais_does(monkeypatch: pytest.MonkeyPatch) -> None:
    own = read_run_settings({"openai_base_url": "http://127.0.0.1:8000/v1"})
    assert model_access(own).bearer == SecretStr("none")
    with pytest.raises(CredentialError, match=r"^OPENAI_API_KEY is not set: "):
        model_access(read_run_settings())


@pytest.mark.parametrize("bad", ["sk-abc…def", "sk-abc def", "sk-abc\nsk-def"])
def test_a_key_that_no_request_can_carry_is_one_line_that_does_not_show_it(
    monkeypatch: pytest.MonkeyPatch, bad: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", bad)
    with pytest.raises(CredentialError, match=r"^OPENAI_API_KEY has blanks or characters beyond ASCII: ") as caught:
        model_access(read_run_settings())
    assert bad not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_token_is_read_with_the_bot_that_it_belongs_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", f" {TOKEN}\n")
    assert bot_token(read_run_settings()) == SecretStr(TOKEN)
    assert bot_id_of(bot_token(read_run_settings())) == 42


@pytest.mark.parametrize(
    "bad", ["secretsecret", ":" + "x" * 35, "x:" + "x" * 35, "42:", "42:a b", "bot42:abc", "٤٢:abc"]
)
def test_what_is_no_token_is_one_line_that_does_not_show_it(monkeypatch: pytest.MonkeyPatch, bad: str) -> None:
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", bad)
    with pytest.raises(CredentialError, match=r"^TELEGRAM_BOT_TOKEN is not a token: ") as caught:
        bot_token(read_run_settings())
    assert bad not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_token_names_both_ways_to_give_it() -> None:
    with pytest.raises(CredentialError, match="TELEGRAM_BOT_TOKEN is not set: set it, or TELEGRAM_BOT_TOKEN_FILE"):
        bot_token(read_run_settings())


@pytest.fixture
def scope(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], str]:
    """The secrets of scopes; what is in the environment must not matter beside them."""
    secrets: dict[tuple[str, str], str] = {}
    monkeypatch.setattr("pipeline.settings.scope_secret", lambda *place: SecretStr(secrets[place]))
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", "41:" + "e" * 35)
    monkeypatch.setenv("OPENAI_API_KEY", "key-of-the-environment")
    return secrets


def test_with_a_scope_its_secrets_are_read_and_read_anew_each_time(scope: dict[tuple[str, str], str]) -> None:
    settings = read_run_settings({"secret_scope": "bot"})
    for number in ("1", "2"):
        scope["bot", "telegram-token"] = f"42:token-{number}"
        scope["bot", "llm-api-key"] = f"key-{number}"
        assert bot_token(settings) == SecretStr(f"42:token-{number}")
        assert model_access(settings).bearer == SecretStr(f"key-{number}")


def test_what_is_no_token_in_a_scope_is_named_by_its_place_there(scope: dict[tuple[str, str], str]) -> None:
    scope["bot", "telegram-token"] = "secretsecret"
    with pytest.raises(CredentialError, match=r"^secret bot/telegram-token is not a token: ") as caught:
        bot_token(read_run_settings({"secret_scope": "bot"}))
    assert "secretsecret" not in str(caught.value)


def test_the_workspaces_endpoints_need_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    given = ModelAccess("https://workspace.example.org/serving-endpoints", SecretStr("bearer"))
    monkeypatch.setattr("pipeline.settings.endpoint_access", lambda: given)
    assert model_access(read_run_settings({"model_source": "databricks", "secret_scope": "bot"})) is given


def test_no_setting_is_a_secret() -> None:
    named = [name for name in RunSettings.model_fields if "token" in name or "key" in name or "secret" in name]
    assert [name for name in named if "tokens" not in name] == ["secret_scope"]
