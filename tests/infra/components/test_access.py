"""Groups, and the access-control lists made from them."""

from __future__ import annotations

from typing import Any

import pulumi_databricks as databricks
import pytest

from infra.components.access import Group, access_list, group_name
from tests.support.program import Run, run_component

OPERATORS, READERS = Group("ops"), Group("readers")


@pytest.mark.parametrize(
    ("operators", "readers", "expected"),
    [
        (OPERATORS, READERS, [("ops", "CAN_MANAGE"), ("readers", "CAN_READ")]),
        (OPERATORS, None, [("ops", "CAN_MANAGE")]),
        (None, READERS, [("readers", "CAN_READ")]),
        (None, None, []),
    ],
)
def test_each_group_that_exists_gets_its_level_in_the_order_given(
    operators: Group | None, readers: Group | None, expected: list[tuple[str, str]]
) -> None:
    entries = access_list((operators, "CAN_MANAGE"), (readers, "CAN_READ"))
    assert [(entry.group_name, entry.permission_level) for entry in entries] == expected


def test_the_name_of_a_group_may_be_known_only_after_deployment() -> None:
    def declare(opts: Any) -> None:
        group = Group(databricks.Group("operators", display_name="ops", opts=opts).id)
        may = access_list((group, "CAN_MANAGE"))
        databricks.Permissions("permissions", job_id="1", access_controls=may, opts=opts)

    def named(run: Run) -> object:
        (entry,) = run.one("Permissions").inputs["accessControls"]
        return entry["groupName"]

    assert named(run_component(declare)) == "operators-id"
    assert named(run_component(declare, preview=True)) != "operators-id"


def test_no_group_has_an_empty_name() -> None:
    assert (group_name(OPERATORS), group_name(None)) == ("ops", "")
