"""A Databricks workspace: the sign-in, its secrets, and what a run on Databricks takes from it.

The Databricks SDK is imported where it is first needed: a Databricks runtime has it, and a local run does not need it.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import logging
import os
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from pydantic import SecretStr

from pipeline import __version__
from pipeline.peers.waits import finite
from pipeline.platform.credentials import CredentialError, CredentialUnavailable, ModelAccess
from pipeline.platform.workspace_faults import FaultKind, WorkspaceFault, fault_of, first_line
from pipeline.redaction import learn_secret

if TYPE_CHECKING:
    from databricks.sdk import AccountClient, WorkspaceClient
    from databricks.sdk.core import Config
    from pyspark.sql import SparkSession

_ASSUMED_LIFETIME = 600.0
"""Seconds to use a bearer that does not say when it expires."""
_LONGEST_LIFETIME = 86_400.0
"""Seconds to use any bearer."""
_SESSION = {
    # Without a limit, a query that hangs would delay a stop for ever.
    "spark.sql.streaming.stopTimeout": "5s",
    # Each search for new files lists the volume, and a cloud bills each listing.
    "spark.sql.streaming.pollingDelay": "250ms",
}


class WaitLimits(NamedTuple):
    """How long a caller waits for the workspace, in seconds. The SDK's own limits are 60 and 300."""

    request: int
    """For one request."""
    retries: int
    """For one call with all of its retries."""


_RUN_WAITS = WaitLimits(request=10, retries=4)
"""Replies wait for the credential, and the run tries again by itself."""


def sign_in(host: str | None = None, *, waits: WaitLimits) -> WorkspaceClient:
    """A client of the workspace, with the credentials that the SDK finds: those of the cluster, the environment or a
    login. Without `host` the SDK finds the workspace too. Raises CredentialError; nothing is asked of the workspace.
    """
    place = "a workspace" if host is None else f"the workspace at {host}"
    config = _config(place, host, waits)
    from databricks.sdk import WorkspaceClient

    return WorkspaceClient(config=config)


def sign_in_to_account(host: str, account_id: str, *, waits: WaitLimits) -> AccountClient:
    """A client of a Databricks account, in the same way. Raises CredentialError."""
    config = _config(f"the account at {host}", host, waits, account_id)
    from databricks.sdk import AccountClient

    return AccountClient(config=config)


def how_to_sign_in(host: str | None) -> str:
    """The fix for missing or refused credentials."""
    if host is None:
        return "run on Databricks, or set DATABRICKS_HOST and DATABRICKS_TOKEN"
    return (
        f"log in with `databricks auth login --host {host}`, or set DATABRICKS_TOKEN, "
        "or DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET"
    )


class SecretNotText(CredentialError):
    """A secret of a scope is not text."""


def read_secret(client: WorkspaceClient, scope: str, key: str) -> SecretStr | None:
    """The current value of a secret, without white space around it; None if it is empty.

    Raises SecretNotText, or an error of the SDK's.
    """
    encoded = client.secrets.get_secret(scope, key).value or ""
    try:
        value = base64.b64decode(encoded, validate=True).decode().strip()
    except (binascii.Error, UnicodeDecodeError):
        raise SecretNotText(f"secret {scope}/{key} is not text: put it there again") from None
    learn_secret(value)
    return SecretStr(value) if value else None


def serving_access(client: WorkspaceClient) -> ModelAccess:
    """The workspace's serving endpoints, with the client's own bearer. Raises CredentialError if it has none."""
    host = str(client.config.host).rstrip("/")
    kind, _, bearer = client.config.authenticate().get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not bearer:
        raise CredentialError("the sign-in gives no bearer to ask the model with: sign in with OAuth or a token")
    return ModelAccess(f"{host}/serving-endpoints", SecretStr(bearer), expiry(bearer, time.time()))


def expiry(bearer: str, now: float) -> float:
    """When a bearer expires, in seconds since 1970: as it says itself if it is a JWT, else in ten minutes.

    Within a day in any case: then it is resolved again.
    """
    said = None
    with contextlib.suppress(ValueError, TypeError, KeyError, IndexError, RecursionError):
        payload = bearer.split(".")[1]
        said = finite(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["exp"])
    # One that has passed: the clocks differ, and if not, the bearer is refused and resolved again.
    return now + _ASSUMED_LIFETIME if said is None or said <= now else min(said, now + _LONGEST_LIFETIME)


def on_databricks() -> bool:
    """Whether this process is the driver of a Databricks cluster."""
    return "DATABRICKS_RUNTIME_VERSION" in os.environ


def cluster_session() -> SparkSession:
    """The cluster's session, configured for a stream of small batches. The caller must not stop it."""
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.getOrCreate()
    for key, value in _SESSION.items():
        with contextlib.suppress(Exception):  # each only saves time or money, and a runtime may not allow one
            spark.conf.set(key, value)
    return spark


def scope_secret(scope: str, key: str) -> SecretStr:
    """The current value of a secret of a run.

    Raises CredentialError; CredentialUnavailable if a later call may succeed.
    """
    setting = f"PIPELINE_SECRET_SCOPE {scope!r}"
    lines = {
        FaultKind.NOT_FOUND: f"{setting} has no secret {key}: put it there, or name another scope",
        FaultKind.NOT_PERMITTED: f"{setting} may not be read: grant this run's principal READ on it",
    }
    with _signed_in(setting, lines) as client:
        value = read_secret(client, scope, key)
        if value is None:
            raise CredentialError(f"secret {scope}/{key} is empty: put it there again")
        return value


def endpoint_access() -> ModelAccess:
    """The workspace's serving endpoints, asked as the run's own principal. Raises as `scope_secret` does."""
    with _signed_in("PIPELINE_MODEL_SOURCE databricks") as client:
        return serving_access(client)


@contextlib.contextmanager
def _signed_in(setting: str, lines: Mapping[FaultKind, str] | None = None) -> Iterator[WorkspaceClient]:
    """A new client, which finds the current credentials. Errors in the block become one line without the SDK's text.

    `lines` has the whole line for kinds of errors that mean something special in this block.
    """
    try:
        yield sign_in(waits=_RUN_WAITS)
    except CredentialError as error:
        raise CredentialError(f"{setting}: {error}") from None
    except Exception as error:
        raise _run_error(setting, fault_of(error), lines or {}) from None


def _run_error(setting: str, fault: WorkspaceFault, lines: Mapping[FaultKind, str]) -> CredentialError:
    if fault.kind in lines:
        return CredentialError(lines[fault.kind])
    if fault.kind in (FaultKind.CREDENTIAL_REFUSED, FaultKind.NOT_PERMITTED):
        return CredentialError(f"{setting}: {fault.finding()}: sign in again")
    if fault.kind is FaultKind.BAD_REQUEST:
        return CredentialError(f"{setting}: {fault.finding()} ({fault.name}): check the name")
    return CredentialUnavailable(f"{setting}: {fault.finding()} ({fault.name}): check DATABRICKS_HOST and the network")


def _config(place: str, host: str | None, waits: WaitLimits, account_id: str | None = None) -> Config:
    try:
        from databricks.sdk import core
    except ImportError:
        raise CredentialError('the Databricks SDK is missing: install "telegram-lakehouse[databricks]"') from None
    # Whoever makes a call reports its failure; the SDK's warnings are about discoveries that nothing here needs.
    logging.getLogger("databricks.sdk").setLevel(logging.CRITICAL)
    try:
        return core.Config(
            host=host,
            account_id=account_id,
            http_timeout_seconds=waits.request,
            retry_timeout_seconds=waits.retries,
            # Our files are small, and a firewall may block the addresses of the cloud's own store.
            disable_experimental_files_api_client=True,
            product="telegram-lakehouse",
            product_version=__version__,
        )
    except ValueError as error:
        if "cannot configure default credentials" in str(error):
            raise CredentialError(f"no credentials for {place}: {how_to_sign_in(host)}") from None
        reason = first_line(error)
        raise CredentialError(f"the credentials for {place} can't be used ({reason}): {how_to_sign_in(host)}") from None
