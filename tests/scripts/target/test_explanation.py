"""Errors of a workspace in words."""

from __future__ import annotations

import pytest
import requests
from databricks.sdk.errors import BadRequest, InternalError, NotFound, PermissionDenied

from scripts.target.explanation import explain


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            PermissionDenied("Invalid access token."),
            "the workspace refuses the credential: log in again, or set a valid",
        ),
        (ValueError("invalid_client: authentication failed"), "the workspace can't be signed in to: log in again"),
        (
            PermissionDenied("no SELECT"),
            "the workspace does not permit this: no SELECT: run it as a member of the oper",
        ),
        (NotFound("no table x"), "the workspace has no such object: no table x: deploy it"),
        (BadRequest("what?"), "the workspace rejects the request: what?: see the text"),
        (InternalError("oops"), "the workspace answers with an error: oops: see the text"),
        (requests.ConnectionError("…"), "the workspace can't be reached (ConnectionError): check the output `host`"),
    ],
)
def test_an_error_of_the_workspace_has_a_finding_and_a_fix(error: Exception, words: str) -> None:
    assert str(explain(error)).startswith(words)


def test_an_error_of_another_origin_is_not_explained() -> None:
    assert explain(KeyError("x")) is None
