"""The edits that the test on the real engine makes to a stack's state."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.support.exported_state import StateError, without_resource, without_resources

STACK = "urn:pulumi:dev::telegram-lakehouse::"
INSIDE = f"{STACK}telegram-lakehouse:infra:Catalog$databricks:index"
CATALOG = f"{STACK}telegram-lakehouse:infra:Catalog::catalog"
PROVIDER = f"{STACK}pulumi:providers:databricks::workspace-provider"
SILVER = f"{INSIDE}/sqlTable:SqlTable::catalog-silver"
BRONZE = f"{INSIDE}/sqlTable:SqlTable::catalog-bronze"
GRANT = f"{INSIDE}/grant:Grant::catalog-grant-job-silver"
JOB = f"{STACK}databricks:index/job:Job::job-job"


def resource(urn: str, *depends_on: str, **more: Any) -> dict[str, Any]:
    return {
        "urn": urn, "custom": True, "id": urn[-3:], "parent": CATALOG, "provider": f"{PROVIDER}::p-1",
        "dependencies": [*depends_on], **more,
    }  # fmt: skip


EXPORTED: dict[str, Any] = {
    "version": 3,
    "deployment": {
        "manifest": {"version": "v3.250.0"},
        "secrets_providers": {"type": "passphrase", "state": {"salt": "v1:…"}},
        "resources": [
            {"urn": PROVIDER, "custom": True, "id": "p-1"},
            {"urn": CATALOG, "custom": False},
            resource(SILVER),
            resource(BRONZE),
            resource(GRANT, SILVER, BRONZE, propertyDependencies={"table": [SILVER], "principal": None}),
            resource(JOB, GRANT, SILVER, deletedWith=SILVER, replaceWith=[SILVER, BRONZE]),
        ],
        "pending_operations": [
            {"resource": resource(SILVER), "type": "updating"},
            {"resource": resource(GRANT, SILVER), "type": "creating"},
        ],
    },
}


def urns(exported: dict[str, Any]) -> list[str]:
    return [one["urn"] for one in exported["deployment"]["resources"]]


def test_exactly_the_resource_is_removed_and_what_depends_on_it_stays() -> None:
    before = copy.deepcopy(EXPORTED)
    edited = without_resource(EXPORTED, "catalog-silver")
    assert urns(edited) == [PROVIDER, CATALOG, BRONZE, GRANT, JOB]
    assert before == EXPORTED
    for kept in ("manifest", "secrets_providers"):
        assert edited["deployment"][kept] == EXPORTED["deployment"][kept]


def test_nothing_refers_to_it_any_more_and_every_other_reference_stays() -> None:
    edited = without_resource(EXPORTED, "catalog-silver")
    assert SILVER not in str(edited)
    *_, grant, job = edited["deployment"]["resources"]
    assert (grant["dependencies"], grant["propertyDependencies"]) == ([BRONZE], {"table": [], "principal": []})
    assert (job["dependencies"], job["replaceWith"]) == ([GRANT], [BRONZE])


def test_operations_that_are_pending_on_others_stay() -> None:
    pending = without_resource(EXPORTED, "catalog-silver")["deployment"]["pending_operations"]
    assert [(one["resource"]["urn"], one["type"]) for one in pending] == [(GRANT, "creating")]
    assert pending[0]["resource"]["dependencies"] == []
    none = {"deployment": {"resources": EXPORTED["deployment"]["resources"]}}
    assert "pending_operations" not in without_resource(none, "catalog-silver")["deployment"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("catalog", "catalog is the parent or the provider of catalog-silver"),
        ("workspace-provider", "workspace-provider is the parent or the provider of catalog-silver"),
        ("catalog-gold", "the state has 0 resources named catalog-gold"),
    ],
)
def test_a_resource_that_others_need_to_exist_is_not_removed(name: str, why: str) -> None:
    with pytest.raises(StateError, match=why):
        without_resource(EXPORTED, name)


def test_a_lost_state_has_neither_resources_nor_pending_operations() -> None:
    lost = without_resources(EXPORTED)
    assert urns(lost) == []
    assert "pending_operations" not in lost["deployment"]
    assert urns(EXPORTED)
