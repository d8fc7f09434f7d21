"""Logs without secrets."""

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
import structlog

from pipeline.log import configure_logs
from pipeline.redaction import scrub

TOKEN = "42:" + "x" * 35
BEARER = "b" * 32


@pytest.mark.parametrize(
    "text",
    [
        TOKEN,
        f"token {TOKEN}.",
        f"https://api.telegram.org/bot{TOKEN}/getMe",
        f"/file/bot{TOKEN}/photos/1.jpg",
        f"HTTPConnectionPool(host='127.0.0.1'): Max retries exceeded with url: /bot{TOKEN}/sendMessage",
        f"'{TOKEN}'",
        f"TELEGRAM_BOT_TOKEN={TOKEN}",
    ],
)
def test_a_bot_token_is_scrubbed_wherever_it_is(text: str) -> None:
    assert "xxxx" not in scrub(text)
    assert "<secret>" in scrub(text)


@pytest.mark.parametrize("prefix", ["Bearer ", "bearer ", "Authorization: Bearer ", "sk-", "dapi", "key=sk-"])
def test_a_bearer_is_scrubbed(prefix: str) -> None:
    assert BEARER not in scrub(f"sent {prefix}{BEARER}== and more")
    assert scrub(f"sent {prefix}{BEARER}== and more").endswith("<secret> and more")


@pytest.mark.parametrize("text", ["42:7:-5:9", "at 12:30:45", "port 8081", "the bearer of news", "a task-force", ""])
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert scrub(text) == text


@pytest.fixture
def logged(capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    """Log an event, and read its line."""

    def logged(**values: object) -> dict[str, Any]:
        configure_logs("info")
        structlog.get_logger("test").info("event", **values)
        line: dict[str, Any] = json.loads(capsys.readouterr().err)
        return line

    return logged


def test_an_event_is_one_line_of_json_on_standard_error(logged: Callable[..., dict[str, Any]]) -> None:
    line = logged(chat=7, reason="two\nlines")
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "event", "level": "info", "chat": 7, "reason": "two\nlines"}


@pytest.mark.parametrize(
    "value",
    [TOKEN, ValueError(f"at /bot{TOKEN}/getMe"), [f"token {TOKEN}"], {"token": TOKEN}, (TOKEN,), TOKEN.encode()],
    ids=["text", "exception", "list", "dict", "tuple", "bytes"],
)
def test_no_value_of_an_event_shows_a_secret(logged: Callable[..., dict[str, Any]], value: object) -> None:
    assert "xxxx" not in json.dumps(logged(value=value))


def test_on_a_cluster_an_event_is_json_even_if_standard_error_is_a_terminal(
    logged: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")
    assert logged(chat=7)["chat"] == 7


def test_on_a_terminal_no_value_and_no_name_of_an_event_steers_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    configure_logs("info")
    hostile = "\x1b]0;owned\x07\x9b2J\u202e\nsecond"
    structlog.get_logger("test").info(hostile, text=hostile, items=[hostile], of={hostile: hostile})
    said = capsys.readouterr().err
    assert said.count("owned") >= 4
    assert not any(steering in said for steering in ("\x1b]", "\x07", "\x9b", "\u202e"))
    assert said.count("\n") == 1


def test_in_json_the_same_is_an_escape(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info")
    structlog.get_logger("test").info("event", text="\x1b\x9b\u202e\u2028")
    line = capsys.readouterr().err
    assert json.loads(line)["text"] == "\x1b\x9b\u202e\u2028"
    assert line.removesuffix("\n").isprintable()


def test_events_below_the_level_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("WARNING")
    structlog.get_logger("test").info("quiet")
    assert capsys.readouterr().err == ""


def test_libraries_that_log_addresses_are_silent() -> None:
    configure_logs()
    libraries = ("urllib3", "requests", "httpx", "httpcore", "openai", "py4j", "databricks")
    assert {logging.getLogger(name).level for name in libraries} == {logging.CRITICAL}
