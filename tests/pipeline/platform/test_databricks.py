"""What only a Databricks workspace gives, asked by its real SDK over HTTP."""

from __future__ import annotations

import base64
import json
import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from pydantic import SecretStr

from pipeline.platform import databricks as platform
from pipeline.platform.credentials import CredentialError, CredentialUnavailable
from pipeline.platform.databricks import (
    WaitLimits,
    cluster_session,
    endpoint_access,
    expiry,
    on_databricks,
    scope_secret,
)
from tests.support.workspace.errors import ApiError
from tests.support.workspace.server import CALLER, TOKEN, Call, Workspace
from tests.support.workspace.server import workspace as served_workspace

SECRET = "42:" + "s" * 35


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    with served_workspace() as there:
        for name, value in there.environment().items():
            monkeypatch.setenv(name, value)
        yield there


def refusal() -> CredentialError:
    """What reading the token's secret raises: one line, without any secret."""
    with pytest.raises(CredentialError) as caught:
        scope_secret("bot", "telegram-token")
    line = str(caught.value)
    assert line.startswith("PIPELINE_SECRET_SCOPE 'bot'")
    assert "\n" not in line
    assert TOKEN not in line
    assert SECRET not in line
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    return caught.value


def test_a_secret_is_read_again_each_time(there: Workspace) -> None:
    for value in ("first", "second\n"):
        there.secrets.give("bot", CALLER, telegram_token=value)
        assert scope_secret("bot", "telegram-token") == SecretStr(value.strip())


def test_a_scope_or_a_key_that_is_missing_is_named(there: Workspace) -> None:
    missing = "PIPELINE_SECRET_SCOPE 'bot' has no secret telegram-token: put it there, or name another scope"
    assert str(refusal()) == missing
    there.secrets.give("bot", CALLER, llm_api_key="k")
    assert str(refusal()) == missing


def test_a_scope_that_may_not_be_read_names_the_right_it_needs(there: Workspace) -> None:
    there.secrets.give("bot", "someone-else", telegram_token=SECRET)
    assert "may not be read: grant this run's principal READ on it" in str(refusal())


def test_a_credential_that_the_workspace_refuses_is_not_taken_for_a_missing_right(
    there: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    there.secrets.give("bot", CALLER, telegram_token=SECRET)
    monkeypatch.setenv("DATABRICKS_TOKEN", "dapi-of-nobody")
    assert "the workspace refuses the credential: sign in again" in str(refusal())


@pytest.mark.parametrize("value", ["", " \n"])
def test_an_empty_secret_is_refused(there: Workspace, value: str) -> None:
    there.secrets.give("bot", CALLER, telegram_token=value)
    assert "secret bot/telegram-token is empty: put it there again" in str(refusal())


def test_a_secret_that_is_not_text_is_refused(there: Workspace) -> None:
    there.secrets.give("bot", CALLER, telegram_token="x").secrets["telegram-token"].value = b"\xff\xfe"
    assert "secret bot/telegram-token is not text: put it there again" in str(refusal())


def test_a_bad_request_is_not_tried_again(there: Workspace) -> None:
    def refuse(_: Call) -> None:
        raise ApiError(400, "INVALID_PARAMETER_VALUE", f"no scope has the name {SECRET}")

    there.before.append(refuse)
    error = refusal()
    assert not isinstance(error, CredentialUnavailable)
    assert "the workspace rejects the request (INVALID_PARAMETER_VALUE): check the name" in str(error)


def test_a_workspace_that_fails_may_be_asked_again(there: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Call) -> None:
        raise ApiError(500, "INTERNAL_ERROR", SECRET)

    monkeypatch.setattr(platform, "_RUN_WAITS", WaitLimits(request=10, retries=1))
    there.secrets.give("bot", CALLER, telegram_token=SECRET)
    there.before.append(fail)
    error = refusal()
    assert isinstance(error, CredentialUnavailable)
    assert "the workspace answers with an error (InternalError): check DATABRICKS_HOST and the network" in str(error)
    there.before.clear()
    assert scope_secret("bot", "telegram-token") == SecretStr(SECRET)


def test_an_unreachable_workspace_is_reported_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "_RUN_WAITS", WaitLimits(request=10, retries=1))
    monkeypatch.setenv("DATABRICKS_HOST", "http://127.0.0.1:9")
    monkeypatch.setenv("DATABRICKS_TOKEN", TOKEN)
    began = time.monotonic()
    assert isinstance(refusal(), CredentialUnavailable)
    assert time.monotonic() - began < 15


def test_without_a_workspace_to_sign_in_to_the_fix_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(tmp_path / "none"))
    assert "run on Databricks, or set DATABRICKS_HOST and DATABRICKS_TOKEN" in str(refusal())


def test_without_the_sdk_the_extra_to_install_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "databricks.sdk", None)
    assert 'the Databricks SDK is missing: install "telegram-lakehouse[databricks]"' in str(refusal())


def test_the_endpoints_are_asked_with_the_runs_own_bearer_which_is_renewed(there: Workspace) -> None:
    access = endpoint_access()
    assert (access.base_url, access.bearer) == (f"{there.url}/serving-endpoints", SecretStr(TOKEN))
    assert access.expires_at is not None
    assert 500 < access.expires_at - time.time() <= 600


def test_a_sign_in_without_a_bearer_gives_no_access_to_the_model(
    there: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABRICKS_TOKEN")
    monkeypatch.setenv("DATABRICKS_USERNAME", "ann")
    monkeypatch.setenv("DATABRICKS_PASSWORD", "hunter2")
    with pytest.raises(CredentialError, match=r"^PIPELINE_MODEL_SOURCE databricks: .* gives no bearer") as caught:
        endpoint_access()
    assert "hunter2" not in str(caught.value)


def jwt(payload: object) -> str:
    return ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({}, payload, 0)
    )


@pytest.mark.parametrize(
    ("bearer", "expires_at"),
    [
        (jwt({"exp": 5000, "sub": "job"}), 5000.0),
        (jwt({"sub": "job"}), 1600.0),
        (jwt([]), 1600.0),
        (TOKEN, 1600.0),
        ("a.b.c", 1600.0),
        ("a.ÿ.c", 1600.0),
        ("", 1600.0),
        (jwt({"exp": "5000"}), 5000.0),
        (jwt({"exp": 10**11}), 87_400.0),
        (jwt({"exp": 10**400}), 1600.0),
        (jwt({"exp": math.inf}), 1600.0),
        (jwt({"exp": math.nan}), 1600.0),
        (jwt({"exp": True}), 1600.0),
        (jwt({"exp": 0}), 1600.0),
        (jwt({"exp": 999}), 1600.0),
    ],
    ids=lambda value: str(value)[-20:],
)
def test_a_bearer_expires_when_it_says_or_after_ten_minutes(bearer: str, expires_at: float) -> None:
    assert expiry(bearer, now=1000.0) == expires_at


def test_a_cluster_is_recognised_by_its_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not on_databricks()
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")
    assert on_databricks()


class _Conf(dict[str, str]):
    def set(self, key: str, value: str) -> None:
        if "polling" in key:
            raise ValueError("this runtime keeps it to itself")
        self[key] = value


def test_the_clusters_session_is_used_with_the_settings_that_it_accepts(monkeypatch: pytest.MonkeyPatch) -> None:
    from pyspark.sql import SparkSession

    class Session:
        conf = _Conf()

    there = cast("SparkSession", Session())
    monkeypatch.setattr(SparkSession.Builder, "getOrCreate", lambda _: there)
    assert cluster_session() is there
    assert Session.conf == {"spark.sql.streaming.stopTimeout": "5s"}
