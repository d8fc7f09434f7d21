"""The registration of the menu of commands."""

from collections.abc import Iterator

import pytest
import structlog
from pydantic import SecretStr

from pipeline.messages.phrases import all_phrases
from pipeline.platform.credentials import Credential, CredentialError
from pipeline.sandbox.server import serve
from pipeline.sandbox.telegram.account import DEFAULT_TOKEN
from pipeline.sandbox.telegram.simulator import Telegram
from pipeline.sandbox.web.app import create_app
from pipeline.telegram.client import BotApi, BotApiError, Interrupted, Refused
from pipeline.telegram.menu import register_commands

LANGUAGES = list(all_phrases())
FAILED = "the menu of commands can't be set; the next run tries again"


class FakeMenus(BotApi):
    """Telegram, as far as menus go: the calls, and what each language has."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.menus: dict[str, dict[str, str]] = {}
        self.fails: dict[tuple[str, str], Exception] = {}

    def commands(self, language: str) -> dict[str, str]:
        self._note("get", language)
        return self.menus.get(language, {})

    def set_commands(self, language: str, commands: object) -> None:
        self._note("set", language)
        assert isinstance(commands, dict)
        self.menus[language] = commands

    def _note(self, what: str, language: str) -> None:
        self.calls.append((what, language))
        if (what, language) in self.fails:
            raise self.fails[what, language]

    @property
    def set(self) -> list[str]:
        return [language for what, language in self.calls if what == "set"]


@pytest.fixture
def api() -> FakeMenus:
    return FakeMenus()


def test_each_language_gets_its_menu_and_english_is_that_of_all_others(api: FakeMenus) -> None:
    register_commands(api)
    assert api.set == ["", *LANGUAGES[1:]]
    assert list(api.menus[""]) == ["start", "help", "new", "usage", "privacy"]
    assert api.menus["de"] == dict(all_phrases()["de"].commands)


def test_what_telegram_has_already_is_not_set_again(api: FakeMenus) -> None:
    register_commands(api)
    api.calls.clear()
    register_commands(api)
    assert (len(api.calls), api.set) == (len(LANGUAGES), [])


def test_a_menu_with_another_text_or_another_order_is_set_again(api: FakeMenus) -> None:
    register_commands(api)
    api.calls.clear()
    api.menus["fr"] = {**api.menus["fr"], "help": "?"}
    api.menus["ru"] = dict(reversed(api.menus["ru"].items()))
    with structlog.testing.capture_logs() as logs:
        register_commands(api)
    assert api.set == ["fr", "ru"]
    assert [(log["event"], log["languages"]) for log in logs] == [("the menu of commands is set", ["fr", "ru"])]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Interrupted("no response"), "no response"),
        (Refused(429, "Too Many Requests: retry after 30", 30.0), "429 Too Many Requests: retry after 30"),
        (CredentialError("the token is gone: give it back"), "the token is gone: give it back"),
        (RuntimeError("https://…/bot42:secret"), "RuntimeError"),
    ],
)
@pytest.mark.parametrize("call", ["get", "set"])
def test_a_failure_is_logged_once_and_ends_it_until_the_next_run(
    api: FakeMenus, call: str, error: BotApiError, reason: str
) -> None:
    api.fails[call, "es"] = error
    with structlog.testing.capture_logs() as logs:
        register_commands(api)
    assert [log for log in logs if log["log_level"] == "warning"] == [
        {"event": FAILED, "log_level": "warning", "reason": reason}
    ]
    assert api.calls[-1] == (call, "es")
    api.fails.clear()
    api.calls.clear()
    register_commands(api)
    assert api.set == LANGUAGES[2:]


def test_a_run_that_ends_asks_nothing_more(api: FakeMenus) -> None:
    register_commands(api, lambda: len(api.calls) >= 2)
    assert api.calls == [("get", ""), ("set", "")]


# Over HTTP


@pytest.fixture
def telegram() -> Iterator[tuple[Telegram, BotApi]]:
    telegram = Telegram(DEFAULT_TOKEN)
    with serve(create_app(telegram)) as served:
        yield telegram, BotApi(served.url, Credential(lambda: SecretStr(DEFAULT_TOKEN)), 5.0)


def test_the_bot_api_takes_the_menus_and_gives_them_back(telegram: tuple[Telegram, BotApi]) -> None:
    simulator, api = telegram
    with structlog.testing.capture_logs() as logs:
        register_commands(api)
        register_commands(api)
    assert [log["event"] for log in logs] == ["the menu of commands is set"]
    for language, texts in all_phrases().items():
        shown = simulator.call("getMyCommands", {"language_code": "" if language == "en" else language})
        assert shown == [{"command": name, "description": text} for name, text in texts.commands]
