"""What a deployment finds of itself in the workspace: looked up before anything is declared.

The engine knows what it made by its state. If the state is lost, or has forgotten what a `destroy` kept, all of it
still exists. Then a plan made without looking creates a second principal and a second warehouse, and stops at the
catalog. So everything that carries the deployment's mark is imported. The engine ignores an import of what is in its
state already, under the same id; after an import it brings what differs up to date in place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pulumi

from infra.existing import lookup
from infra.existing.mark import CATALOG_COMMENT, SCHEMA_COMMENT, Securable, is_of, whose


@dataclass(frozen=True)
class Names:
    """The names of what a deployment makes; an empty one: it does not make that."""

    deployment: str
    """project/stack, as in the mark."""
    catalog: str
    create_catalog: bool
    schema: str
    schema_setting: str
    """The setting schema_name as the operator gave it."""
    catalog_storage: str
    scope: str
    principal: str
    warehouse: str
    job: str
    dashboard: str
    alerts: tuple[str, ...]
    adopt: bool
    """Whether a catalog or a schema without the mark is this deployment's, as the operator says."""


@dataclass(frozen=True)
class Existing:
    """Ids of what exists and is this deployment's. None: it does not exist, or can't be told from others."""

    catalog: str | None = None
    schema: str | None = None
    volumes: frozenset[str] = frozenset()
    """Full names, in lower case."""
    scope: str | None = None
    principal: str | None = None
    warehouse: str | None = None
    job: str | None = None
    dashboard: str | None = None
    alerts: Mapping[str, str] = field(default_factory=dict)
    """By their names."""


NOTHING = Existing()


def look_up(names: Names, opts: pulumi.InvokeOptions) -> Existing:
    """What of a deployment exists.

    Raises RunError, one line, for a catalog or a schema that may be somebody else's, and if it can't be seen whether
    one exists. What else can't be seen is left to the engine, and the operator is told.
    """
    catalog = _own_catalog(names, opts) if names.create_catalog else None
    schema = _own_schema(names, opts)
    if schema is None:
        # Without one there was no deployment here, or nothing that tells its other parts from those of others.
        return Existing(catalog=catalog.full_name if catalog else None)
    return Existing(
        catalog=catalog.full_name if catalog else None,
        schema=schema.full_name,
        volumes=lookup.existing_volumes(names.catalog, names.schema, opts),
        # Scopes can't be looked up. Before the schema there was none, or there is the one that the mark names.
        scope=schema.scope or (names.scope if names.adopt else None),
        principal=_the_only("service principal", names.principal, lookup.existing_principals, opts),
        warehouse=_the_only("SQL warehouse", names.warehouse, lookup.existing_warehouses, opts),
        job=_the_only("job", names.job, lookup.existing_jobs, opts),
        dashboard=_the_only("dashboard", names.dashboard, lookup.existing_dashboards, opts),
        alerts={
            name: found
            for name in names.alerts
            if (found := _the_only("alert", name, lookup.existing_alerts, opts)) is not None
        },
    )


def _own_catalog(names: Names, opts: pulumi.InvokeOptions) -> Securable | None:
    found = lookup.existing_catalog(names.catalog, opts)
    if found is None:
        return None
    if not names.adopt and not is_of(names.deployment, found, CATALOG_COMMENT):
        raise pulumi.RunError(
            # In this order: a stack that has made the catalog would delete it if it is set as an existing one.
            f"catalog is not set, and the catalog {names.catalog} exists and {whose(found)}: set adopt to true if this "
            f"stack has made it, else set catalog to {names.catalog} to use it as it is"
        )
    given, stored = names.catalog_storage.rstrip("/"), found.storage.rstrip("/")
    if given and stored and given != stored:
        raise pulumi.RunError(
            f"catalog_storage is {names.catalog_storage!r}, but the catalog {names.catalog} is stored at "
            f"{found.storage}, and a catalog can't move: set catalog_storage to that"
        )
    return found


def _own_schema(names: Names, opts: pulumi.InvokeOptions) -> Securable | None:
    found = lookup.existing_schema(f"{names.catalog}.{names.schema}", opts)
    if found is None or names.adopt or is_of(names.deployment, found, SCHEMA_COMMENT):
        return found
    setting = f"is {names.schema_setting!r}" if names.schema_setting else "is not set"
    raise pulumi.RunError(
        f"schema_name {setting}, and the schema {found.full_name} exists and {whose(found)}: set adopt to "
        "true if this stack has made it, else set schema_name to the name of a schema to create"
    )


def _the_only(
    kind: str, name: str, find: Callable[[str, pulumi.InvokeOptions], list[str]], opts: pulumi.InvokeOptions
) -> str | None:
    """The id of the only one of a name. Of several, the engine's state must know which one is ours."""
    if not name:
        return None
    try:
        found = find(name, opts)
    except Exception as error:
        pulumi.log.warn(f"whether there is a {kind} {name} can't be seen: {lookup.first_line(error)}")
        return None
    if len(found) > 1:
        pulumi.log.warn(
            f"there are {len(found)} of the name {name} ({kind}: {', '.join(sorted(found))}): delete those not in use"
        )
    return found[0] if len(found) == 1 else None
