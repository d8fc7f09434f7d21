"""A group that may do something, or none, and the access-control list made from such groups."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_databricks as databricks


@dataclass(frozen=True)
class Group:
    """A group of the account. In its place, `None` says that there is no such group.

    Whether a group exists is known before deployment; its name may not be, where this deployment creates the group.
    """

    name: pulumi.Input[str]


def group_name(group: Group | None) -> pulumi.Input[str]:
    """The group's name; empty where there is no such group."""
    return group.name if group is not None else ""


def access_list(*rights: tuple[Group | None, str]) -> list[databricks.PermissionsAccessControlArgs]:
    """The access-control list that gives each group its permission level, in the order given.

    A group that does not exist has no entry. An empty list: declare no `Permissions`, which need one entry or more.
    """
    return [
        databricks.PermissionsAccessControlArgs(group_name=group.name, permission_level=level)
        for group, level in rights
        if group is not None
    ]
