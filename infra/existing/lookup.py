"""Questions to the workspace about what exists, through its own provider.

In a preview before the workspace is created, the provider has no address yet: the engine then answers with nothing, and
nothing exists.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import pulumi
import pulumi_databricks as databricks

from infra.existing.columns import TableColumn, column_of
from infra.existing.mark import Securable
from pipeline.redaction import scrub

_ABSENT = re.compile(r"(?i)does not exist|DOES_NOT_EXIST|not found|NOT_FOUND|no such (catalog|schema)")

T = TypeVar("T")


def existing_catalog(name: str, opts: pulumi.InvokeOptions) -> Securable | None:
    found = _unless_absent(f"catalog {name}", lambda: databricks.get_catalog(name=name, opts=opts))
    info = found.catalog_info if found is not None else None
    return _securable(name, info.comment, info.properties, info.storage_root) if info is not None else None


def existing_schema(full_name: str, opts: pulumi.InvokeOptions) -> Securable | None:
    found = _unless_absent(f"schema {full_name}", lambda: databricks.get_schema(name=full_name, opts=opts))
    info = found.schema_info if found is not None else None
    return _securable(full_name, info.comment, info.properties, info.storage_root) if info is not None else None


def existing_tables(catalog: str, schema: str, opts: pulumi.InvokeOptions) -> frozenset[str]:
    """Full names, in lower case, of a schema's tables; none if the schema, or its workspace, does not exist yet.

    Any other failure ends the program: a table that exists but was not seen would be replaced by an empty one.
    """
    found = _unless_absent(
        f"the tables of schema {catalog}.{schema}",
        lambda: databricks.get_tables(catalog_name=catalog, schema_name=schema, opts=opts),
    )
    return _lower_case(found.ids if found is not None else None)


def existing_views(catalog: str, schema: str, opts: pulumi.InvokeOptions) -> frozenset[str]:
    """Full names, in lower case, of a schema's views: a look-up of tables leaves them out."""
    found = _unless_absent(
        f"the views of schema {catalog}.{schema}",
        lambda: databricks.get_views(catalog_name=catalog, schema_name=schema, opts=opts),
    )
    return _lower_case(found.ids if found is not None else None)


def existing_volumes(catalog: str, schema: str, opts: pulumi.InvokeOptions) -> frozenset[str]:
    """Full names, in lower case, of a schema's volumes."""
    found = _unless_absent(
        f"the volumes of schema {catalog}.{schema}",
        lambda: databricks.get_volumes(catalog_name=catalog, schema_name=schema, opts=opts),
    )
    return _lower_case(found.ids if found is not None else None)


def existing_columns(full_name: str, opts: pulumi.InvokeOptions) -> tuple[TableColumn, ...]:
    """The columns of a table that exists, in its order."""
    found = _unless_absent(f"table {full_name}", lambda: databricks.get_table(name=full_name, opts=opts))
    info = found.table_info if found is not None else None
    columns = info.columns if info is not None else None
    # The first position is 0, which the provider may leave out.
    ordered = sorted(columns or (), key=lambda column: column.position or 0)
    return tuple(
        column_of(one.name or "", one.type_text or "", one.comment, one.nullable, one.type_json) for one in ordered
    )


def existing_principals(name: str, opts: pulumi.InvokeOptions) -> list[str]:
    """SCIM ids of the active service principals of a display name, which need not be unique."""
    found = databricks.get_service_principals(api="workspace", display_name_contains=name, opts=opts)
    return [one.id for one in found.service_principals or () if one.display_name == name and one.active]


def existing_warehouses(name: str, opts: pulumi.InvokeOptions) -> list[str]:
    """Ids of the SQL warehouses of a name."""
    found = databricks.get_sql_warehouses(warehouse_name_contains=name, opts=opts)
    ids = [str(one) for one in found.ids or ()]
    return [one for one in ids if databricks.get_sql_warehouse(id=one, opts=opts).name == name]


def existing_jobs(name: str, opts: pulumi.InvokeOptions) -> list[str]:
    """Ids of the jobs of a name. Raises for names that several jobs have."""
    found = databricks.get_jobs(job_name_contains=name, opts=opts)
    return [str(job) for job_name, job in (found.ids or {}).items() if job_name == name]


def existing_dashboards(name: str, opts: pulumi.InvokeOptions) -> list[str]:
    """Ids of the dashboards of a name."""
    found = databricks.get_dashboards(dashboard_name_contains=name, opts=opts)
    return [one.dashboard_id for one in found.dashboards or () if one.display_name == name and _is_active(one)]


def existing_alerts(name: str, opts: pulumi.InvokeOptions) -> list[str]:
    """Ids of the alerts of a name."""
    found = databricks.get_alerts_v2(opts=opts)
    return [one.id for one in found.alerts or () if one.display_name == name and _is_active(one)]


def first_line(error: Exception) -> str:
    """A provider's error as one line, without secrets."""
    return scrub(" ".join(str(error).split()))[:500]


def _is_active(report: object) -> bool:
    """Whether a report is not in the trash."""
    return str(getattr(report, "lifecycle_state", "") or "ACTIVE") == "ACTIVE"


def _securable(name: str, comment: str | None, properties: Mapping[str, str] | None, storage: str | None) -> Securable:
    return Securable(name, comment or "", dict(properties or {}), storage or "")


def _unless_absent(what: str, ask: Callable[[], T]) -> T | None:
    """The answer; None if the object asked for, or what it is in, does not exist. Raises RunError otherwise."""
    try:
        return ask()
    except Exception as error:
        if _ABSENT.search(str(error)):
            return None
        raise pulumi.RunError(f"{what} can't be looked up: {first_line(error)}") from None


def _lower_case(names: Iterable[object] | None) -> frozenset[str]:
    return frozenset(str(name).lower() for name in names or ())
