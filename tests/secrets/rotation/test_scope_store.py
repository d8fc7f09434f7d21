"""The secret scope through the real SDK: what is kept beside a value, and what is said where it can't be had."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr
from rotation.ledger import Noted
from rotation.scope_store import Published, Scope, ScopeStore, signed_in
from rotation.steps import StoreError

from pipeline.platform.databricks import WaitLimits
from tests.support.rotating import NEW, OLD, Rotating
from tests.support.workspace.server import Call as Asked
from tests.support.workspace.server import Close


@pytest.fixture(name="scope")
def _scope(deployment: Rotating, monkeypatch: pytest.MonkeyPatch) -> Scope:
    for name, value in deployment.environment.items():
        monkeypatch.setenv(name, value)
    return Scope(signed_in(deployment.workspace.url), "bot-prod")


def test_the_ledger_holds_no_value_and_nothing_of_its_length(scope: Scope, deployment: Rotating) -> None:
    store = ScopeStore(Published(scope, "telegram-token"))
    store.create(SecretStr(NEW), None)
    found = store.read()
    assert found.pending is not None
    store.note_proof(found.pending, datetime.now(UTC))
    store.finish(found.pending, found.current)
    store.clear(found.pending)
    kept = deployment.workspace.secrets.value("bot-prod", "telegram-token.meta")
    assert kept is not None
    ledger = json.loads(kept)
    assert ledger.keys() == {"current", "previous", "written_at"}
    assert ledger["current"].keys() == {"id", "created_at", "proved_at"}
    assert OLD not in kept
    assert NEW not in kept


def test_a_damaged_ledger_loses_no_value(scope: Scope, deployment: Rotating) -> None:
    scope.put("telegram-token.meta", SecretStr("{"))
    found = ScopeStore(Published(scope, "telegram-token")).read()
    assert found.current is not None
    assert found.current.value == SecretStr(OLD)


def test_white_space_around_a_value_is_removed(scope: Scope) -> None:
    scope.put("telegram-token", SecretStr(f" {OLD}\n"))
    assert scope.get("telegram-token") == SecretStr(OLD)
    scope.put("telegram-token", SecretStr(" \n"))
    assert scope.get("telegram-token") is None


def test_a_previous_value_that_equals_the_current_one_does_not_count(scope: Scope) -> None:
    scope.put("telegram-token.previous", SecretStr(OLD))
    assert ScopeStore(Published(scope, "telegram-token")).read().previous is None


def test_a_write_succeeds_though_its_response_was_lost(scope: Scope, deployment: Rotating) -> None:
    def lose(asked: Asked) -> None:
        if asked.path.endswith("/put"):
            deployment.workspace.after.clear()
            raise Close

    deployment.workspace.after.append(lose)
    scope.put("telegram-token", SecretStr(NEW))
    assert scope.get("telegram-token") == SecretStr(NEW)


def test_a_value_that_is_not_text_is_named_by_its_key(scope: Scope, deployment: Rotating) -> None:
    deployment.workspace.secrets.scopes["bot-prod"].secrets["telegram-token"].value = b"\xff\xfe"
    with pytest.raises(StoreError, match="secret bot-prod/telegram-token is not text"):
        scope.get("telegram-token")


def test_an_unreachable_workspace_is_one_line_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rotation.scope_store._WAITS", WaitLimits(request=10, retries=1))
    monkeypatch.setenv("DATABRICKS_TOKEN", "dapi-0123456789")
    began = datetime.now(UTC)
    with pytest.raises(StoreError, match=r"the workspace can't be reached \(.*\): check the host and the network"):
        Scope(signed_in("http://127.0.0.1:9"), "bot-prod").get("telegram-token")
    assert (datetime.now(UTC) - began).total_seconds() < 20


def test_without_credentials_it_says_how_to_log_in(monkeypatch: pytest.MonkeyPatch, deployment: Rotating) -> None:
    monkeypatch.setenv("HOME", str(deployment.folder))
    with pytest.raises(StoreError, match="no credentials for the workspace at http"):
        signed_in(deployment.workspace.url)


def test_a_proof_of_the_current_version_is_recorded_with_it(scope: Scope) -> None:
    published = Published(scope, "telegram-token")
    now = datetime.now(UTC)
    published.keep_current(published.ledger().model_copy(update={"current": Noted(id="one", created_at=now)}))
    published.note_proof(Noted(id="one", created_at=now, proved_at=now))
    ledger = published.ledger()
    assert ledger.pending is None
    assert ledger.current is not None
    assert ledger.current.proved_at == now
