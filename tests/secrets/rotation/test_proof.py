"""The proofs of a new value: what is accepted, what is refused, and of what nobody can tell."""

from __future__ import annotations

import json

import pytest
from pydantic import SecretStr
from rotation.proof import bot_of, model_key, telegram
from rotation.steps import ValueRefused, ValueUndecided

from tests.support.wire import HANG, Respond, ok, refusal, response, wired

_TOKEN = SecretStr("42:" + "t" * 35)
_KEY = SecretStr("key-of-a-model")
_COMPLETION = response(
    "200 OK",
    json.dumps({"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0}]}),
    "Content-Type: application/json",
)


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rotation.proof._PATIENCE", 0.0)
    monkeypatch.setattr("rotation.proof._TIMEOUT", 0.3)


def error(code: int, message: str) -> bytes:
    return response(f"{code} Error", json.dumps({"error": {"message": message}}), "Content-Type: application/json")


@pytest.mark.parametrize(("text", "bot"), [("42:" + "a" * 35, 42), ("42", None), ("x:" + "a" * 35, None), ("", None)])
def test_a_token_says_whose_bot_it_is(text: str, bot: int | None) -> None:
    assert bot_of(SecretStr(text)) == bot


def test_a_token_is_proved_by_get_me() -> None:
    with wired(ok({"id": 42, "username": "our_bot"})) as wire:
        assert telegram(wire.url, 42)(_TOKEN) == "@our_bot, bot 42"
        assert telegram(wire.url, None)(_TOKEN) == "@our_bot, bot 42"


@pytest.mark.parametrize(
    ("answer", "bot_id", "reason"),
    [
        (refusal(401, "Unauthorized"), 42, "does not accept it"),
        (refusal(404, "Not Found"), 42, "does not accept it"),
        (ok({"id": 43, "username": "another"}), 42, "getMe shows bot 43, and this deployment's bot is 42"),
        (ok({"id": 43, "username": "another"}), None, "getMe shows bot 43"),
        (ok({"id": 42, "username": "our_bot"}), 7, "it is a token of bot 42, and this deployment's bot is 7"),
    ],
)
def test_a_token_that_is_dead_or_of_another_bot_is_refused(answer: Respond, bot_id: int | None, reason: str) -> None:
    with wired(answer) as wire, pytest.raises(ValueRefused, match=reason) as refused:
        telegram(wire.url, bot_id)(_TOKEN)
    assert _TOKEN.get_secret_value() not in str(refused.value)


@pytest.mark.parametrize("answer", [refusal(502, "Bad Gateway"), refusal(429, "Too Many Requests"), HANG])
def test_while_telegram_can_not_tell_a_token_is_neither_proved_nor_refused(answer: Respond) -> None:
    with wired(answer) as wire, pytest.raises(ValueUndecided, match="Telegram can't be asked") as undecided:
        telegram(wire.url, 42)(_TOKEN)
    assert _TOKEN.get_secret_value() not in str(undecided.value)


def test_a_key_is_proved_by_a_completion_of_one_token() -> None:
    with wired(_COMPLETION) as wire:
        assert model_key(wire.url, "m")(_KEY) == "m answered"
    (received,) = wire.received
    assert received.body["max_tokens"] == 1


def test_a_model_that_wants_its_limit_by_another_name_is_asked_so() -> None:
    with wired(error(400, "use 'max_completion_tokens' instead"), _COMPLETION) as wire:
        model_key(wire.url, "m")(_KEY)
    assert [("max_tokens" in received.body) for received in wire.received] == [True, False]


@pytest.mark.parametrize("code", [401, 403])
def test_a_key_that_the_model_does_not_accept_is_refused(code: int) -> None:
    with wired(error(code, f"no such key: {_KEY.get_secret_value()}")) as wire, pytest.raises(ValueRefused) as refused:
        model_key(wire.url, "m")(_KEY)
    assert _KEY.get_secret_value() not in str(refused.value)


@pytest.mark.parametrize("text", ["two words", "schlüssel", "a\nb"])
def test_what_can_be_no_key_is_refused_unasked(text: str) -> None:
    with wired(_COMPLETION) as wire, pytest.raises(ValueRefused, match="it is not a key"):
        model_key(wire.url, "m")(SecretStr(text))
    assert not wire.received


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (error(429, "busy"), "it answered 429"),
        (error(503, "down"), "it answered 503"),
        (error(404, "no such model"), "knows no model 'm'"),
        (response("200 OK", "<html>log in</html>", "Content-Type: text/html"), "it answered with no completion"),
        (HANG, "APITimeoutError"),
    ],
)
def test_while_the_model_can_not_tell_a_key_is_neither_proved_nor_refused(answer: Respond, reason: str) -> None:
    with wired(answer) as wire, pytest.raises(ValueUndecided, match=reason):
        model_key(wire.url, "m")(_KEY)
