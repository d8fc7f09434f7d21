"""The Databricks secret scope: what the job reads, and, where nothing else does, what keeps the versions.

A secret `name` is the key of that name, which the job reads at any time. Beside it are `name.pending`, `name.previous`
and `name.meta`, the ledger: ids and times, no value and nothing made from one. The ledger only describes: what a
rotation does next is decided from the values.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import logging
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config
from databricks.sdk.errors import NotFound, PermissionDenied, Unauthenticated
from pydantic import SecretStr, ValidationError

from pipeline import __version__
from rotation.ledger import Ledger, Noted, Standing
from rotation.steps import Found, StoreError, Version

_HTTP_TIMEOUT = 10
_RETRY_WITHIN = 10


def signed_in(host: str) -> WorkspaceClient:
    """A client of the workspace, by the credentials that the environment has. Raises StoreError."""
    # Its warnings are about discoveries that nothing here depends on.
    logging.getLogger("databricks.sdk").setLevel(logging.ERROR)
    try:
        config = Config(
            host=host,
            http_timeout_seconds=_HTTP_TIMEOUT,
            retry_timeout_seconds=_RETRY_WITHIN,
            product="telegram-lakehouse",
            product_version=__version__,
        )
    except ValueError:
        raise StoreError(
            f"no credentials for {host}: set DATABRICKS_TOKEN, or log in with `databricks auth login --host {host}`"
        ) from None
    return WorkspaceClient(config=config)


class Scope:
    """One secret scope. Every method raises StoreError."""

    def __init__(self, workspace: WorkspaceClient, name: str) -> None:
        self._secrets = workspace.secrets
        self.name = name

    def get(self, key: str) -> SecretStr | None:
        """The value of a key, without white space around it; None where there is none, or no such scope."""
        with _told(f"secret {self.name}/{key}", "READ"):
            try:
                encoded = self._secrets.get_secret(self.name, key).value or ""
            except NotFound:
                return None
        try:
            value = base64.b64decode(encoded, validate=True).decode().strip()
        except (binascii.Error, UnicodeDecodeError):
            raise StoreError(f"secret {self.name}/{key} is not text: put it there again") from None
        return SecretStr(value) if value else None

    def put(self, key: str, value: SecretStr) -> None:
        with _told(f"secret {self.name}/{key}", "WRITE"):
            self._secrets.put_secret(self.name, key, string_value=value.get_secret_value())

    def delete(self, key: str) -> None:
        """Delete a key, if it is there."""
        with _told(f"secret {self.name}/{key}", "WRITE"), contextlib.suppress(NotFound):
            self._secrets.delete_secret(self.name, key)

    def written_at(self) -> dict[str, int]:
        """When each key was last written, in milliseconds since 1970 by the workspace's clock."""
        with _told(f"scope {self.name}", "READ"):
            found = list(self._secrets.list_secrets(self.name))
        return {secret.key: secret.last_updated_timestamp or 0 for secret in found if secret.key}


class Published:
    """A secret as the job reads it, and its ledger."""

    def __init__(self, scope: Scope, secret: str) -> None:
        self.scope = scope
        self.secret = secret

    def value(self) -> SecretStr | None:
        return self.scope.get(self.secret)

    def put(self, value: SecretStr) -> None:
        self.scope.put(self.secret, value)

    def ledger(self) -> Ledger:
        """The ledger, as far as it can be read. A current version that somebody else has written is named so."""
        kept = self.scope.get(f"{self.secret}.meta")
        try:
            ledger = Ledger.model_validate_json(kept.get_secret_value()) if kept else Ledger()
        except ValidationError:
            ledger = Ledger()
        written_at = self.scope.written_at().get(self.secret)
        if written_at is None:
            return ledger.model_copy(update={"current": None, "written_at": None})
        # While a rotation is unfinished the value may be written already and the ledger not.
        if ledger.current is None or (ledger.pending is None and written_at != ledger.written_at):
            at = datetime.fromtimestamp(written_at / 1000, UTC)
            return ledger.model_copy(update={"current": Noted(id="by hand", created_at=at), "written_at": written_at})
        return ledger

    def keep(self, ledger: Ledger) -> None:
        self.scope.put(f"{self.secret}.meta", SecretStr(ledger.model_dump_json(exclude_none=True)))

    def keep_current(self, ledger: Ledger) -> None:
        """Keep a ledger whose current version has just been written."""
        self.keep(ledger.model_copy(update={"written_at": self.scope.written_at().get(self.secret)}))

    def note_proof(self, proved: Noted) -> None:
        """Note that a version has proved itself."""
        ledger = self.ledger()
        which = "current" if ledger.current is not None and ledger.current.id == proved.id else "pending"
        self.keep(ledger.model_copy(update={which: proved}))


class ScopeStore:
    """The versions of a secret that nothing but the scope keeps."""

    def __init__(self, published: Published) -> None:
        self._published = published
        self._scope = published.scope
        self._pending = f"{published.secret}.pending"
        self._previous = f"{published.secret}.previous"

    @property
    def name(self) -> str:
        return f"scope {self._scope.name}"

    def read(self) -> Found:
        ledger = self._published.ledger()
        current = _version(self._published.value(), ledger.current)
        previous = _version(self._scope.get(self._previous), ledger.previous)
        if previous is not None and current is not None and previous.value == current.value:
            previous = None  # kept a moment before the current one was to be replaced, and then it was not
        return Found(_version(self._scope.get(self._pending), ledger.pending), current, previous)

    def create(self, value: SecretStr, again: Version | None) -> None:
        pending = noted(again or Version(value))
        self._published.keep(self._published.ledger().model_copy(update={"pending": pending}))
        self._scope.put(self._pending, value)

    def note_proof(self, version: Version, at: datetime) -> None:
        self._published.note_proof(noted(version, at))

    def finish(self, pending: Version, current: Version | None) -> None:
        if current is not None:
            self._scope.put(self._previous, current.value)
        self._published.put(pending.value)

    def publish(self, current: Version) -> None:
        self._published.put(current.value)

    def clear(self, _pending: Version) -> None:
        ledger = self._published.ledger()
        if ledger.pending is not None:
            moved = {"previous": ledger.current, "current": ledger.pending, "pending": None}
            self._published.keep_current(ledger.model_copy(update=moved))
        self._scope.delete(self._pending)

    def discard(self, _pending: Version) -> None:
        self._scope.delete(self._pending)
        self._published.keep(self._published.ledger().model_copy(update={"pending": None}))

    def standing(self) -> Standing:
        ledger, keys = self._published.ledger(), self._scope.written_at()
        return Standing(
            current=ledger.current,
            pending=_standing(ledger.pending, keys.get(self._pending)),
            previous=_standing(ledger.previous, keys.get(self._previous)),
        )


def _version(value: SecretStr | None, known: Noted | None) -> Version | None:
    if value is None:
        return None
    return Version(value, known.id, known.created_at) if known else Version(value)


def noted(version: Version, proved_at: datetime | None = None) -> Noted:
    """The ledger's line on a version."""
    return Noted(
        id=version.id or str(uuid.uuid4()), created_at=version.created_at or datetime.now(UTC), proved_at=proved_at
    )


def _standing(known: Noted | None, written_at: int | None) -> Noted | None:
    """What is known of a version that is there; nothing of one that is not."""
    if written_at is None:
        return None
    return known or Noted(id="by hand", created_at=datetime.fromtimestamp(written_at / 1000, UTC))


@contextlib.contextmanager
def _told(what: str, right: str) -> Iterator[None]:
    """Turns what the SDK raises into one line, without its words."""
    try:
        yield
    except StoreError:
        raise
    except NotFound:
        raise StoreError(f"{what}: there is no such scope: deploy the stack first") from None
    except Unauthenticated:
        raise StoreError(f"{what}: the workspace refuses the credential: log in anew") from None
    except PermissionDenied as error:
        if "access token" in str(error).lower():
            raise StoreError(f"{what}: the workspace refuses the credential: log in anew") from None
        raise StoreError(f"{what}: {right} on the scope is needed: ask one who manages it") from None
    except Exception as error:
        kind = type(error).__name__
        raise StoreError(f"{what}: the workspace can't be asked ({kind}): check the host and the network") from None
