"""The one line that matters of a failed engine, from its events."""

from __future__ import annotations

import json

import pytest

from scripts.engine.failure import QUERY_HISTORY, cause
from tests.support.fake_engine import STACK_URN, TRACEBACK, diagnostic, policy_violation, urn_of

STATEMENT = (
    "  sdk-v2/provider2.go:572: sdk.helper_schema: cannot update sql table: statement failed to execute: FAILED: "
    "provider=databricks@1.118.0\n"
)
JOB = urn_of("databricks:index/job:Job", "job")
JOB = urn_of("x:y/job:Job", "job")
BRONZE = urn_of("databricks:index/sqlTable:SqlTable", "bronze")


def events(*given: dict[str, object]) -> list[str]:
    return [json.dumps({"sequence": number, "timestamp": 1, **event}) for number, event in enumerate(given)]


def test_a_statement_that_failed_says_where_the_reason_is() -> None:
    assert cause(events(diagnostic(TRACEBACK, STACK_URN), diagnostic(STATEMENT, BRONZE))) == (
        f"bronze (SqlTable): cannot update sql table: statement failed to execute: FAILED: {QUERY_HISTORY}"
    )


def test_a_providers_error_comes_before_the_programs_which_follows_from_it() -> None:
    found = cause(
        events(
            diagnostic(TRACEBACK, STACK_URN),
            diagnostic("1 error occurred:\n\t* cannot create job: no such node type m9\n\n", JOB),
            diagnostic("update failed\n", STACK_URN),
        )
    )
    assert found == "job (Job): cannot create job: no such node type m9"


def test_of_several_resources_the_first_is_named_and_the_others_are_counted() -> None:
    found = cause(
        events(
            diagnostic("cannot create catalog: exists\n", urn_of("x:y/catalog:Catalog", "catalog")),
            diagnostic("cannot create catalog: exists\n", urn_of("x:y/catalog:Catalog", "catalog")),
            diagnostic("cannot create scope: exists\n", urn_of("x:y/scope:SecretScope", "secrets")),
            diagnostic("cannot create job: exists\n", JOB),
        )
    )
    assert found == "catalog (Catalog): cannot create catalog: exists (and 2 more: see above)"


def test_the_programs_own_error_is_the_line_if_there_is_no_other() -> None:
    line = "host is not set: set it to the workspace's address, or set workspace to create"
    assert cause(events(diagnostic(f"{line}\n", STACK_URN), diagnostic("update failed\n", ""))) == line


def test_of_a_traceback_the_error_at_its_end_is_the_line() -> None:
    assert (
        cause(events(diagnostic(TRACEBACK, STACK_URN)))
        == "invocation of databricks:index/getTables failed: no such host"
    )


@pytest.mark.parametrize(
    ("last", "line"),
    [
        ("pipeline.errors.SettingsError: host is not set: set it", "host is not set: set it"),
        ("KeyError: 'host'", "KeyError: 'host'"),
    ],
)
def test_an_error_of_ours_is_shown_without_its_class(last: str, line: str) -> None:
    text = TRACEBACK.partition("Exception: ")[0] + last
    assert cause(events(diagnostic(text, STACK_URN))) == line


def test_a_policy_that_was_violated_is_named() -> None:
    found = cause(events(policy_violation("state-is-protected", "protect it: set protect to true", BRONZE)))
    assert found == "bronze (SqlTable): state-is-protected: protect it: set protect to true"


@pytest.mark.parametrize(
    "event",
    [
        diagnostic("deprecated\n", BRONZE, severity="warning"),
        policy_violation("a-rule", "think of it", BRONZE, level="advisory"),
        {"diagnosticEvent": "new form"},
        {"summaryEvent": {"resourceChanges": {"same": 3}}},
        {},
    ],
)
def test_what_is_no_error_gives_no_line(event: dict[str, object]) -> None:
    assert cause([*events(event), '{"diagnosticEvent": {"urn": "cut sh', ""]) == ""


def test_the_line_has_no_secret_and_is_one_line() -> None:
    line = cause(events(diagnostic(f"refused: Bearer {'b' * 32}\nand\n\nmore {'x' * 900}\n", BRONZE)))
    assert "bbbb" not in line
    assert "\n" not in line
    assert len(line) < 600
