"""What an error of a Databricks workspace means: one place for what a 401, 403 or 404 says.

Callers put the meaning into a line of their own, with the fix that fits them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pipeline.redaction import scrub


class FaultKind(StrEnum):
    """What an error of the workspace means. Each value completes "the workspace …"."""

    CREDENTIAL_REFUSED = "refuses the credential"
    SIGN_IN_FAILED = "can't be signed in to"
    NOT_PERMITTED = "does not permit this"
    NOT_FOUND = "has no such object"
    BAD_REQUEST = "rejects the request"
    UNREACHABLE = "can't be reached"
    OTHER = "answers with an error"
    UNKNOWN = "can't be asked"


@dataclass(frozen=True)
class WorkspaceFault:
    """An error of the workspace, as a value."""

    kind: FaultKind
    name: str
    """The workspace's error code or the error's type. Never holds a secret."""
    text: str
    """The first line of the error's own text, secrets removed. It may quote what was asked."""

    def finding(self, place: str = "the workspace") -> str:
        """What is wrong, without the error's own text."""
        return f"{place} {self.kind}"


def fault_of(error: Exception) -> WorkspaceFault:
    """What an error that the SDK raised means.

    Kind UNKNOWN: it comes neither from the workspace nor from the way to it. Without the SDK every error is UNKNOWN.
    """
    kind = _kind_of(error)
    code = getattr(error, "error_code", None) if kind is FaultKind.BAD_REQUEST else None
    return WorkspaceFault(kind, str(code or type(error).__name__), first_line(error))


def _kind_of(error: Exception) -> FaultKind:
    try:
        from databricks.sdk.errors import BadRequest, NotFound, PermissionDenied, Unauthenticated
        from databricks.sdk.errors.base import DatabricksError
        from requests import RequestException
    except ImportError:
        return FaultKind.UNKNOWN
    if isinstance(error, PermissionDenied) and "access token" in str(error).lower():
        return FaultKind.CREDENTIAL_REFUSED  # an invalid token is answered by 403 too
    kinds: list[tuple[FaultKind, tuple[type[Exception], ...]]] = [
        (FaultKind.CREDENTIAL_REFUSED, (Unauthenticated,)),
        (FaultKind.NOT_PERMITTED, (PermissionDenied,)),
        (FaultKind.NOT_FOUND, (NotFound,)),
        (FaultKind.BAD_REQUEST, (BadRequest,)),
        (FaultKind.OTHER, (DatabricksError,)),
        (FaultKind.UNREACHABLE, (RequestException, TimeoutError, ConnectionError)),
    ]
    kind = next((kind for kind, types in kinds if isinstance(error, types)), FaultKind.UNKNOWN)
    if kind is FaultKind.UNKNOWN and isinstance(error, ValueError) and "auth" in str(error):
        return FaultKind.SIGN_IN_FAILED  # the SDK fetches a token with the first request
    return kind


def first_line(error: Exception) -> str:
    """The first line of an error's text, secrets removed; its type if it has no text."""
    # The SDK appends its configuration to some errors.
    lines = str(error).partition(". Config:")[0].strip().splitlines()
    return scrub(lines[0])[:300] if lines else type(error).__name__
