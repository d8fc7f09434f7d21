"""Errors of a workspace in words, for operators."""

from __future__ import annotations

from typing import NamedTuple

from pipeline.platform.workspace_faults import FaultKind, fault_of


class Explanation(NamedTuple):
    """An error in words: what is wrong, and how to fix it."""

    finding: str
    fix: str

    def __str__(self) -> str:
        return f"{self.finding}: {self.fix}"


def explain(error: Exception) -> Explanation | None:
    """An error of the workspace in words; None if it is not the workspace's."""
    fault = fault_of(error)
    finding, with_text = fault.finding(), f"{fault.finding()}: {fault.text}"
    match fault.kind:
        case FaultKind.CREDENTIAL_REFUSED:
            return Explanation(finding, "log in again, or set a valid DATABRICKS_TOKEN")
        case FaultKind.SIGN_IN_FAILED:
            return Explanation(finding, "log in again: databricks auth login")
        case FaultKind.NOT_PERMITTED:
            return Explanation(with_text, "run it as a member of the operators' group")
        case FaultKind.NOT_FOUND:
            return Explanation(with_text, "deploy it: make up")
        case FaultKind.UNREACHABLE:
            return Explanation(f"{finding} ({fault.name})", "check the output `host` and the network")
        case FaultKind.BAD_REQUEST | FaultKind.OTHER:
            return Explanation(with_text, "see the text; try again later")
        case FaultKind.UNKNOWN:
            return None
