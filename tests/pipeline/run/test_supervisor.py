"""What a run asks before it begins, and what may end it. How it runs is shown end to end."""

from __future__ import annotations

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import SecretStr

from pipeline.errors import SettingsError
from pipeline.model.client import Model, ModelSettings
from pipeline.platform.credentials import CredentialError, CredentialUnavailable, ModelAccess
from pipeline.run.supervisor import Supervisor, require_model, stopping_on_signals
from pipeline.sandbox.models.rules import ScriptedRule
from pipeline.sandbox.models.scripted import ScriptedModel
from pipeline.settings import RunSettings, read_run_settings
from tests.pipeline.conftest import ModelServer

TOKEN = SecretStr("42:" + "x" * 35)


@pytest.fixture
def settings(tmp_path: Path) -> RunSettings:
    return read_run_settings({"storage": str(tmp_path / "lake"), "secret_scope": "bot", "startup_patience": "5"})


class Scope:
    """Fails as often as it is told to, then gives a token."""

    def __init__(self, *failures: CredentialError) -> None:
        self.failures = list(failures)
        self.asked = 0

    def __call__(self, scope: str, key: str) -> SecretStr:
        self.asked += 1
        if self.failures:
            raise self.failures.pop(0)
        return TOKEN


@pytest.fixture
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading.Event, "wait", lambda self, timeout=None: self.is_set())


@pytest.mark.usefixtures("_no_waiting")
def test_a_scope_that_is_out_for_a_moment_does_not_end_a_start(
    settings: RunSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    scope = Scope(*(CredentialUnavailable("out"),) * 3)
    monkeypatch.setattr("pipeline.settings.scope_secret", scope)
    with pytest.raises(SettingsError, match=r"^PIPELINE_MODEL is not set"):  # which is looked at next
        Supervisor(settings).run()
    assert scope.asked == 4


@pytest.mark.usefixtures("_no_waiting")
def test_a_scope_that_stays_out_ends_a_start_when_the_patience_is_over(
    settings: RunSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    scope = Scope(*(CredentialUnavailable("out"),) * 9)
    monkeypatch.setattr("pipeline.settings.scope_secret", scope)
    with pytest.raises(CredentialUnavailable, match=r"^out$"):
        Supervisor(settings.model_copy(update={"startup_patience": 0.0})).run()
    assert scope.asked == 1


def test_a_secret_that_is_missing_is_not_waited_for(settings: RunSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    scope = Scope(CredentialError("no such secret"))
    monkeypatch.setattr("pipeline.settings.scope_secret", scope)
    with pytest.raises(CredentialError, match=r"^no such secret$"):
        Supervisor(settings).run()
    assert (scope.asked, settings.storage.exists()) == (1, False)


@pytest.mark.usefixtures("_no_waiting")
def test_a_stop_ends_the_waiting_for_a_scope(settings: RunSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    supervisor = Supervisor(settings)
    scope = Scope(*(CredentialUnavailable("out"),) * 9)
    monkeypatch.setattr("pipeline.settings.scope_secret", scope)
    supervisor.stop()
    with pytest.raises(CredentialUnavailable):
        supervisor.run()
    assert scope.asked == 1


def _require(access: ModelAccess, **settings: str) -> None:
    asked = read_run_settings({"model": "m", "openai_base_url": access.base_url, **settings})
    require_model(Model(ModelSettings(asked.model, timeout=5.0)), asked, access)


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


def test_off_the_main_thread_no_signal_is_touched(settings: RunSettings) -> None:
    before = signal.getsignal(signal.SIGTERM)

    def within() -> object:
        with stopping_on_signals(Supervisor(settings)):
            return signal.getsignal(signal.SIGTERM)

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(within).result() == before


def test_on_a_cluster_a_signal_stops_the_run_and_never_the_driver(
    settings: RunSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")
    monkeypatch.setattr("pipeline.run.supervisor._STOP_WITHIN", 0.0)
    monkeypatch.setattr("pipeline.run.supervisor.os._exit", lambda _: pytest.fail("the driver was ended"))
    supervisor = Supervisor(settings)
    before = signal.getsignal(signal.SIGTERM)
    with stopping_on_signals(supervisor):
        signal.raise_signal(signal.SIGTERM)
        time.sleep(0.05)
    assert supervisor._stop.is_set()
    assert signal.getsignal(signal.SIGTERM) == before
