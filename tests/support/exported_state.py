"""Edits of a stack's state as `pulumi stack export` prints it, for `pulumi stack import`."""

from __future__ import annotations

import copy
from typing import Any

Json = dict[str, Any]


class StateError(ValueError):
    """The state can't be edited so that the engine still accepts it."""


def without_resource(exported: Json, name: str) -> Json:
    """The state without one resource, as if the engine had never made it; those that depend on it stay.

    The engine refuses a state that refers to a missing resource: so no dependency names it any more, and no operation
    on it is pending. Raises StateError if the state has not exactly one resource of that name, or if another one is
    inside it or made by it.
    """
    edited = copy.deepcopy(exported)
    deployment = edited["deployment"]
    resources: list[Json] = deployment["resources"]
    found = [resource["urn"] for resource in resources if _name_of(resource["urn"]) == name]
    if len(found) != 1:
        raise StateError(f"the state has {len(found)} resources named {name}")
    urn = found[0]
    for resource in resources:
        if resource.get("parent") == urn or resource.get("provider", "").rpartition("::")[0] == urn:
            raise StateError(f"{name} is the parent or the provider of {_name_of(resource['urn'])}")
    deployment["resources"] = [resource for resource in resources if resource["urn"] != urn]
    pending: list[Json] = deployment.get("pending_operations") or []
    if pending:
        deployment["pending_operations"] = [one for one in pending if one["resource"]["urn"] != urn]
    for resource in (*deployment["resources"], *(one["resource"] for one in pending)):
        _forget(resource, urn)
    return edited


def without_resources(exported: Json) -> Json:
    """The state of a stack that has lost all it knew."""
    edited = copy.deepcopy(exported)
    edited["deployment"]["resources"] = []
    edited["deployment"].pop("pending_operations", None)
    return edited


def _name_of(urn: str) -> str:
    return urn.rpartition("::")[2]


def _forget(resource: Json, urn: str) -> None:
    if "dependencies" in resource:
        resource["dependencies"] = [one for one in resource["dependencies"] if one != urn]
    for name, on in (resource.get("propertyDependencies") or {}).items():
        resource["propertyDependencies"][name] = [one for one in on or () if one != urn]
    if resource.get("deletedWith") == urn:
        del resource["deletedWith"]
    if "replaceWith" in resource:
        resource["replaceWith"] = [one for one in resource["replaceWith"] if one != urn]
