"""The Databricks secret scope: the values that the job reads, and the versions that no other store keeps.

The job reads the key `name`. Beside it are `name.pending`, `name.previous` and `name.meta`, the ledger: ids and times,
never a value nor anything derived from one. The ledger only describes: a rotation decides from the values what to do
next.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import NotFound
from pydantic import SecretStr, ValidationError

from pipeline.platform.credentials import CredentialError
from pipeline.platform.databricks import WaitLimits, read_secret, sign_in
from pipeline.platform.workspace_faults import FaultKind, fault_of
from rotation.ledger import Noted, RotationLedger, Standing
from rotation.steps import Found, StoreError, Version

_WAITS = WaitLimits(request=10, retries=10)
"""A step of a rotation is four calls, and must end while the lock is still held."""


def signed_in(host: str) -> WorkspaceClient:
    """A client of the workspace. Raises StoreError if the environment has no credentials for it."""
    try:
        return sign_in(host, waits=_WAITS)
    except CredentialError as error:
        raise StoreError(str(error)) from None


class Scope:
    """One secret scope. Every method raises StoreError."""

    def __init__(self, workspace: WorkspaceClient, name: str) -> None:
        self._workspace = workspace
        self.name = name

    def get(self, key: str) -> SecretStr | None:
        """The value of a key, without white space around it; None if it has none, or if there is no such scope."""
        with _as_store_error(f"secret {self.name}/{key}", "READ"):
            try:
                return read_secret(self._workspace, self.name, key)
            except NotFound:
                return None

    def put(self, key: str, value: SecretStr) -> None:
        with _as_store_error(f"secret {self.name}/{key}", "WRITE"):
            self._workspace.secrets.put_secret(self.name, key, string_value=value.get_secret_value())

    def delete(self, key: str) -> None:
        """Delete a key, if it exists."""
        with _as_store_error(f"secret {self.name}/{key}", "WRITE"), contextlib.suppress(NotFound):
            self._workspace.secrets.delete_secret(self.name, key)

    def written_at(self) -> dict[str, int]:
        """When each key was last written, in milliseconds since 1970 by the workspace's clock."""
        with _as_store_error(f"scope {self.name}", "READ"):
            found = list(self._workspace.secrets.list_secrets(self.name))
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

    def ledger(self) -> RotationLedger:
        """The ledger, or an empty one if it can't be read. A current version written by anybody else has the id
        "by hand"."""
        kept = self.scope.get(f"{self.secret}.meta")
        try:
            ledger = RotationLedger.model_validate_json(kept.get_secret_value()) if kept else RotationLedger()
        except ValidationError:
            ledger = RotationLedger()
        written_at = self.scope.written_at().get(self.secret)
        if written_at is None:
            return ledger.model_copy(update={"current": None, "written_at": None})
        # During an unfinished rotation the value may be newer than the ledger.
        if ledger.current is None or (ledger.pending is None and written_at != ledger.written_at):
            at = datetime.fromtimestamp(written_at / 1000, UTC)
            return ledger.model_copy(update={"current": Noted(id="by hand", created_at=at), "written_at": written_at})
        return ledger

    def keep(self, ledger: RotationLedger) -> None:
        self.scope.put(f"{self.secret}.meta", SecretStr(ledger.model_dump_json(exclude_none=True)))

    def keep_current(self, ledger: RotationLedger) -> None:
        """Save a ledger whose current version was just written."""
        self.keep(ledger.model_copy(update={"written_at": self.scope.written_at().get(self.secret)}))

    def note_proof(self, proved: Noted) -> None:
        """Record that a version passed its proof."""
        ledger = self.ledger()
        which = "current" if ledger.current is not None and ledger.current.id == proved.id else "pending"
        self.keep(ledger.model_copy(update={which: proved}))


class ScopeStore:
    """The versions of a secret that only the scope keeps."""

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
            previous = None  # a backup made by a rotation that stopped before it replaced the current value
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
    """The ledger's entry for a version."""
    return Noted(
        id=version.id or str(uuid.uuid4()), created_at=version.created_at or datetime.now(UTC), proved_at=proved_at
    )


def _standing(known: Noted | None, written_at: int | None) -> Noted | None:
    """The ledger's entry for a version that exists; None for one that does not."""
    if written_at is None:
        return None
    return known or Noted(id="by hand", created_at=datetime.fromtimestamp(written_at / 1000, UTC))


@contextlib.contextmanager
def _as_store_error(what: str, right: str) -> Iterator[None]:
    """Errors of the SDK in this block become one line without the SDK's text. `right`: the right on the scope that the
    block needs."""
    try:
        yield
    except StoreError:
        raise
    except CredentialError as error:
        raise StoreError(str(error)) from None
    except Exception as error:
        fault = fault_of(error)
        if fault.kind is FaultKind.NOT_FOUND:
            reason = "there is no such scope: deploy the stack first"
        elif fault.kind is FaultKind.CREDENTIAL_REFUSED:
            reason = f"{fault.finding()}: log in again"
        elif fault.kind is FaultKind.NOT_PERMITTED:
            reason = f"{right} on the scope is needed: ask a member of a group that manages it"
        else:
            reason = f"{fault.finding()} ({fault.name}): check the host and the network"
        raise StoreError(f"{what}: {reason}") from None
