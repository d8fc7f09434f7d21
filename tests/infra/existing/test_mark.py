"""How a deployment knows its own catalog and schema again."""

from __future__ import annotations

import pytest

from infra.existing.mark import (
    CATALOG_COMMENT,
    SCHEMA_COMMENT,
    Securable,
    is_of,
    mark_of_catalog,
    mark_of_schema,
    whose,
)

OURS = "telegram-lakehouse/dev"
COMMENTS = pytest.mark.parametrize("comment", [CATALOG_COMMENT, SCHEMA_COMMENT])


@COMMENTS
def test_what_carries_the_deployments_mark_is_its_own_whatever_its_comment(comment: str) -> None:
    for properties in (mark_of_catalog(OURS), mark_of_schema(OURS, "scope")):
        assert is_of(OURS, Securable("c", "changed by hand", properties), comment)


@COMMENTS
def test_what_carries_another_mark_is_not_whatever_its_comment(comment: str) -> None:
    found = Securable("c", comment, mark_of_catalog("telegram-lakehouse/staging"))
    assert not is_of(OURS, found, comment)
    assert whose(found) == "is marked as deployed by telegram-lakehouse/staging"


@COMMENTS
def test_what_a_version_without_the_mark_made_is_known_by_its_comment(comment: str) -> None:
    assert is_of(OURS, Securable("c", comment), comment)
    assert is_of(OURS, Securable("c", comment, {"team": "data"}), comment)
    assert not is_of(OURS, Securable("c", "Sales."), comment)
    assert whose(Securable("c", "Sales.")) == "carries no mark of this product"


def test_a_schema_names_the_scope_that_was_made_before_it() -> None:
    assert Securable("s", "", mark_of_schema(OURS, "telegram-lakehouse-dev")).scope == "telegram-lakehouse-dev"
    assert Securable("s").scope == ""
