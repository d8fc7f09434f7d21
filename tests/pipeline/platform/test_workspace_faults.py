"""What an error of the workspace means, without a workspace."""

from __future__ import annotations

import sys

import pytest
import requests
from databricks.sdk.errors import InternalError, InvalidParameterValue, NotFound, PermissionDenied, Unauthenticated

from pipeline.platform.workspace_faults import FaultKind, fault_of


@pytest.mark.parametrize(
    ("error", "kind", "finding"),
    [
        (Unauthenticated("who?"), FaultKind.CREDENTIAL_REFUSED, "the workspace refuses the credential"),
        (PermissionDenied("Invalid access token."), FaultKind.CREDENTIAL_REFUSED, "the workspace refuses the"),
        (PermissionDenied("Invalid Access Token"), FaultKind.CREDENTIAL_REFUSED, "the workspace refuses the"),
        (PermissionDenied("no READ"), FaultKind.NOT_PERMITTED, "the workspace does not permit this"),
        (NotFound("no scope"), FaultKind.NOT_FOUND, "the workspace has no such object"),
        (InvalidParameterValue("what?"), FaultKind.BAD_REQUEST, "the workspace rejects the request"),
        (InternalError("oops"), FaultKind.OTHER, "the workspace answers with an error"),
        (requests.ConnectionError("no route"), FaultKind.UNREACHABLE, "the workspace can't be reached"),
        (TimeoutError("timed out"), FaultKind.UNREACHABLE, "the workspace can't be reached"),
        (
            ValueError("invalid_client: authentication failed"),
            FaultKind.SIGN_IN_FAILED,
            "the workspace can't be signed",
        ),
        (ValueError("not a number"), FaultKind.UNKNOWN, "the workspace can't be asked"),
        (PermissionError("a local file"), FaultKind.UNKNOWN, "the workspace can't be asked"),
    ],
)
def test_each_error_has_its_meaning(error: Exception, kind: FaultKind, finding: str) -> None:
    fault = fault_of(error)
    assert fault.kind is kind
    assert fault.finding().startswith(finding)


def test_the_finding_names_the_place_that_was_asked() -> None:
    assert fault_of(Unauthenticated("x")).finding("the account at h") == "the account at h refuses the credential"


def test_the_name_of_a_rejected_request_is_its_code_and_of_any_other_error_its_type() -> None:
    rejected = InvalidParameterValue("what?", error_code="INVALID_PARAMETER_VALUE")
    assert [fault_of(error).name for error in (rejected, InternalError("x", error_code="Y"), KeyError())] == [
        "INVALID_PARAMETER_VALUE",
        "InternalError",
        "KeyError",
    ]


def test_the_text_is_one_line_without_secrets_and_without_the_configuration_that_the_sdk_appends() -> None:
    token = "42:" + "s" * 35
    fault = fault_of(InternalError(f"quota of {token}. Config: host=h, token=t\nmore"))
    assert fault.text == "quota of <secret>"
    assert fault_of(KeyError()).text == "KeyError"


def test_without_the_sdk_no_error_is_the_workspaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "databricks.sdk.errors", None)
    assert fault_of(TimeoutError()).kind is FaultKind.UNKNOWN
