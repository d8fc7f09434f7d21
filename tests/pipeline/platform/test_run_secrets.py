"""The secrets of a run as one value, and their broadcast."""

import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar, cast

import pytest
from pydantic import SecretStr

from pipeline import redaction
from pipeline.platform.credentials import Credential, ModelAccess
from pipeline.platform.run_secrets import BroadcastSecrets, RunCredentials, RunSecrets

if TYPE_CHECKING:
    from pyspark import SparkContext

URL = "https://telegram.example.org"
TOKEN, NEW_TOKEN = f"42:{'t' * 35}", f"42:{'n' * 35}"
KEY, NEW_KEY = "key-of-the-model", "another-key-of-the-model"

_T = TypeVar("_T")


def access(key: str) -> ModelAccess:
    return ModelAccess("https://models.example.org", SecretStr(key))


def secrets(token: str = TOKEN, key: str = KEY) -> RunSecrets:
    return RunSecrets(URL, SecretStr(token), access(key))


def resolving(*values: _T) -> Callable[[], _T]:
    """Resolves one value after the other."""
    given = iter(values)
    return lambda: next(given)


@dataclass
class FakeBroadcast:
    value: RunSecrets
    destroyed: int = 0

    def destroy(self) -> None:
        self.destroyed += 1


@dataclass
class FakeContext:
    broadcasts: list[FakeBroadcast] = field(default_factory=list)

    def broadcast(self, value: RunSecrets) -> FakeBroadcast:
        self.broadcasts.append(FakeBroadcast(value))
        return self.broadcasts[-1]

    @property
    def destroyed(self) -> list[int]:
        return [broadcast.destroyed for broadcast in self.broadcasts]


class Run:
    """A run whose secrets have been rotated once where they are kept, and are not yet resolved again."""

    def __init__(self) -> None:
        self.context = FakeContext()
        self.credentials = RunCredentials(
            URL,
            Credential(resolving(SecretStr(TOKEN), SecretStr(NEW_TOKEN))),
            Credential(resolving(access(KEY), access(NEW_KEY))),
        )
        self.broadcasts = BroadcastSecrets(cast("SparkContext", self.context), self.credentials)

    def token_refused(self) -> None:
        assert self.credentials.token.refresh(SecretStr(TOKEN))

    def key_refused(self) -> None:
        assert self.credentials.model.refresh(access(KEY))


@pytest.fixture
def run() -> Run:
    return Run()


def test_no_text_of_the_secrets_shows_one() -> None:
    for text in (repr(secrets()), str(secrets()), f"{secrets()}"):
        assert URL in text
        assert TOKEN not in text
        assert KEY not in text


def test_where_the_secrets_arrive_they_are_removed_from_what_a_server_says(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = pickle.dumps(secrets())
    monkeypatch.setattr("pipeline.redaction._secrets", redaction._Secrets())  # an executor knows none
    assert redaction.without_secrets(f"{TOKEN} {KEY}") == f"{TOKEN} {KEY}"
    assert pickle.loads(sent) == secrets()  # noqa: S301
    assert redaction.without_secrets(f"{TOKEN} {KEY}") == "<credential> <credential>"


def test_jobs_share_one_broadcast_while_the_secrets_stay_the_same(run: Run) -> None:
    with run.broadcasts.held() as (first, broadcast), run.broadcasts.held() as (_, same):
        assert broadcast is same
        assert broadcast.value == first == secrets()
    with run.broadcasts.held():
        pass
    assert run.context.destroyed == [0]


@pytest.mark.parametrize(
    ("refused", "renewed"),
    [(Run.token_refused, secrets(token=NEW_TOKEN)), (Run.key_refused, secrets(key=NEW_KEY))],
    ids=["token", "key"],
)
def test_a_renewed_secret_is_broadcast_again_and_the_old_one_destroyed_when_no_job_holds_it(
    run: Run, refused: Callable[[Run], None], renewed: RunSecrets
) -> None:
    with run.broadcasts.held() as (_, outer), run.broadcasts.held():
        refused(run)
        with run.broadcasts.held() as (now, inner):
            assert (outer.value, inner.value, now) == (secrets(), renewed, renewed)
            assert run.context.destroyed == [0, 0]
    assert run.context.destroyed == [1, 0]


def test_a_broadcast_is_released_after_a_failed_job_and_destroyed_at_the_end(run: Run) -> None:
    with pytest.raises(ZeroDivisionError), run.broadcasts.held():
        raise ZeroDivisionError
    run.broadcasts.close()
    run.broadcasts.close()
    assert run.context.destroyed == [1]


def test_a_close_waits_for_the_job_that_holds_the_broadcast(run: Run) -> None:
    with run.broadcasts.held():
        run.broadcasts.close()
        assert run.context.destroyed == [0]
    assert run.context.destroyed == [1]
