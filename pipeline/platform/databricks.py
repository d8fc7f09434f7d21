"""The Databricks workspace of a run: its secret scope, its serving endpoints, and the cluster's own session.

All that only Databricks has. Its SDK, which the runtime ships, is imported where it is first needed, and signs in as it
finds it: on a cluster as the run's own principal, elsewhere by DATABRICKS_HOST and its credentials.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import SecretStr

from pipeline import __version__
from pipeline.platform.credentials import CredentialError, CredentialUnavailable, ModelAccess

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient
    from pyspark.sql import SparkSession

_HTTP_TIMEOUT = 10
_RETRY_WITHIN = 4
"""Seconds. The SDK's own five minutes would hold every reply: our callers try again in their own time."""
_ASSUMED_LIFETIME = 600.0
"""Seconds to use a bearer that does not say when it expires."""
_SESSION = {
    # Without a limit a query that hangs would keep a stop waiting for ever.
    "spark.sql.streaming.stopTimeout": "5s",
    # Every look for new files lists the volume, and a cloud bills each listing.
    "spark.sql.streaming.pollingDelay": "250ms",
}


def on_databricks() -> bool:
    """Whether this process is a Databricks cluster's driver."""
    return "DATABRICKS_RUNTIME_VERSION" in os.environ


def cluster_session() -> SparkSession:
    """The cluster's session, set for a stream of small batches. It is not ours to stop."""
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.getOrCreate()
    for key, value in _SESSION.items():
        with contextlib.suppress(Exception):  # each only saves time or money, and a runtime may keep one to itself
            spark.conf.set(key, value)
    return spark


def scope_secret(scope: str, key: str) -> SecretStr:
    """The present value of a secret. Raises CredentialError; CredentialUnavailable where a later call may succeed."""
    named = f"PIPELINE_SECRET_SCOPE {scope!r}"
    with _signed_in(named) as client:
        from databricks.sdk.errors import NotFound, PermissionDenied

        try:
            encoded = client.secrets.get_secret(scope, key).value or ""
        except NotFound:
            raise CredentialError(f"{named} has no secret {key}: put it there, or name another scope") from None
        except PermissionDenied as error:
            if "access token" in str(error).lower():
                raise
            raise CredentialError(f"{named} may not be read: grant this run's principal READ on it") from None
    try:
        value = base64.b64decode(encoded, validate=True).decode().strip()
    except (binascii.Error, UnicodeDecodeError):
        raise CredentialError(f"{named} holds a {key} that is not text: put it there again") from None
    if not value:
        raise CredentialError(f"{named} holds an empty {key}: put the secret there")
    return SecretStr(value)


def endpoint_access() -> ModelAccess:
    """The workspace's serving endpoints, asked as the run's own principal. Raises as `scope_secret` does."""
    named = "PIPELINE_MODEL_SOURCE databricks"
    with _signed_in(named) as client:
        host = str(client.config.host).rstrip("/")
        kind, _, bearer = client.config.authenticate().get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not bearer:
        raise CredentialError(f"{named} needs a bearer to pass on: sign in with OAuth or a token")
    return ModelAccess(f"{host}/serving-endpoints", SecretStr(bearer), expiry(bearer, time.time()))


@contextlib.contextmanager
def _signed_in(named: str) -> Iterator[WorkspaceClient]:
    """A new client, which finds the present credentials. What the SDK raises becomes one line, without its words."""
    try:
        yield _sign_in(named)
    except CredentialError:
        raise
    except Exception as error:
        raise _fault(named, error) from None


def _fault(named: str, error: Exception) -> CredentialError:
    from databricks.sdk.errors import BadRequest, PermissionDenied, Unauthenticated

    if isinstance(error, (Unauthenticated, PermissionDenied)):
        return CredentialError(f"{named}: the workspace refuses this run's credential: sign in anew")
    if isinstance(error, BadRequest):
        return CredentialError(f"{named}: the workspace refuses the request ({error.error_code}): check the name")
    return CredentialUnavailable(
        f"{named}: the workspace can't be asked ({type(error).__name__}): check DATABRICKS_HOST and the network"
    )


def _sign_in(named: str) -> WorkspaceClient:
    try:
        from databricks.sdk import WorkspaceClient
        from databricks.sdk.core import Config
    except ImportError:
        raise CredentialError(f'{named} needs the Databricks SDK: install "telegram-lakehouse[databricks]"') from None
    try:
        config = Config(
            http_timeout_seconds=_HTTP_TIMEOUT,
            retry_timeout_seconds=_RETRY_WITHIN,
            product="telegram-lakehouse",
            product_version=__version__,
        )
    except ValueError:
        raise CredentialError(
            f"{named} needs a workspace to sign in to: run on Databricks, or set DATABRICKS_HOST and DATABRICKS_TOKEN"
        ) from None
    return WorkspaceClient(config=config)


def expiry(bearer: str, now: float) -> float:
    """When a bearer expires, in seconds since 1970: what it says itself where it is a JWT, else ten minutes on."""
    with contextlib.suppress(ValueError, TypeError, KeyError, IndexError):
        payload = bearer.split(".")[1]
        return float(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["exp"])
    return now + _ASSUMED_LIFETIME
