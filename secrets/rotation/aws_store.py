"""AWS Secrets Manager as the source of truth: it keeps the versions, and the scope has a copy of the current one.

The state is in its stages: AWSPENDING until a value is proved, AWSCURRENT, AWSPREVIOUS. A request that moves a stage
names the version that has it now. So of two callers that move it at the same time, AWS refuses one.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError
from pydantic import SecretStr

from rotation.ledger import Noted, Standing
from rotation.scope_store import Published, noted
from rotation.steps import Found, StoreError, Version

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

_PENDING, _CURRENT, _PREVIOUS = "AWSPENDING", "AWSCURRENT", "AWSPREVIOUS"
_TIMES = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})


@dataclass(frozen=True)
class _Listed:
    """A version without its value."""

    id: str
    created_at: datetime | None
    stages: tuple[str, ...]


class AwsStore:
    """The versions of one secret, `<prefix>/<secret>`, and their published copy."""

    def __init__(self, prefix: str, region: str, environment: str, published: Published) -> None:
        self._id = f"{prefix.rstrip('/')}/{published.secret}"
        self._environment = environment
        self._published = published
        with self._as_store_error():
            self._client: SecretsManagerClient = boto3.Session(region_name=region).client(
                "secretsmanager", config=_TIMES
            )

    @property
    def name(self) -> str:
        return f"AWS secret {self._id}, published in scope {self._published.scope.name}"

    def read(self) -> Found:
        listed, ledger = self._listed(), self._published.ledger()
        current = _with(listed, _CURRENT)
        # If the ledger names another version for the copy, the copy is published again, which fixes the ledger.
        in_step = current is not None and ledger.current is not None and ledger.current.id == current.id
        return Found(
            pending=self._version(_with(listed, _PENDING)),
            current=self._version(current),
            previous=self._version(_with(listed, _PREVIOUS)),
            published=self._published.value() if in_step else None,
            apart=True,
        )

    def create(self, value: SecretStr, again: Version | None) -> None:
        listed = self._listed()
        before = _with(listed, _PENDING)
        if again is not None and again.id in {version.id for version in listed}:
            self._move(_PENDING, again.id, before.id if before else None)
            return
        if not listed:
            self._create_secret()
        # The id makes this one write, however often the client repeats the request.
        with self._as_store_error():
            self._client.put_secret_value(
                SecretId=self._id,
                ClientRequestToken=str(uuid.uuid4()),
                SecretString=value.get_secret_value(),
                VersionStages=[_PENDING],
            )

    def note_proof(self, version: Version, at: datetime) -> None:
        self._published.note_proof(noted(version, at))

    def finish(self, pending: Version, current: Version | None) -> None:
        self._move(_CURRENT, pending.id, current.id if current else None)

    def publish(self, current: Version) -> None:
        self._published.put(current.value)
        ledger = self._published.ledger()
        proved = ledger.pending if ledger.pending and ledger.pending.id == current.id else None
        moved = {"current": proved or noted(current), "pending": None, "previous": None}
        self._published.keep_current(ledger.model_copy(update=moved))

    def clear(self, pending: Version) -> None:
        self._move(_PENDING, None, pending.id)

    def discard(self, pending: Version) -> None:
        self.clear(pending)

    def standing(self) -> Standing:
        listed, ledger = self._listed(), self._published.ledger()
        proofs = {noted.id: noted.proved_at for noted in (ledger.current, ledger.pending) if noted}
        current = _with(listed, _CURRENT)
        return Standing(
            current=_known(current, proofs),
            pending=_known(_with(listed, _PENDING), proofs),
            previous=_known(_with(listed, _PREVIOUS), proofs),
            lags=(current and current.id) != (ledger.current and ledger.current.id),
        )

    def _listed(self) -> list[_Listed]:
        """The versions that have a stage; none if the secret does not exist yet."""
        with self._as_store_error():
            try:
                described = self._client.describe_secret(SecretId=self._id)
            except self._client.exceptions.ResourceNotFoundException:
                return []
            if not described.get("VersionIdsToStages"):
                return []
            # One page has all of them: a secret has at most twenty stages, and versions without a stage are left out.
            listed = self._client.list_secret_version_ids(SecretId=self._id, MaxResults=100)["Versions"]
        return [
            _Listed(version["VersionId"], version.get("CreatedDate"), tuple(version.get("VersionStages", [])))
            for version in listed
        ]

    def _version(self, listed: _Listed | None) -> Version | None:
        if listed is None:
            return None
        with self._as_store_error():
            value = self._client.get_secret_value(SecretId=self._id, VersionId=listed.id).get("SecretString", "")
        if not value.strip():
            raise StoreError(f"{self._id}: version {listed.id[:8]} holds no text: put the secret there as a string")
        return Version(SecretStr(value.strip()), listed.id, listed.created_at)

    def _create_secret(self) -> None:
        """Create the secret, without a value, if it does not exist."""
        with self._as_store_error(), contextlib.suppress(self._client.exceptions.ResourceExistsException):
            self._client.create_secret(
                Name=self._id,
                Description=f"{self._published.secret} of the telegram-lakehouse deployment {self._environment}",
                Tags=[
                    {"Key": "application", "Value": "telegram-lakehouse"},
                    {"Key": "environment", "Value": self._environment},
                ],
            )

    def _move(self, stage: str, to: str | None, away_from: str | None) -> None:
        where = {"MoveToVersionId": to, "RemoveFromVersionId": away_from}
        with self._as_store_error():
            self._client.update_secret_version_stage(
                SecretId=self._id, VersionStage=stage, **{key: value for key, value in where.items() if value}
            )

    @contextlib.contextmanager
    def _as_store_error(self) -> Iterator[None]:
        """Raises StoreError for what boto3 raises: one line, without its text."""
        named = f"AWS secret {self._id}"
        try:
            yield
        except (NoCredentialsError, PartialCredentialsError):
            raise StoreError(f"{named}: no AWS credentials: set AWS_PROFILE, or log in") from None
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "unknown")
            raise StoreError(f"{named}: AWS says {code} to {error.operation_name}: {_fix(code)}") from None
        except (BotoCoreError, ValueError) as error:
            kind = type(error).__name__
            raise StoreError(f"{named}: AWS can't be asked ({kind}): check the region and the network") from None


def _fix(code: str) -> str:
    if code in ("AccessDeniedException", "AccessDenied"):
        return "this caller does not have that permission"
    if code in ("UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException", "ExpiredToken"):
        return "log in again"
    if code in ("InvalidParameterException", "InvalidRequestException"):
        return "somebody else has changed it, or it is marked for deletion: look at it, and run this again"
    return "run this again, or look at the secret in AWS"


def _with(listed: list[_Listed], stage: str) -> _Listed | None:
    return next((version for version in listed if stage in version.stages), None)


def _known(listed: _Listed | None, proofs: dict[str, datetime | None]) -> Noted | None:
    if listed is None or listed.created_at is None:
        return None
    return Noted(id=listed.id, created_at=listed.created_at, proved_at=proofs.get(listed.id))
