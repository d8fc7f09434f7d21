"""Faults that a test scripts: what goes wrong, with which calls, and how often."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.sandbox.json_types import Json

Kind = Literal[
    "too_many_requests",
    "unauthorized",
    "conflict",
    "server_error",
    "status",
    "html",
    "garbage",
    "lost_response",
    "lost_request",
    "reset_before",
    "reset_after",
    "slow",
    "delay",
    "hang",
]

KINDS: dict[Kind, str] = {
    "too_many_requests": "429 with `retry_after`; nothing is carried out.",
    "unauthorized": "401, as for a token that was revoked.",
    "conflict": "409, as when a second program polls.",
    "server_error": "502, or the `status` that you give.",
    "status": "The `status` that you give, 500 by default, with your `description` and `parameters`.",
    "html": "A web page in place of JSON, as a proxy answers: 502, or the `status` that you give.",
    "garbage": "A web page in place of JSON, with status 200.",
    "lost_response": "The call is carried out, then the connection is closed without a response.",
    "lost_request": "The connection is closed without a response, and nothing is carried out.",
    "reset_before": "The connection is reset (RST), and nothing is carried out.",
    "reset_after": "The call is carried out, then the connection is reset (RST).",
    "slow": "The call is carried out after `seconds`.",
    "delay": "The same as `slow`.",
    "hang": "No response until the client gives up; nothing is carried out.",
}
"""What each kind of fault does."""

CARRIED_OUT = frozenset({"lost_response", "reset_after"})
"""Kinds whose call is carried out before it fails."""
DELAYED = frozenset({"slow", "delay"})

_STATUS_OF: dict[str, int] = {"too_many_requests": 429, "unauthorized": 401, "conflict": 409, "server_error": 502}
_DESCRIPTION_OF = {
    "conflict": "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
}


class ScriptedFault(BaseModel):
    """What goes wrong with calls of a method: `after` calls that match succeed, then `times` calls fail."""

    model_config = ConfigDict(extra="forbid")

    method: str = Field(description="The method's name, or * for every method.")
    kind: Kind
    times: int = Field(default=1, ge=0, description="0: until the faults are cleared.")
    after: int = Field(default=0, ge=0)
    chat_id: int | None = None
    status: Annotated[int, Field(ge=400, le=599)] | None = Field(default=None, description="By default the kind's own.")
    description: str | None = Field(default=None, description="Of a status; by default the server's own for it.")
    parameters: Json | None = Field(default=None, description="ResponseParameters of a status.")
    retry_after: int = Field(default=5, ge=0, description="Seconds, of too_many_requests.")
    seconds: float = Field(default=1.0, ge=0, description="Of slow.")

    @property
    def error_code(self) -> int:
        """The status to answer with."""
        return self.status or _STATUS_OF.get(self.kind, 502 if self.kind == "html" else 500)

    @property
    def response_parameters(self) -> Json | None:
        if self.kind == "too_many_requests":
            return {"retry_after": self.retry_after} | (self.parameters or {})
        return self.parameters

    @property
    def status_description(self) -> str:
        """The description to answer a status with."""
        if self.description is not None:
            return self.description
        if self.kind in _DESCRIPTION_OF:
            return _DESCRIPTION_OF[self.kind]
        wait = (self.response_parameters or {}).get("retry_after")
        return self.phrase if wait is None else f"{self.phrase}: retry after {wait}"

    @property
    def phrase(self) -> str:
        """HTTP's own words for the status."""
        return HTTPStatus(self.error_code).phrase if self.error_code in set(HTTPStatus) else "Unknown Error"


class _ActiveFault:
    """A fault with its counts."""

    def __init__(self, fault: ScriptedFault) -> None:
        self.fault = fault
        self.skipped = 0
        self.applied = 0

    def strikes(self, method: str, parameters: Mapping[str, Any]) -> bool:
        """Whether this call fails; counts it."""
        fault = self.fault
        if fault.method != "*" and fault.method.lower() != method.lower():
            return False
        if fault.chat_id is not None and str(parameters.get("chat_id")) != str(fault.chat_id):
            return False
        if fault.times and self.applied >= fault.times:
            return False
        if self.skipped < fault.after:
            self.skipped += 1
            return False
        self.applied += 1
        return True

    def as_json(self) -> Json:
        return self.fault.model_dump(exclude_none=True) | {"applied": self.applied}


class Faults:
    """The faults in the order in which they were added: the first that matches a call strikes."""

    def __init__(self) -> None:
        self._active: list[_ActiveFault] = []

    def add(self, fault: ScriptedFault) -> None:
        self._active.append(_ActiveFault(fault))

    def clear(self) -> None:
        self._active.clear()

    def strike(self, method: str, parameters: Mapping[str, Any]) -> ScriptedFault | None:
        """The fault of this call, if any; it counts as applied."""
        for active in self._active:
            if active.strikes(method, parameters):
                return active.fault
        return None

    def as_json(self) -> list[Json]:
        """Every fault, with how often it was applied."""
        return [active.as_json() for active in self._active]
