"""Removing secrets from texts."""

import re
import threading
from collections.abc import Callable
from urllib.parse import quote

import pytest

from pipeline.redaction import learn_secret, quoted, scrub, without_begun_secret, without_secrets

TOKEN = "42:" + "Ab3_-" * 7
KEY = "k/+y=" + "Zz9" * 5


@pytest.mark.parametrize("secret", [TOKEN, KEY, "placeholder-of-12"])
@pytest.mark.parametrize(
    "form",
    [
        lambda secret: secret,
        quote,
        lambda secret: quote(secret, safe=""),
        lambda secret: quote(secret, safe="/:"),
        lambda secret: re.sub("%..", lambda code: code[0].lower(), quote(secret, safe="")),
    ],
    ids=["plain", "quoted", "quoted wholly", "quoted a little", "quoted in lower case"],
)
def test_a_secret_that_was_resolved_is_removed_in_every_form(secret: str, form: Callable[[str], str]) -> None:
    shown = form(secret)
    text = f"no such path: /bot{shown}/sendMessage, {shown}{shown}!"
    assert without_secrets(text) == text
    learn_secret(secret)
    learn_secret(secret)
    hidden = "no such path: /bot<credential>/sendMessage, <credential><credential>!"
    assert without_secrets(text) == scrub(text) == hidden


def test_the_part_of_a_token_that_gives_access_is_removed_alone_too() -> None:
    learn_secret(TOKEN)
    assert without_secrets(f"{TOKEN.partition(':')[2]} of bot 42") == "<credential> of bot 42"


@pytest.mark.parametrize("placeholder", ["", "none", "EMPTY", "7 chars"])
def test_a_placeholder_for_no_secret_is_an_ordinary_text(placeholder: str) -> None:
    learn_secret(placeholder)
    assert without_secrets("nonetheless EMPTY, 7 chars") == "nonetheless EMPTY, 7 chars"


@pytest.mark.parametrize("placeholder", ["anything", "password", "placeholder", "12345678"])
def test_a_word_or_a_number_in_place_of_a_key_does_not_spoil_an_answer(placeholder: str) -> None:
    learn_secret(placeholder)
    answer = f"No {placeholder} here, 123456789."
    assert without_secrets(answer) == answer


@pytest.mark.parametrize("key", ["a1b2c3d4", "not-a-word", "aVeryLongWordOfLetters", "1" * 16])
def test_a_key_that_somebody_chose_is_a_secret(key: str) -> None:
    learn_secret(key)
    assert without_secrets(f"the key {key} is wrong") == "the key <credential> is wrong"


def test_only_resolved_secrets_are_removed_from_what_a_person_reads() -> None:
    text = f"send {TOKEN} as a bearer certificate to https://me:pw@example.org"
    assert without_secrets(text) == text
    assert scrub(text) == "send <secret> as a <secret> to https://…@example.org"


def test_a_secret_that_a_cut_would_halve_is_removed_before_the_cut() -> None:
    learn_secret(KEY)
    assert quoted("x" * 295 + KEY, 300) == "x" * 295 + "<cred"
    assert quoted("x" * 280 + TOKEN, 300) == "x" * 280 + "<secret>"
    assert len(quoted("x" * 10**6, 300)) == 300


def test_the_latest_secrets_are_known_when_there_are_many() -> None:
    secrets = [f"renewed-bearer-{number:03d}" for number in range(200)]
    threads = [threading.Thread(target=learn_secret, args=(secret,)) for secret in secrets[:100]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for secret in secrets[100:]:
        learn_secret(secret)
    assert without_secrets(" ".join(secrets[-50:])) == " ".join(["<credential>"] * 50)


def test_bearers_that_expire_make_no_room_by_forgetting_a_secret_that_lasts() -> None:
    bearers = [f"bearer-{number:04d}-" + "Yy8" * 5 for number in range(200)]
    learn_secret(TOKEN)
    for bearer in bearers:
        learn_secret(bearer, expires=True)
    assert without_secrets(f"{TOKEN} {bearers[-1]}") == "<credential> <credential>"
    assert without_secrets(bearers[0]) == bearers[0]


def test_the_end_of_a_text_that_may_begin_a_secret_is_left_out() -> None:
    learn_secret("aBcDeF-0123456789")
    for begun in ("aBcD", "aBcDeF-012345678"):
        assert without_begun_secret(f"the key is {begun}") == "the key is "
    assert without_begun_secret("the key is aBcDeF-0123456789") == "the key is <credential>"
    for harmless in ("the key is aBc", "aBcDeF-01 is no key", "", "key"):
        assert without_begun_secret(harmless) == harmless
