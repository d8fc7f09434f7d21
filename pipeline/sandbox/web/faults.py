"""Faults that a test scripts: what goes wrong, with which calls, and how often."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.sandbox.json_types import Json


class ScriptedFault(BaseModel):
    """What goes wrong with calls of a method: `after` calls that match succeed, then `times` calls fail."""

    model_config = ConfigDict(extra="forbid")

    method: str = Field(description="The method's name, or * for every method.")
    kind: Literal["lost_response", "lost_request", "status", "delay", "hang", "garbage"]
    times: int = Field(default=1, ge=0, description="0: until the faults are cleared.")
    after: int = Field(default=0, ge=0)
    chat_id: int | None = None
    status: Annotated[int, Field(ge=400, le=599)] = 500
    description: str | None = Field(default=None, description="Of a status; by default the server's own for it.")
    parameters: Json | None = Field(default=None, description="ResponseParameters of a status.")
    seconds: float = Field(default=1.0, ge=0, description="Of a delay.")

    @property
    def status_description(self) -> str:
        """The description to answer a status with."""
        if self.description is not None:
            return self.description
        phrase = HTTPStatus(self.status).phrase if self.status in set(HTTPStatus) else "Unknown Error"
        wait = (self.parameters or {}).get("retry_after")
        return phrase if wait is None else f"{phrase}: retry after {wait}"


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
