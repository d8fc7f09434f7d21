"""What a run asks before it begins."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import openai
import pytest
from pydantic import SecretStr

from pipeline.errors import OperatorError, RunFailed, SettingsError
from pipeline.model.client import Model, ModelSettings
from pipeline.platform.credentials import Credential, CredentialError, CredentialUnavailable, ModelAccess
from pipeline.replies.journal import Journal
from pipeline.run.preflight import TokenSource, ask_who_we_are, held_storage, require_model, resolve_secrets
from pipeline.sandbox.models.rules import ScriptedRule
from pipeline.sandbox.models.scripted import ScriptedModel
from pipeline.settings import RunSettings, read_run_settings
from pipeline.storage.durable import DurableFolder
from pipeline.storage.landing import Landing
from pipeline.storage.lease import Lease, LeaseHeld
from pipeline.storage.places import StorageError, storage_errors
from pipeline.storage.record import Record, Recorder, read_record
from pipeline.telegram.bot import Bot
from pipeline.telegram.client import BotApi, Interrupted, Refused, Unreachable
from tests.pipeline.conftest import ModelServer
from tests.support.replies import accepted
from tests.support.run_parts import SteppedEnd

TOKEN = SecretStr("42:" + "x" * 35)
OTHER_TOKEN = SecretStr("43:" + "x" * 35)


@pytest.fixture
def settings(tmp_path: Path) -> RunSettings:
    return read_run_settings({"storage": str(tmp_path / "lake"), "secret_scope": "bot", "startup_patience": "5"})


@pytest.fixture
def end() -> SteppedEnd:
    return SteppedEnd()


# The secrets


class Scope:
    """Fails as often as the test says, then gives a token."""

    def __init__(self, *failures: CredentialError) -> None:
        self.failures = list(failures)
        self.asked: list[str] = []

    def __call__(self, scope: str, key: str) -> SecretStr:
        self.asked.append(key)
        if self.failures:
            raise self.failures.pop(0)
        return TOKEN


def unavailable(times: int) -> tuple[CredentialError, ...]:
    return (CredentialUnavailable("no answer"),) * times


Resolve = Callable[..., None]


@pytest.fixture
def resolve(settings: RunSettings, monkeypatch: pytest.MonkeyPatch, end: SteppedEnd) -> Resolve:
    """Resolve the secrets from a scope, as a run does."""

    def resolve(scope: Scope, **changes: object) -> None:
        monkeypatch.setattr("pipeline.settings.scope_secret", scope)
        changed = settings.model_copy(update=changes)
        token = Credential(TokenSource(changed))
        access = Credential(lambda: ModelAccess("http://127.0.0.1:1", scope("bot", "llm-api-key")))
        resolve_secrets(changed, token, access, end)

    return resolve


def test_the_token_comes_first_then_the_models_name_then_its_key(resolve: Resolve) -> None:
    scope = Scope()
    with pytest.raises(SettingsError, match=r"^PIPELINE_MODEL is not set: set it to a model's name at OPENAI_BASE_URL"):
        resolve(scope)
    assert scope.asked == ["telegram-token"]
    scope = Scope()
    resolve(scope, model="m")
    assert scope.asked == ["telegram-token", "llm-api-key"]


def test_a_scope_that_is_unavailable_for_a_moment_does_not_end_a_start(resolve: Resolve, end: SteppedEnd) -> None:
    scope = Scope(*unavailable(3))
    with pytest.raises(SettingsError, match=r"^PIPELINE_MODEL is not set"):  # which is looked at next
        resolve(scope)
    assert len(scope.asked) == 4
    assert end.waits == [0.5, 1.0, 2.0]


def test_the_waits_grow_up_to_five_seconds(resolve: Resolve, end: SteppedEnd) -> None:
    resolve(Scope(*unavailable(7)), model="m", startup_patience=60.0)
    assert end.waits == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0]


def test_a_scope_that_stays_unavailable_ends_a_start_when_the_patience_is_over(
    resolve: Resolve, end: SteppedEnd
) -> None:
    scope = Scope(*unavailable(9))
    with pytest.raises(CredentialUnavailable, match=r"^no answer$"):
        resolve(scope, startup_patience=0.0)
    assert len(scope.asked) == 1
    scope = Scope(*unavailable(9))
    with pytest.raises(CredentialUnavailable, match=r"^no answer$"):
        resolve(scope)
    assert sum(end.waits) >= 5.0


def test_both_secrets_share_one_patience(resolve: Resolve, end: SteppedEnd) -> None:
    scope = Scope(*unavailable(3))
    real = scope.__call__

    def key_fails(where: str, key: str) -> SecretStr:
        if key == "llm-api-key":
            scope.asked.append(key)
            raise CredentialUnavailable("no key")
        return real(where, key)

    with pytest.raises(CredentialUnavailable, match=r"^no key$"):
        resolve(key_fails, model="m")  # the token takes 3.5 of the 5 seconds
    assert end.waits == [0.5, 1.0, 2.0, 0.5, 1.0]


def test_a_secret_that_is_missing_is_not_waited_for(resolve: Resolve, end: SteppedEnd, settings: RunSettings) -> None:
    scope = Scope(CredentialError("no such secret"))
    with pytest.raises(CredentialError, match=r"^no such secret$"):
        resolve(scope)
    assert (len(scope.asked), end.waits, settings.storage.exists()) == (1, [], False)


def test_a_stop_ends_the_waiting_for_a_scope(resolve: Resolve, end: SteppedEnd) -> None:
    end.request()
    scope = Scope(*unavailable(9))
    with pytest.raises(CredentialUnavailable):
        resolve(scope)
    assert len(scope.asked) == 1


def test_another_bots_token_is_never_used_once_the_bot_is_known(
    settings: RunSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = [TOKEN, TOKEN, OTHER_TOKEN]
    monkeypatch.setattr("pipeline.settings.scope_secret", lambda scope, key: tokens.pop(0))
    source = TokenSource(settings)
    assert source() == TOKEN
    source.bot_id = 42
    assert source() == TOKEN
    with pytest.raises(CredentialError, match=r"^secret bot/telegram-token is now bot 43's, this run is bot 42's$"):
        source()


def test_any_bots_token_is_taken_while_the_bot_is_not_known(
    settings: RunSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.settings.scope_secret", lambda scope, key: OTHER_TOKEN)
    assert TokenSource(settings)() == OTHER_TOKEN


# The storage


def record_of(settings: RunSettings) -> Record:
    record = read_record(settings.places.root)
    assert record is not None
    return record


def test_a_storage_is_held_and_its_record_begun_for_the_length_of_a_run(settings: RunSettings) -> None:
    with held_storage(settings.places) as (lease, recorder):
        assert (type(lease), type(recorder)) == (Lease, Recorder)
        assert record_of(settings).state == "starting"
        with pytest.raises(LeaseHeld):
            Lease(settings.places.root).acquire()
        recorder.set(state="serving")
    assert (record_of(settings).state, record_of(settings).last_error) == ("stopped", None)
    Lease(settings.places.root).acquire()


def test_the_record_says_what_the_operator_must_fix(settings: RunSettings) -> None:
    with pytest.raises(OperatorError, match=r"^fix it$"), held_storage(settings.places):
        raise OperatorError("fix it")
    record = record_of(settings)
    assert record.state == "stopped"
    assert record.last_error is not None
    assert record.last_error.reason == "run: fix it"


def test_the_storage_is_given_back_whatever_ends_the_run(settings: RunSettings) -> None:
    with pytest.raises(KeyError), held_storage(settings.places):
        raise KeyError
    assert (record_of(settings).state, record_of(settings).last_error) == ("stopped", None)
    assert not (settings.places.root / "lease.json").exists()
    Lease(settings.places.root).acquire()


def test_a_full_disk_at_the_end_keeps_neither_the_lease_nor_the_result(
    settings: RunSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "full")

    released: list[Lease] = []

    def release(lease: Lease) -> None:
        released.append(lease)
        raise OSError(28, "full")

    with held_storage(settings.places) as (lease, _):
        monkeypatch.setattr("pipeline.storage.record.write_durably", full)
        monkeypatch.setattr(Lease, "release", release)
    assert released == [lease]


def test_a_storage_that_another_run_holds_is_left_as_it_is(settings: RunSettings) -> None:
    with held_storage(settings.places):
        before = record_of(settings)
        with pytest.raises(LeaseHeld), held_storage(settings.places):
            pass
        assert record_of(settings) == before


class FullDisk:
    """Every write from the `number`-th on fails."""

    def __init__(self, number: int, code: int) -> None:
        self.number, self.code = number, code
        self.writes = 0

    def write(self) -> None:
        self.writes += 1
        if self.writes >= self.number:
            raise OSError(self.code, os.strerror(self.code))


def start_storage(settings: RunSettings) -> None:
    """What a run writes at its start."""
    with held_storage(settings.places) as (lease, _), storage_errors(settings.places.root):
        settings.places.claim(42)
        Journal(settings.places.journal, lease.confirm).record(accepted())
        Landing(settings.places.landing, 42, confirm=lease.confirm).tick()


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (errno.ENOSPC, StorageError),
        (errno.EDQUOT, StorageError),
        (errno.EROFS, StorageError),
        (errno.EACCES, StorageError),
        (errno.EIO, RunFailed),
    ],
)
@pytest.mark.parametrize("number", range(1, 7))
def test_a_disk_that_cannot_be_written_at_the_start_is_one_line(
    settings: RunSettings, monkeypatch: pytest.MonkeyPatch, number: int, code: int, error: type[Exception]
) -> None:
    disk, write = FullDisk(number, code), DurableFolder.write

    def write_or_fail(folder: DurableFolder, name: str, content: bytes, modified_at: float | None = None) -> None:
        disk.write()
        write(folder, name, content, modified_at)

    with monkeypatch.context() as patched:
        patched.setattr(DurableFolder, "write", write_or_fail)
        with pytest.raises(error) as caught:
            start_storage(settings)
    line = str(caught.value)
    assert line.startswith(f"PIPELINE_STORAGE {settings.places.root} is not writable (")
    assert os.strerror(code) in line
    assert "\n" not in line
    assert disk.writes >= number
    start_storage(settings)


def test_a_run_that_lost_its_storage_leaves_the_record_to_the_other(settings: RunSettings) -> None:
    with held_storage(settings.places) as (lease, recorder):
        recorder.set(state="serving")
        recorder.save()
        lease.lost = True
    assert record_of(settings).state == "serving"


# The bot


class Me(BotApi):
    """Answers getMe with errors first, then with the bot."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.asked = 0

    def get_me(self) -> Bot:
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)
        return Bot(42, "our_bot")


def test_a_bot_api_that_is_out_of_reach_for_a_moment_is_asked_again(settings: RunSettings, end: SteppedEnd) -> None:
    api = Me(Unreachable("refused"), Interrupted("cut"), Refused(502, "Bad Gateway"))
    assert ask_who_we_are(api, settings, end) == Bot(42, "our_bot")
    assert end.waits == [0.5, 1.0, 2.0]


def test_the_waits_for_telegram_grow_up_to_five_seconds(settings: RunSettings, end: SteppedEnd) -> None:
    patient = settings.model_copy(update={"startup_patience": 60.0})
    assert ask_who_we_are(Me(*(Unreachable("refused"),) * 7), patient, end) is not None
    assert end.waits == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0]


def test_a_bot_api_that_stays_out_of_reach_is_named_when_the_patience_is_over(
    settings: RunSettings, end: SteppedEnd
) -> None:
    api = Me(*(Unreachable("refused"),) * 9)
    with pytest.raises(
        SettingsError,
        match=r"^TELEGRAM_API_URL https://api\.telegram\.org/ can't be used \(refused\): check the address and the net",
    ):
        ask_who_we_are(api, settings, end)
    assert end.waits == [0.5, 1.0, 2.0, 4.0]


def test_the_address_is_shown_without_its_password(settings: RunSettings, end: SteppedEnd) -> None:
    secret = settings.model_copy(update={"telegram_api_url": "https://me:password@127.0.0.1", "startup_patience": 0.0})
    with pytest.raises(SettingsError) as caught:
        ask_who_we_are(Me(Unreachable("refused")), secret, end)
    assert "password" not in str(caught.value)


@pytest.mark.parametrize("refusal", [Refused(401, "Unauthorized"), Refused(404, "Not Found")])
def test_a_rejected_token_is_named_by_its_place_and_not_tried_again(
    settings: RunSettings, end: SteppedEnd, refusal: Refused
) -> None:
    api = Me(refusal)
    with pytest.raises(
        SettingsError,
        match=r"^secret bot/telegram-token was rejected by https://api\.telegram\.org/ \(40[14] .*\): give the tok",
    ):
        ask_who_we_are(api, settings, end)
    assert (api.asked, end.waits) == (1, [])


def test_a_stop_or_a_deadline_ends_the_question_for_the_bot(settings: RunSettings) -> None:
    stopped = SteppedEnd()
    stopped.request()
    api = Me()
    assert ask_who_we_are(api, settings, stopped) is None
    assert api.asked == 0
    assert ask_who_we_are(Me(*(Unreachable("refused"),) * 9), settings, SteppedEnd(deadline=1.0)) is None


# The model


def _require(access: ModelAccess, **settings: str) -> None:
    asked = read_run_settings({"model": "m", "openai_base_url": access.base_url, **settings})
    require_model(Model(ModelSettings(asked.model, model_timeout=5.0)), asked, access)


def test_a_model_that_its_server_lists_is_not_asked(scripted: ScriptedModel, model_server: ModelServer) -> None:
    scripted.models = ["other", "m"]
    _require(model_server.access())
    assert list(scripted.calls) == []


class ListingModel(Model):
    """A server's list and its answer to a probe."""

    def __init__(self, served: list[str] | Exception | None, probe: Exception | None = None) -> None:
        self.served_or_error = served
        self.probe_error = probe
        self.probed = 0

    def served(self, access: ModelAccess) -> list[str] | None:
        if isinstance(self.served_or_error, Exception):
            raise self.served_or_error
        return self.served_or_error

    def probe(self, access: ModelAccess) -> bool:
        self.probed += 1
        if self.probe_error is not None:
            raise self.probe_error
        return True


def status_error(kind: type[openai.APIStatusError], status: int) -> openai.APIStatusError:
    import httpx

    request = httpx.Request("POST", "http://127.0.0.1:1/v1")
    return kind("no", response=httpx.Response(status, request=request), body=None)


ACCESS = ModelAccess("http://127.0.0.1:1/v1", SecretStr("test-bearer"))


def own_server(**changes: str) -> RunSettings:
    return read_run_settings({"model": "m", "openai_base_url": "http://me:password@127.0.0.1:1/v1", **changes})


@pytest.mark.parametrize("served", [None, ["other"], status_error(openai.AuthenticationError, 401)])
def test_a_model_that_is_not_listed_is_asked_itself(served: list[str] | Exception | None) -> None:
    model = ListingModel(served)
    require_model(model, own_server(), ACCESS)
    assert model.probed == 1


@pytest.mark.parametrize(
    ("served", "names"),
    [
        (["b", "a"], "it serves a, b"),
        ([str(n) for n in range(9)], "it serves 0, 1, 2, 3, 4, 5, 6, 7"),
        (None, "check the model's name and the address"),
        ([], "check the model's name and the address"),
    ],
)
def test_a_model_that_its_server_does_not_know_is_named_with_those_it_serves(
    served: list[str] | None, names: str
) -> None:
    model = ListingModel(served, status_error(openai.NotFoundError, 404))
    with pytest.raises(SettingsError) as caught:
        require_model(model, own_server(), ACCESS)
    assert str(caught.value).startswith("PIPELINE_MODEL 'm' is not known at OPENAI_BASE_URL http://…@127.0.0.1:1/v1")
    assert str(caught.value).endswith(f": {names}")


def test_a_model_that_can_be_out_of_reach_is_waited_for() -> None:
    model = ListingModel(openai.APIConnectionError(request=None))  # type: ignore[arg-type]
    require_model(model, own_server(), ACCESS)


def test_a_workspaces_endpoint_is_asked_itself(scripted: ScriptedModel, model_server: ModelServer) -> None:
    scripted.models = ["m"]
    _require(model_server.access(), model_source="databricks")
    assert [call["max_tokens"] for call in scripted.calls] == [1]
    with pytest.raises(SettingsError, match=r"^PIPELINE_MODEL 'other' is no serving endpoint of the workspace: give "):
        _require(model_server.access(), model_source="databricks", model="other")


@pytest.mark.parametrize("status", [401, 403])
def test_an_endpoint_that_may_not_be_asked_names_the_right_it_needs(
    scripted: ScriptedModel, model_server: ModelServer, status: int
) -> None:
    scripted.add_rule(ScriptedRule(status=status))
    with pytest.raises(
        SettingsError, match=rf"^PIPELINE_MODEL 'm' may not be asked .*\({status}\): grant it CAN_QUERY"
    ):
        _require(model_server.access(), model_source="databricks")


def test_an_endpoint_that_is_busy_or_asleep_is_waited_for(scripted: ScriptedModel, model_server: ModelServer) -> None:
    scripted.add_rule(ScriptedRule(status=503))
    _require(model_server.access(), model_source="databricks")


def test_a_key_of_a_scope_that_is_refused_is_named_by_its_place(
    scripted: ScriptedModel, model_server: ModelServer
) -> None:
    scripted.api_key = "another"
    with pytest.raises(SettingsError, match=r"^secret bot/llm-api-key was rejected by OPENAI_BASE_URL .* \(401\)"):
        _require(model_server.access(), secret_scope="bot")
