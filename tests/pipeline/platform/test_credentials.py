"""Where secrets come from, and how they are renewed."""

import time
from pathlib import Path

import pytest
from pydantic import SecretStr

from pipeline.platform.credentials import Credential, CredentialError, ModelAccess, secret_source

KEY = "PIPELINE_TEST_SECRET"
VALUE = "s" * 40


def resolved() -> str | None:
    secret = secret_source(KEY)()
    return None if secret is None else secret.get_secret_value()


@pytest.fixture
def secret_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "secret"
    monkeypatch.setenv(f"{KEY}_FILE", str(file))
    return file


@pytest.mark.parametrize(("value", "expected"), [(VALUE, VALUE), (f" {VALUE}\n", VALUE), ("", None), (" ", None)])
def test_a_secret_is_read_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, value: str, expected: str | None
) -> None:
    monkeypatch.setenv(KEY, value)
    assert resolved() == expected


def test_a_secret_that_is_set_nowhere_is_none() -> None:
    assert resolved() is None


def test_a_secret_file_is_read_again_each_time(secret_file: Path) -> None:
    for value in ("first", "second"):
        secret_file.write_text(value + "\n")
        assert resolved() == value


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "can't be read (No such file"), (b" \n", "is empty"), (b"\xff\xfe", "(not text)")]
)
def test_an_unusable_secret_file_is_reported_in_one_line(secret_file: Path, content: bytes | None, reason: str) -> None:
    if content is not None:
        secret_file.write_bytes(content)
    with pytest.raises(CredentialError) as caught:
        resolved()
    assert reason in str(caught.value)
    assert str(caught.value).startswith(f"{KEY}_FILE ")
    assert "\n" not in str(caught.value)


def test_a_secret_in_both_places_is_refused_without_showing_it(
    secret_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret_file.write_text(VALUE)
    monkeypatch.setenv(KEY, VALUE)
    with pytest.raises(CredentialError, match=f"{KEY} and {KEY}_FILE are both set") as caught:
        resolved()
    assert VALUE not in str(caught.value)


def test_a_secret_given_where_its_files_path_belongs_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    token = "42:" + "x" * 35
    monkeypatch.setenv(f"{KEY}_FILE", token)
    with pytest.raises(CredentialError) as caught:
        resolved()
    assert token not in str(caught.value)


class Resolving:
    """Gives one value after the other; an exception is raised."""

    def __init__(self, *values: object) -> None:
        self.values = list(values)
        self.times = 0

    def __call__(self) -> ModelAccess:
        self.times += 1
        value = self.values.pop(0)
        if isinstance(value, Exception):
            raise value
        assert isinstance(value, ModelAccess)
        return value


def access(bearer: str, expires_in: float | None = None) -> ModelAccess:
    expires_at = None if expires_in is None else time.time() + expires_in
    return ModelAccess("http://127.0.0.1", SecretStr(bearer), expires_at)


def test_an_access_never_shows_its_bearer() -> None:
    assert VALUE not in repr(access(VALUE))


def test_a_credential_is_resolved_once_while_it_holds() -> None:
    resolve = Resolving(access("a"))
    credential = Credential(resolve)
    assert credential.current() is credential.current()
    assert resolve.times == 1


@pytest.mark.parametrize(("expires_in", "times"), [(3600.0, 1), (60.0, 2), (-1.0, 2)])
def test_a_credential_is_renewed_before_it_expires(expires_in: float, times: int) -> None:
    resolve = Resolving(access("a", expires_in), access("b", 3600.0))
    credential = Credential(resolve)
    credential.current()
    credential.current()
    assert resolve.times == times


def test_a_credential_that_can_not_be_renewed_holds_until_it_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    monkeypatch.setattr("pipeline.platform.credentials.time.time", lambda: now)
    resolve = Resolving(access("a", 60.0), CredentialError("gone"), CredentialError("gone"), access("b"))
    credential = Credential(resolve)
    assert [credential.current(), credential.current(), credential.current()] == [access("a")] * 3
    assert resolve.times == 2, "others don't wait for what has just failed"
    now += 60.0
    with pytest.raises(CredentialError, match="gone"):
        credential.current()
    assert credential.current() == access("b")


def test_a_renewal_that_fails_slowly_is_not_repeated_by_every_thread_that_waited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [1000.0]
    monkeypatch.setattr("pipeline.platform.credentials.time.monotonic", lambda: clock[0])
    tried: list[float] = []

    def resolve() -> ModelAccess:
        tried.append(clock[0])
        if len(tried) == 1:
            return access("a", 60.0)
        clock[0] += 14.0
        raise CredentialError("no answer")

    credential = Credential(resolve)
    assert [credential.current() for _ in range(5)] == [access("a")] * 5
    assert len(tried) == 2


def test_the_same_bearer_with_a_later_expiry_is_not_another_value() -> None:
    credential = Credential(Resolving(access("a", 300.0), access("a", 600.0)))
    assert credential.refresh(credential.current()) is False


def test_a_refused_credential_is_resolved_again() -> None:
    old, new = access("old"), access("new")
    credential = Credential(Resolving(old, new))
    assert credential.current() == old
    assert credential.refresh(old) is True
    assert credential.current() == new


def test_a_second_thread_refused_with_the_old_value_resolves_nothing_more() -> None:
    old, new = access("old"), access("new")
    resolve = Resolving(old, new)
    credential = Credential(resolve)
    credential.current()
    assert [credential.refresh(old), credential.refresh(old)] == [True, True]
    assert resolve.times == 2


def test_there_is_nothing_else_to_try_while_the_value_stays_the_same_or_cannot_be_resolved() -> None:
    old = access("old")
    credential = Credential(Resolving(old, access("old"), CredentialError("gone"), access("new")))
    credential.current()
    assert [credential.refresh(old) for _ in range(3)] == [False, False, True]
